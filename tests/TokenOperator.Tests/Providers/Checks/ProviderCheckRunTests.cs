using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using TokenOperator.Core.Documents;
using TokenOperator.Providers.Checks;

namespace TokenOperator.Tests.Providers.Checks;

public sealed class ProviderCheckRunTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory();
    private readonly RSA _rsa = RSA.Create(2048);

    [Theory]
    [InlineData("privateKeyJWT", false)]
    [InlineData("certificate", true)]
    public async Task A_client_that_signs_assertions_has_its_key_in_a_file(string method, bool hasCertificate)
    {
        var client = await ReadAsync(method, withKey: true, withCertificate: true, keyId: "key-1");

        client.ClientId.Should().Be("id-1");
        client.ClientSecret.Should().BeNull();
        client.Key!.PrivateKey.Should().BeEquivalentTo(new { Kind = TokenOperator.Core.Tokens.PrivateKeyKind.Rsa, KeyId = "key-1" });
        (client.Key.CertificateHash is not null).Should().Be(hasCertificate);
    }

    [Theory]
    [InlineData("privateKeyJWT", false, false, "*signs assertions with its private key*--key-file*")]
    [InlineData("certificate", true, false, "*key.pem*no key such as certificate*")]
    [InlineData("post", true, false, "--key-file cannot be used*")]
    public async Task A_file_that_is_missing_or_of_no_use_is_named(string method, bool withKey, bool withCertificate, string message) =>
        await FluentActions.Awaiting(() => ReadAsync(method, withKey, withCertificate)).Should().ThrowAsync<InvalidDocumentException>().WithMessage(message);

    public void Dispose()
    {
        _rsa.Dispose();
        _folder.Delete(recursive: true);
    }

    private async Task<TokenOperator.Core.Tokens.OAuthClient> ReadAsync(string method, bool withKey, bool withCertificate, string? keyId = null)
    {
        using var certificate = new CertificateRequest("CN=x", _rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSelfSigned(DateTimeOffset.UtcNow, DateTimeOffset.UtcNow.AddDays(1));
        var provider = TestDocuments.Read($"tokenEndpoint: https://idp.example.com/token\nclientAuthentication: {{method: {method}}}");
        var input = new ProviderCheckInput(Write("client.json", """{"client_id": "id-1"}"""), TokenFile: null, Yes: true)
        {
            KeyFile = withKey ? Write("key.pem", _rsa.ExportPkcs8PrivateKeyPem()) : null,
            CertificateFile = withCertificate ? Write("certificate.pem", certificate.ExportCertificatePem()) : null,
            KeyId = keyId,
        };
        return (await ProviderCheckRun.ReadClientAsync(provider, input, CancellationToken.None))!;
    }

    private string Write(string name, string content)
    {
        var path = Path.Combine(_folder.FullName, name);
        File.WriteAllText(path, content);
        return path;
    }
}
