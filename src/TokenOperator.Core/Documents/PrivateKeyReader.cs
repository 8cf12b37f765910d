using System.Security.Cryptography;
using System.Text;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Core.Documents;

/// <summary>
/// Reads a private key: PEM (RFC 7468) of PKCS #8, PKCS #1 or SEC 1, or the JSON key of a Google service account. An address in such a
/// file is not used: no file decides where a secret is sent.
/// </summary>
public static class PrivateKeyReader
{
    private const string Expected = "a private key in PEM, or the JSON key of a Google service account,";
    private const string ExpectedPem = "a private key in PEM, which starts with -----BEGIN PRIVATE KEY-----,";
    private const int MinRsaBits = 2048;
    private const string P256 = "1.2.840.10045.3.1.7";

    /// <summary>Reads <paramref name="content"/>. Messages call it <paramref name="source"/>.</summary>
    /// <exception cref="InvalidDocumentException">It is not a private key that can be used.</exception>
    public static PrivateKey Read(ReadOnlySpan<byte> content, string source)
    {
        var start = content.TrimStart(" \t\r\n\uFEFF"u8);
        if (start.StartsWith("-----BEGIN"u8) || !start.StartsWith("{"u8))
            return ReadPem(Decode(content, source, Expected), source, Expected);
        var document = new JsonFields(JsonInput.ReadObject(content, source), source);
        RejectOtherFiles(document, source);
        var pem = document.Text("private_key") ?? throw document.Wrong("private_key", "the key in PEM, but it is missing or empty. Download the key again: a key can be downloaded once, when it is created");
        var email = document.Credential("client_email") ?? throw document.Wrong("client_email", "the address of the service account, but it is missing or empty");
        return ReadPem(pem, $"{source}: field private_key", Expected) with
        {
            ServiceAccount = email,
            ServiceAccountId = document.Credential("client_id"),
            KeyId = document.Credential("private_key_id"),
        };
    }

    /// <summary>Reads <paramref name="content"/>, which must be PEM. Messages call it <paramref name="source"/>.</summary>
    /// <exception cref="InvalidDocumentException">It is not a private key that can be used.</exception>
    public static PrivateKey ReadPem(ReadOnlySpan<byte> content, string source) => content.TrimStart(" \t\r\n\uFEFF"u8).StartsWith("{"u8)
        ? throw Wrong(source, "a JSON file", ExpectedPem)
        : ReadPem(Decode(content, source, ExpectedPem), source, ExpectedPem);

    private static string Decode(ReadOnlySpan<byte> content, string source, string expected)
    {
        if (content.Length > JsonInput.MaxFileBytes)
            throw new InvalidDocumentException($"{source}: more than {JsonInput.MaxFileBytes} bytes found: this is not a private key.");
        // A key in DER begins with a SEQUENCE.
        return content is [0x30, 0x82, ..] or [0x30, 0x81, ..]
            ? throw new InvalidDocumentException($"{source}: a key in DER was found, {expected} was expected. Convert it: openssl pkey -inform DER -in key.der -out key.pem")
            : Encoding.UTF8.GetString(content).TrimStart('\uFEFF');
    }

    private static void RejectOtherFiles(JsonFields document, string source)
    {
        var type = document.Has("type") ? document.Text("type") : null;
        if (type == "service_account")
            return;
        var found = type switch
        {
            "authorized_user" => "a token file of gcloud",
            "external_account" or "external_account_authorized_user" => "a workload or workforce identity federation file",
            "impersonated_service_account" => "a file for impersonating a service account",
            _ when DocumentKind.ConsoleClient(document) is not null => "an OAuth client file (credentials.json)",
            _ when document.Has("refresh_token") => "a token file",
            _ when document.Has("boxAppSettings") => "an app configuration of Box; put the decrypted appAuth.privateKey there",
            _ => "a document that is no key of a service account",
        };
        throw new InvalidDocumentException($"{source}: {found} was found, {Expected} was expected.");
    }

    private static PrivateKey ReadPem(string text, string source, string expected)
    {
        // The older form of encryption has header fields, which RFC 7468 does not allow.
        if (text.Contains("Proc-Type: 4,ENCRYPTED", StringComparison.Ordinal))
            throw Encrypted(source);
        if (!PemEncoding.TryFind(text, out var fields))
        {
            throw new InvalidDocumentException(
                $"{source}: {(text.Contains("-----BEGIN", StringComparison.Ordinal) ? "the PEM is not complete: perhaps line breaks were lost. Put the whole file there." : $"{expected} was expected, but no PEM was found.")}");
        }

        var (label, pem) = (text[fields.Label], text[fields.Location]);
        return label switch
        {
            "ENCRYPTED PRIVATE KEY" => throw Encrypted(source),
            "PRIVATE KEY" => TryImport(pem, PrivateKeyKind.Rsa, source) ?? TryImport(pem, PrivateKeyKind.EllipticCurve, source) ?? throw Damaged(source),
            "RSA PRIVATE KEY" => TryImport(pem, PrivateKeyKind.Rsa, source) ?? throw Damaged(source),
            "EC PRIVATE KEY" => TryImport(pem, PrivateKeyKind.EllipticCurve, source) ?? throw Damaged(source),
            // openssl writes the parameters of the curve in front of the key.
            "EC PARAMETERS" => ReadPem(text[fields.Location.End..], source, expected),
            "PUBLIC KEY" or "RSA PUBLIC KEY" => throw Wrong(source, "a public key", expected),
            "CERTIFICATE" => throw Wrong(source, "a certificate", expected),
            "CERTIFICATE REQUEST" or "NEW CERTIFICATE REQUEST" => throw Wrong(source, "a certificate request", expected),
            "OPENSSH PRIVATE KEY" => throw new InvalidDocumentException(
                $"{source}: a private key of OpenSSH was found, {expected} was expected. Convert a copy of it: ssh-keygen -p -m PKCS8 -N '' -f COPY"),
            _ => throw Wrong(source, "PEM of another kind", expected),
        };
    }

    private static PrivateKey? TryImport(string pem, PrivateKeyKind kind, string source)
    {
        var found = new PrivateKey(new SecretValue(pem), kind);
        try
        {
            using var key = found.Open();
            return key switch
            {
                RSA { KeySize: < MinRsaBits and var bits } => throw new InvalidDocumentException($"{source}: an RSA key of {bits} bits was found, at least {MinRsaBits} bits were expected."),
                ECDsa curve when curve.ExportParameters(includePrivateParameters: false).Curve.Oid.Value != P256 =>
                    throw new InvalidDocumentException($"{source}: an EC key on another curve was found, one on P-256 was expected."),
                _ => found,
            };
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            return null;
        }
    }

    private static InvalidDocumentException Encrypted(string source) =>
        new($"{source}: the private key is encrypted, and the operator has no password. Decrypt it, and put the result there: openssl pkey -in key.pem -out plain.pem");

    private static InvalidDocumentException Wrong(string source, string found, string expected) => new($"{source}: {found} was found, {expected} was expected.");

    private static InvalidDocumentException Damaged(string source) =>
        new($"{source}: the private key is damaged, or of a kind that cannot be used; expected an RSA key of at least {MinRsaBits} bits, or an EC key on the curve P-256.");
}
