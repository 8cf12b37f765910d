using System.Buffers.Text;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Core.Documents;

/// <summary>Reads the private key of a client, and its certificate, in PEM. No message repeats content.</summary>
internal static class ClientKeyReader
{
    private const string Expected = "a private key in PEM, which starts with -----BEGIN PRIVATE KEY-----,";
    private const string P256 = "1.2.840.10045.3.1.7";
    private const int MinRsaBits = 2048;

    /// <summary>Reads a key.</summary>
    /// <param name="key">The content of the key, and what messages call it.</param>
    /// <param name="certificate">The same of the certificate; null if there is none.</param>
    /// <param name="keyId">The <c>kid</c>, or null.</param>
    /// <param name="needsEllipticCurve">True for an EC key, false for an RSA key.</param>
    /// <exception cref="InvalidDocumentException">It cannot be used.</exception>
    public static ClientKey Read((byte[] Content, string Place) key, (byte[] Content, string Place)? certificate, string? keyId, bool needsEllipticCurve)
    {
        var pem = TextOf(key.Content, key.Place);
        RejectOtherKinds(pem, key.Place);
        using AsymmetricAlgorithm algorithm = needsEllipticCurve ? ReadCurve(pem, key.Place) : ReadRsa(pem, key.Place);
        var hash = certificate is { } file ? HashOf(file.Content, file.Place, key.Place, algorithm) : null;
        return new ClientKey(new SecretValue(pem), needsEllipticCurve, hash, keyId);
    }

    private static string TextOf(byte[] content, string place) => content.Length <= JsonInput.MaxFileBytes
        ? Encoding.UTF8.GetString(content).Trim()
        : throw new InvalidDocumentException($"{place}: more than {JsonInput.MaxFileBytes} bytes found: this is no key and no certificate.");

    private static void RejectOtherKinds(string pem, string place)
    {
        var found = pem.Length == 0 ? "nothing"
            : pem.StartsWith('{') ? "a JSON file"
            : pem.Contains("ENCRYPTED", StringComparison.Ordinal) ? "a private key that is encrypted with a password"
            : pem.Contains("BEGIN OPENSSH PRIVATE KEY", StringComparison.Ordinal) ? "a key of OpenSSH"
            : pem.Contains("PRIVATE KEY-----", StringComparison.Ordinal) ? null
            : pem.Contains("PUBLIC KEY-----", StringComparison.Ordinal) ? "a public key"
            : pem.Contains("BEGIN CERTIFICATE", StringComparison.Ordinal) ? "a certificate"
            : "text that is not in PEM";
        if (found is not null)
        {
            var remedy = found.Contains("encrypted", StringComparison.Ordinal) ? " Decrypt it, and protect the Secret instead: openssl pkey -in ENCRYPTED -out PLAIN"
                : found.Contains("OpenSSH", StringComparison.Ordinal) ? " Convert a copy of it: ssh-keygen -p -m PKCS8 -N '' -f COPY"
                : "";
            throw new InvalidDocumentException($"{place}: {found} was found, {Expected} was expected.{remedy}");
        }
    }

    private static RSA ReadRsa(string pem, string place)
    {
        var rsa = RSA.Create();
        try
        {
            rsa.ImportFromPem(pem);
            return rsa.KeySize >= MinRsaBits ? rsa : throw new InvalidDocumentException($"{place}: an RSA key of {rsa.KeySize} bits was found, at least {MinRsaBits} bits were expected.");
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new InvalidDocumentException($"{place}: {(IsCurve(pem) ? "an EC key" : "a damaged key, or more than one,")} was found, one RSA key was expected, because the provider's clientAuthentication.algorithm is RS256 or PS256.");
        }
    }

    private static ECDsa ReadCurve(string pem, string place)
    {
        var curve = ECDsa.Create();
        try
        {
            curve.ImportFromPem(pem);
            return curve.ExportParameters(includePrivateParameters: false).Curve.Oid.Value == P256
                ? curve
                : throw new InvalidDocumentException($"{place}: an EC key on another curve was found, one on P-256 was expected.");
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new InvalidDocumentException($"{place}: an RSA key, a damaged key or more than one was found, one EC key on the curve P-256 was expected, because the provider's clientAuthentication.algorithm is ES256.");
        }
    }

    private static bool IsCurve(string pem)
    {
        using var curve = ECDsa.Create();
        try
        {
            curve.ImportFromPem(pem);
            return true;
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            return false;
        }
    }

    private static string HashOf(byte[] content, string place, string keyPlace, AsymmetricAlgorithm key)
    {
        try
        {
            using var certificate = X509Certificate2.CreateFromPem(TextOf(content, place));
            using AsymmetricAlgorithm? own = key is RSA ? certificate.GetRSAPublicKey() : certificate.GetECDsaPublicKey();
            if (own?.ExportSubjectPublicKeyInfo().AsSpan().SequenceEqual(key.ExportSubjectPublicKeyInfo()) != true)
                throw new InvalidDocumentException($"{place}: the certificate is for another key than the one in {keyPlace}. Use files that belong together.");
            return Base64Url.EncodeToString(SHA256.HashData(certificate.RawData));
        }
        catch (CryptographicException)
        {
            throw new InvalidDocumentException($"{place}: a certificate in PEM, which starts with -----BEGIN CERTIFICATE-----, was expected.");
        }
    }
}
