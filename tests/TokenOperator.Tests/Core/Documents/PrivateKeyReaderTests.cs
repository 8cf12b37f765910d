using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Tests.Core.Documents;

public sealed class PrivateKeyReaderTests
{
    private const string Source = "Secret mail/key, key private-key";
    private static readonly RSA Rsa = RSA.Create(2048);
    private static readonly ECDsa Curve = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    private static PrivateKey Read(string content) => PrivateKeyReader.Read(Encoding.UTF8.GetBytes(content), Source);

    private static string ServiceAccount(params (string Name, string? Value)[] changes)
    {
        var fields = new Dictionary<string, string?>
        {
            ["type"] = "service_account",
            ["project_id"] = "example",
            ["private_key_id"] = "key-1",
            ["private_key"] = Rsa.ExportPkcs8PrivateKeyPem(),
            ["client_email"] = "mailer@example.iam.gserviceaccount.com",
            ["client_id"] = "104",
            ["token_uri"] = "https://oauth2.googleapis.com/token",
        };
        foreach (var (name, value) in changes)
            fields[name] = value;
        return JsonSerializer.Serialize(fields.Where(field => field.Value is not null).ToDictionary());
    }

    [Fact]
    public void Each_form_of_a_private_key_is_read()
    {
        foreach (var pem in new[] { Rsa.ExportPkcs8PrivateKeyPem(), Rsa.ExportRSAPrivateKeyPem(), $"\n  {Rsa.ExportPkcs8PrivateKeyPem()}\n", $"Bag Attributes\n{Rsa.ExportPkcs8PrivateKeyPem()}", $"\uFEFF{Rsa.ExportPkcs8PrivateKeyPem().ReplaceLineEndings("\r\n")}" })
            Read(pem).Kind.Should().Be(PrivateKeyKind.Rsa);
        foreach (var pem in new[] { Curve.ExportPkcs8PrivateKeyPem(), Curve.ExportECPrivateKeyPem(), $"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{Curve.ExportECPrivateKeyPem()}" })
            Read(pem).Kind.Should().Be(PrivateKeyKind.EllipticCurve);
    }

    [Fact]
    public void The_key_of_a_service_account_is_read_with_what_the_file_says_about_it()
    {
        var key = Read(ServiceAccount());
        key.ServiceAccount.Should().Be("mailer@example.iam.gserviceaccount.com");
        key.ServiceAccountId.Should().Be("104");
        key.KeyId.Should().Be("key-1");
        key.ToString().Should().NotContain("BEGIN");
    }

    public static TheoryData<string, string> Wrong => new()
    {
        { "encrypted", "*encrypted*openssl pkey*" },
        { "legacy encrypted", "*encrypted*openssl pkey*" },
        { "public", "*a public key was found*" },
        { "certificate", "*a certificate was found*" },
        { "openssh", "*OpenSSH*" },
        { "small", "*at least 2048 bits*" },
        { "other curve", "*P-256*" },
        { "one line", "*not complete*" },
        { "text", "*no PEM was found*" },
        { "der", "*in DER*openssl pkey -inform DER*" },
        { "console client", "*an OAuth client file*" },
        { "token file", "*a token file*" },
        { "gcloud", "*a token file of gcloud*" },
        { "federation", "*federation file*" },
        { "no key", "*field private_key*" },
        { "no address", "*field client_email*" },
        { "broken key", "*field private_key*" },
        { "json", "*not valid JSON*" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void A_file_of_another_kind_is_named_and_nothing_of_it_is_shown(string kind, string message)
    {
        var encrypted = Rsa.ExportEncryptedPkcs8PrivateKeyPem("password", new PbeParameters(PbeEncryptionAlgorithm.Aes128Cbc, HashAlgorithmName.SHA256, 1000));
        using var small = RSA.Create(1024);
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        var content = kind switch
        {
            "encrypted" => encrypted,
            "legacy encrypted" => Rsa.ExportRSAPrivateKeyPem().Replace("KEY-----\nMII", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMII", StringComparison.Ordinal),
            "public" => Rsa.ExportSubjectPublicKeyInfoPem(),
            "certificate" => "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
            "openssh" => "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz\n-----END OPENSSH PRIVATE KEY-----",
            "small" => small.ExportPkcs8PrivateKeyPem(),
            "other curve" => other.ExportPkcs8PrivateKeyPem(),
            "one line" => Rsa.ExportPkcs8PrivateKeyPem().Replace("-----END PRIVATE KEY-----", "", StringComparison.Ordinal),
            "console client" => """{"installed":{"client_id":"a","client_secret":"private-canary"}}""",
            "token file" => """{"refresh_token":"private-canary"}""",
            "gcloud" => """{"type":"authorized_user","refresh_token":"private-canary"}""",
            "federation" => """{"type":"external_account"}""",
            "no key" => ServiceAccount(("private_key", null)),
            "no address" => ServiceAccount(("client_email", null)),
            "broken key" => ServiceAccount(("private_key", "private-canary")),
            "json" => "{private-canary",
            _ => "private-canary",
        };
        var bytes = kind == "der" ? Rsa.ExportPkcs8PrivateKey() : Encoding.UTF8.GetBytes(content);

        var error = FluentActions.Invoking(() => PrivateKeyReader.Read(bytes, Source)).Should().Throw<InvalidDocumentException>().WithMessage(message).Which.Message;
        error.Should().StartWith(Source).And.NotContain("private-canary").And.NotContain("MII");
    }
}
