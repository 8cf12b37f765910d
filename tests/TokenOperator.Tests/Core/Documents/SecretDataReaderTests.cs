using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Tests.Core.Documents;

public sealed class SecretDataReaderTests
{
    [Theory]
    [InlineData("client-id", "client-secret")]
    [InlineData("client_id", "client_secret")]
    [InlineData("clientId", "clientSecret")]
    [InlineData("clientID", "clientSecret")]
    [InlineData("CLIENT_ID", "CLIENT_SECRET")]
    [InlineData("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET")]
    [InlineData("oauth.client-id", "oauth.client-secret")]
    public void A_client_is_read_from_a_key_for_each_value_in_any_usual_spelling(string id, string secret)
    {
        var client = Client("credentials.json", (id, "my-id\n"), (secret, "canary\r\n"), ("other", "x"))!;

        client.ClientId.Should().Be("my-id");
        client.ClientSecret!.Reveal().Should().Be("canary");
    }

    [Fact]
    public void A_document_under_the_key_of_the_spec_takes_precedence() =>
        Client("credentials.json", ("credentials.json", """{"installed": {"client_id": "of the file", "client_secret": "canary"}}"""), ("client-id", "of the key"))!
            .ClientId.Should().Be("of the file");

    [Theory]
    [InlineData("client-secret")]
    [InlineData("client-id")]
    public void A_spec_can_name_the_key_of_a_value(string key) =>
        Client(key, ("client-id", "my-id"), ("client-secret", "canary"))!.ClientId.Should().Be("my-id");

    [Theory]
    [InlineData("client-id", "canary-id", "no key such as client-secret")]
    [InlineData("client-secret", "canary-secret", "no key such as client-id")]
    [InlineData("client-id", "", "no key such as client-secret")]
    public void Half_a_client_is_reported_with_what_is_missing(string key, string value, string expected) =>
        FluentActions.Invoking(() => Client("credentials.json", (key, value))).Should().Throw<InvalidDocumentException>().Which.Message
            .Should().Contain($"mail/client {key}").And.Contain(expected).And.NotContain("canary");

    [Theory]
    [InlineData("")]
    [InlineData(" canary")]
    [InlineData("canary ")]
    [InlineData("can\nary")]
    [InlineData("canary\u00e9")]
    public void A_value_that_is_not_one_line_is_rejected_without_being_shown(string value) =>
        FluentActions.Invoking(() => Client("credentials.json", ("client-id", "my-id"), ("client-secret", value))).Should().Throw<InvalidDocumentException>().Which.Message
            .Should().Contain("mail/client client-secret").And.NotContain("canary");

    [Fact]
    public void Two_keys_that_could_be_meant_are_both_named() =>
        FluentActions.Invoking(() => Client("credentials.json", ("client-id", "a"), ("old_client_id", "b"), ("client-secret", "canary"))).Should().Throw<InvalidDocumentException>().Which.Message
            .Should().Contain("client-id").And.Contain("old_client_id");

    [Fact]
    public void A_Secret_without_any_of_these_keys_has_neither_client_nor_seed()
    {
        Client("credentials.json", ("client.json", "{}")).Should().BeNull();
        Seed("token.json", ("password", "x")).Should().BeNull();
    }

    [Theory]
    [InlineData("token.json", "token.json")]
    [InlineData("refresh-token", "refresh-token")]
    [InlineData("token.json", "refresh_token")]
    [InlineData("token.json", "refreshToken")]
    [InlineData("token.json", "GMAIL_REFRESH_TOKEN")]
    public void A_refresh_token_alone_is_a_seed(string named, string key)
    {
        var seed = Seed(named, (key, "1//0canary-refresh-token\n"))!;

        seed.Token.RefreshToken!.Reveal().Should().Be("1//0canary-refresh-token");
        seed.ClientId.Should().BeNull();
    }

    [Theory]
    [InlineData("ya29.canary-access-token", "an access token of Google")]
    [InlineData("canary", "a line of 6 characters")]
    [InlineData("two words, canary and another", "a line of 29 characters")]
    [InlineData("\"a-canary-in-quotation-marks\"", "a string was found")]
    public void Content_that_is_no_seed_is_rejected_without_being_shown(string content, string expected) =>
        FluentActions.Invoking(() => Seed("token.json", ("token.json", content))).Should().Throw<InvalidDocumentException>().Which.Message
            .Should().Contain(expected).And.NotContain("canary");

    [Fact]
    public void A_public_client_needs_only_its_ID()
    {
        SecretDataReader.FindClient(Data(("client-id", "id-1")), "credentials.json", Place, ClientCredential.None).Should().Be(new OAuthClient("id-1", null));
        SecretDataReader.FindClient(Data(("credentials.json", """{"installed": {"client_id": "id-1"}}""")), "credentials.json", Place, ClientCredential.None)!.ClientId.Should().Be("id-1");
        SecretDataReader.FindClient(Data(("other", "x")), "credentials.json", Place, ClientCredential.None).Should().BeNull();
    }

