using System.Text;
using k8s.Models;
using KubeRuntime;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using TokenOperator.Publishing;

namespace TokenOperator.Tests.Publishing;

public sealed class SecretManifestTests
{
    private static readonly V1Beta1OAuthToken Owner = new() { Metadata = new V1ObjectMeta { Name = "marcus", NamespaceProperty = "mail", Uid = "uid-1" } };

    private static readonly TokenRequest Request = new()
    {
        Owner = new NamespacedName("mail", "marcus"),
        Key = new AccountKey("salesforce", "marcus"),
        Client = new SecretKey("mail", "client", "credentials.json"),
        SecretName = "marcus",
    };

    private static readonly TokenSet Endless = new() { AccessToken = new SecretValue("access-1"), RefreshToken = new SecretValue("refresh-1"), NeverExpires = true };

    [Fact]
    public void A_token_that_never_expires_has_an_empty_expiry_and_exported_values_have_keys_of_their_own()
    {
        var exports = new Dictionary<string, string> { ["instance_url"] = "https://na1.example", ["api_domain"] = "x" };
        var manifest = new SecretManifest(Owner, Request, Endless, exports);

        var data = manifest.ToApply(null, null)["data"]!.AsObject().ToDictionary(entry => entry.Key, entry => Encoding.UTF8.GetString(Convert.FromBase64String((string)entry.Value!)));

        data.Should().Equal(new Dictionary<string, string>
        {
            ["access_token"] = "access-1",
            ["token_type"] = "Bearer",
            ["expires_at"] = "",
            ["scope"] = "",
            ["provider"] = "salesforce",
            ["account"] = "marcus",
            ["api_domain"] = "x",
            ["instance_url"] = "https://na1.example",
        });
        manifest.ExportCount.Should().Be(2);
        new SecretManifest(Owner, Request, Endless).ContentHash.Should().NotBe(manifest.ContentHash);
    }

    [Fact]
    public void A_token_of_unknown_expiry_is_not_published() =>
        FluentActions.Invoking(() => new SecretManifest(Owner, Request, Endless with { NeverExpires = false })).Should().Throw<ArgumentException>();
}
