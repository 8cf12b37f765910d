using System.Text.Json.Nodes;
using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests;

/// <summary>A client that authenticates with signed assertions (RFC 7523 section 2.2), at two authorization servers that others wrote.</summary>
[Collection(PersonGroup.Name)]
public sealed class SigningClientTests(ClusterFixture cluster) : IAsyncLifetime
{
    private OperatorFixture _fixture = null!;
    private string _provider = "";

    public async Task InitializeAsync()
    {
        _fixture = await OperatorFixture.CreateAsync(cluster);
        _provider = $"signer-{_fixture.Namespace}";
        await _fixture.StartOperatorAsync(("ClusterProviders", "true"), ("Logging__LogLevel__Default", "Trace"));
    }

    public async Task DisposeAsync() => await _fixture.DisposeAsync();

    [Fact]
    public async Task At_OpenIddict_it_obtains_its_own_tokens_and_refreshes_those_of_a_person_and_another_key_stops_it_until_it_is_replaced()
    {
        using var key = ClientKeyPair.CreateRsa();
        using var other = ClientKeyPair.CreateRsa();
        await using var server = await OpenIddictServer.StartAsync(new OpenIddictServerOptions { ClientKey = key });
        await ApplyProviderAsync(server.TokenEndpoint, new JsonObject { ["method"] = "privateKeyJWT", ["typ"] = "client-authentication+jwt", ["audience"] = server.Address.AbsoluteUri });
        await WriteClientAsync(OpenIddictServer.ClientId, key);
        await ApplyMachineAsync(new JsonObject());
        await ApplyPersonAsync(await server.IssueRefreshTokenAsync("person"));

        var first = await TokenAsync("person");
        foreach (var token in new[] { await TokenAsync("machine"), first })
            (await server.IsActiveAsync(token)).Should().BeTrue();
        // A second assertion, with an identifier of its own, and the refresh token that replaced the first one.
        await _fixture.RefreshAsync("person", "again");
        (await TokenAsync("person")).Should().NotBe(first);

        await WriteClientAsync(OpenIddictServer.ClientId, other);
        foreach (var name in new[] { "machine", "person" })
        {
            await _fixture.RequestRefreshAsync(name, "with-another-key");
            (await _fixture.SeesAsync(name, "Refreshed", "False", "ClientRejected")).Message("Refreshed").Should().Contain("invalid_client");
        }

        await WriteClientAsync(OpenIddictServer.ClientId, key);
        foreach (var name in new[] { "machine", "person" })
            await _fixture.RefreshAsync(name, "with-the-key-again");
        _fixture.Operator.Log.Should().NotContain("eyJ", "no assertion and no token is logged").And.NotContain("BEGIN");
    }

    [Fact]
    public async Task At_oidc_provider_each_assertion_is_new_and_a_token_is_for_the_resource_of_the_spec()
    {
        using var key = ClientKeyPair.CreateEllipticCurve();
        await using var server = await StrictTokenServer.StartAsync(Path.Combine(cluster.Plane.Folder, $"{_fixture.Namespace}.oidc-provider.log"), key);
        await ApplyProviderAsync(new Uri(server.Address, "token"), new JsonObject { ["method"] = "privateKeyJWT", ["algorithm"] = "ES256" });
        await WriteClientAsync(StrictTokenServer.ClientId, key);
        await ApplyMachineAsync(new JsonObject { ["resource"] = StrictTokenServer.Resource });
        await ApplyPersonAsync(await server.IssueRefreshTokenAsync("person"));

        (await server.FindTokenAsync(await TokenAsync("machine"))).Should().Be((StrictTokenServer.Resource, "mail"));
        var first = await TokenAsync("person");
        // This server takes an identifier of an assertion once, and ends the grant when a replaced refresh token is used.
        foreach (var request in new[] { "second", "third" })
            await _fixture.RefreshAsync("person", request);
        (await TokenAsync("person")).Should().NotBe(first);

        await ApplyMachineAsync(new JsonObject { ["resource"] = "https://other.example" });
        (await _fixture.SeesAsync("machine", "Stalled", "True", "GrantRejected")).Message("Stalled").Should().Contain("invalid_target");
        _fixture.Operator.Log.Should().NotContain("eyJ").And.NotContain("BEGIN");
    }

    private Task ApplyProviderAsync(Uri tokenEndpoint, JsonObject clientAuthentication) => _fixture.ApplyProviderAsync(
        _provider, new JsonObject { ["tokenEndpoint"] = tokenEndpoint.ToString(), ["clientAuthentication"] = clientAuthentication, ["rotation"] = new JsonObject { ["mode"] = "always" } });

    private Task WriteClientAsync(string id, ClientKeyPair key) =>
        cluster.Plane.ApplyAsync(Manifests.Secret(_fixture.Namespace, "client", ("client-id", id), ("private-key", key.PrivateKey)));

    private Task ApplyMachineAsync(JsonObject clientCredentials) => _fixture.ApplyAsync("machine", spec =>
    {
        spec.Remove("seedSecretRef");
        spec["provider"] = _provider;
        spec["grant"] = "ClientCredentials";
        spec["scopes"] = new JsonArray("mail");
        spec["clientCredentials"] = clientCredentials;
    });

    private async Task ApplyPersonAsync(string refreshToken)
    {
        await _fixture.WriteSeedAsync("person", refreshToken);
        await _fixture.ApplyAsync("person", spec =>
        {
            spec["provider"] = _provider;
            spec["scopes"] = new JsonArray("mail");
        });
    }

    private async Task<string> TokenAsync(string name)
    {
        await _fixture.ReadyAsync(name);
        return (await _fixture.SecretAsync(name))!["access_token"]!;
    }
}
