using TokenOperator.Core.Tokens;

namespace TokenOperator.Tests.Core.Tokens;

public sealed class GrantTests
{
    private static readonly Grant.GitHubApp App = new() { AppId = "1", Owner = "example", Repositories = ["a", "b"], Permissions = new Dictionary<string, string> { ["contents"] = "read", ["issues"] = "write" } };

    [Fact]
    public void A_refresh_token_has_no_inputs_of_its_own() => Grant.RefreshToken.Instance.InputsFingerprint(["a"], "client").Should().BeNull();

    [Fact]
    public void The_fingerprint_changes_with_every_input_and_with_nothing_else()
    {
        Grant[] grants =
        [
            App,
            App with { AppId = "2" },
            App with { InstallationId = 1 },
            App with { Repositories = ["a"] },
            App with { Permissions = new Dictionary<string, string> { ["contents"] = "write", ["issues"] = "write" } },
            new Grant.ClientCredentials(),
            new Grant.ClientCredentials { Audience = "a" },
            new Grant.ClientCredentials { Resource = "a" },
            new Grant.ClientCredentials { Parameters = new Dictionary<string, string> { ["account_id"] = "a" } },
            new Grant.JwtBearer { Subject = "a" },
            new Grant.JwtBearer { Issuer = "a" },
            new Grant.JwtBearer { Audience = "a" },
            new Grant.WorkloadIdentity { ClientId = "a" },
            new Grant.WorkloadIdentity { Subject = "a" },
        ];
        grants.Select(grant => grant.InputsFingerprint(["s"])).Should().OnlyHaveUniqueItems();
        App.InputsFingerprint(["s"]).Should().NotBe(App.InputsFingerprint(["t"])).And.NotBe(App.InputsFingerprint(["s"], "key"));
        var reordered = App with { Repositories = ["b", "a"], Permissions = new Dictionary<string, string> { ["issues"] = "write", ["contents"] = "read" } };
        reordered.InputsFingerprint(["s"]).Should().Be(App.InputsFingerprint(["s"]));
    }
}