    [Fact]
    public void A_key_that_cannot_be_used_is_rejected_with_its_kind_and_without_being_shown()
    {
        using var rsa = RSA.Create(2048);
        using var small = RSA.Create(1024);
        using var curve = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        var request = new CertificateRequest("CN=x", curve, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow, DateTimeOffset.UtcNow.AddDays(1));
        var encrypted = rsa.ExportEncryptedPkcs8PrivateKeyPem("canary", new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1));
        (string Pem, ClientCredential Credential, string Expected)[] cases =
        [
            (encrypted, ClientCredential.RsaKey, "the private key is encrypted"),
            ("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\ncanary\n-----END RSA PRIVATE KEY-----", ClientCredential.RsaKey, "the private key is encrypted"),
            ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz\n-----END OPENSSH PRIVATE KEY-----", ClientCredential.RsaKey, "OpenSSH"),
            (rsa.ExportSubjectPublicKeyInfoPem(), ClientCredential.RsaKey, "a public key"),
            (certificate.ExportCertificatePem(), ClientCredential.EllipticCurveKey, "a certificate"),
            ("{\"private_key\": \"canary\"}", ClientCredential.RsaKey, "a JSON file"),
            ("canary", ClientCredential.RsaKey, "no PEM was found"),
            ("", ClientCredential.RsaKey, "no PEM was found"),
            ("-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----", ClientCredential.RsaKey, "damaged"),
            (curve.ExportECPrivateKeyPem(), ClientCredential.RsaKey, "an EC key was found"),
            (rsa.ExportRSAPrivateKeyPem(), ClientCredential.EllipticCurveKey, "an RSA key"),
            (small.ExportRSAPrivateKeyPem(), ClientCredential.RsaKey, "1024 bits"),
            (other.ExportECPrivateKeyPem(), ClientCredential.EllipticCurveKey, "another curve"),
            (rsa.ExportRSAPrivateKeyPem(), ClientCredential.RsaCertificate, "is for another key"),
        ];
        foreach (var (pem, credential, expected) in cases)
        {
            var read = () => SecretDataReader.FindClient(Data(("client-id", "id-1"), ("private-key", pem), ("certificate", certificate.ExportCertificatePem())), "credentials.json", Place, credential);
            var body = pem.Split('\n').Skip(1).FirstOrDefault(line => line.Length > 40);
            var message = read.Should().Throw<InvalidDocumentException>(expected).Which.Message;
            message.Should().Contain(expected).And.NotContain("canary");
            if (body is not null)
                message.Should().NotContain(body[..20]);
        }
    }

    [Fact]
    public void A_missing_key_or_certificate_is_named()
    {
        using var rsa = RSA.Create(2048);
        FluentActions.Invoking(() => SecretDataReader.FindClient(Data(("client-id", "id-1")), "credentials.json", Place, ClientCredential.RsaKey))
            .Should().Throw<InvalidDocumentException>().WithMessage("*no key such as private-key or tls.key*");
        FluentActions.Invoking(() => SecretDataReader.FindClient(Data(("client-id", "id-1"), ("tls.key", rsa.ExportRSAPrivateKeyPem())), "credentials.json", Place, ClientCredential.RsaCertificate))
            .Should().Throw<InvalidDocumentException>().WithMessage("*no key such as certificate or tls.crt*");
    }

    [Fact]
    public void An_access_token_that_never_expires_is_a_seed_where_the_provider_has_such_tokens()
    {
        foreach (var data in new[] { Data(("token.json", "gho_0123456789abcdef")), Data(("access-token", "gho_0123456789abcdef")), Data(("token.json", """{"access_token": "gho_0123456789abcdef"}""")) })
            SecretDataReader.FindSeed(data, "token.json", Place, takesAccessToken: true)!.Token.Should().BeEquivalentTo(new { NeverExpires = true, RefreshToken = (SecretValue?)null, GrantToken = new SecretValue("gho_0123456789abcdef") });
        SecretDataReader.FindSeed(Data(("refresh-token", "r-0123456789abcdef")), "token.json", Place, takesAccessToken: true)!.Token.NeverExpires.Should().BeFalse();
        FluentActions.Invoking(() => SecretDataReader.FindSeed(Data(("token.json", """{"access_token": "canary"}""")), "token.json", Place)).Should().Throw<InvalidDocumentException>();
    }

    private static OAuthClient? Client(string key, params (string Key, string Value)[] data) => SecretDataReader.FindClient(Data(data), key, Place);

    private static Seed? Seed(string key, params (string Key, string Value)[] data) => SecretDataReader.FindSeed(Data(data), key, Place);

    private static string Place(string key) => $"mail/client {key}";

    private static Dictionary<string, byte[]> Data(params (string Key, string Value)[] data) => data.ToDictionary(entry => entry.Key, entry => Encoding.UTF8.GetBytes(entry.Value));
}
