using System.Text.Json.Nodes;
using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests;

/// <summary>What a provider's document says about its responses: values beside the token, and tokens without an end.</summary>
[Collection(LinkGroup.Name)]
public sealed class ProviderResponseTests(ClusterFixture cluster) : IAsyncLifetime
{
    private OperatorFixture _fixture = null!;
    private string _provider = "";

    public async Task InitializeAsync()
    {
        _fixture = await OperatorFixture.CreateAsync(cluster);
        _provider = $"responses-{_fixture.Namespace}";
        await StartAsync();
    }

    public async Task DisposeAsync() => await _fixture.DisposeAsync();

    [Fact]
    public async Task A_value_beside_the_token_is_a_key_of_the_Secret_follows_the_responses_outlives_a_restart_and_bends_no_address()
    {
        await using var elsewhere = await ScriptedTokenServer.StartAsync();
        await ApplyProviderAsync(new JsonObject { ["extends"] = "salesforce", ["tokenEndpoint"] = _fixture.Tokens.TokenEndpoint.ToString() });
        Answer("access-one", "https://one.my.salesforce.example");
        await _fixture.AddAccountAsync("org", spec => spec["provider"] = _provider);

        await _fixture.ReadyAsync("org");
        var secret = (await _fixture.SecretAsync("org"))!;
        secret.Keys.Should().Equal("access_token", "account", "expires_at", "instance_url", "provider", "scope", "token_type");
        (secret["access_token"], secret["instance_url"]).Should().Be(("access-one", "https://one.my.salesforce.example"));
        secret.ExpiresAt.Should().BeCloseTo(DateTimeOffset.UtcNow.AddHours(1), TimeSpan.FromMinutes(2), "the response has no lifetime, and the document assumes an hour");

        await RefreshedAsync("access-two", "https://two.my.salesforce.example", "https://two.my.salesforce.example");
        // What is missing, is too long, acts on its reader, or is the token again leaves the value before.
        foreach (var value in new[] { null, new string('x', 2000), "https://three.example/\u001b[31m", "access-four" })
            await RefreshedAsync("access-four", value, "https://two.my.salesforce.example");
        await RefreshedAsync("access-five", elsewhere.TokenEndpoint.ToString(), elsewhere.TokenEndpoint.ToString());
        await RefreshedAsync("access-six", elsewhere.TokenEndpoint.ToString(), elsewhere.TokenEndpoint.ToString());
        elsewhere.Requests.Should().BeEmpty("the value is for the app, and the operator sends nothing there");

        await _fixture.Operator.StopAsync();
        await cluster.Plane.DeleteAsync($"/api/v1/namespaces/{_fixture.Namespace}/secrets/org");
        var asked = _fixture.Tokens.Requests.Count;
        await StartAsync();
        var written = await Eventually.SeesAsync(() => _fixture.SecretAsync("org"), found => found is not null);
        (written!["access_token"], written["instance_url"]).Should().Be(("access-six", elsewhere.TokenEndpoint.ToString()));
        _fixture.Tokens.Requests.Should().HaveCount(asked, "the value is in the row");
    }

    [Fact]
    public async Task A_token_that_never_expires_is_not_refreshed_but_checked_at_the_interval_of_the_document_and_a_restart_asks_for_nothing()
    {
        var grant = _fixture.Tokens.AddAccount("bot");
        var token = _fixture.Tokens.IssueEndlessToken(grant);
        await ApplyNeverAsync("24h");
        // It was issued 10 minutes ago.
        var seed = new JsonObject { ["access_token"] = token, ["issued_at"] = DateTimeOffset.UtcNow.AddMinutes(-10).ToUnixTimeSeconds() };
        await _fixture.WriteSecretAsync("bot-seed", "token.json", seed.ToJsonString());
        await _fixture.ApplyAsync("bot", spec => spec["provider"] = _provider);

        var view = await _fixture.ReadyAsync("bot");
        view["expiresAt"].Should().BeNull();
        var secret = (await _fixture.SecretAsync("bot"))!;
        (secret["access_token"], secret["expires_at"]).Should().Be((token, ""));
        _fixture.Tokens.Requests.Should().BeEmpty("24 hours are not over");

        await ApplyNeverAsync("5m");
        await Eventually.IsTrueAsync(() => _fixture.Tokens.Requests.Count > 0, "5 minutes are over");
        await Eventually.SeesAsync(() => _fixture.StoredDocumentAsync("bot", _provider), document => document!.Contains("checked_at", StringComparison.Ordinal));
        await _fixture.Operator.StopAsync();
        await StartAsync();
        await _fixture.ApplyAsync("after-restart", spec => spec["suspend"] = true);
        await _fixture.SeesAsync("after-restart", "Ready", "False", "Suspended");
        await _fixture.ReadyAsync("bot");
        _fixture.Tokens.Requests.Select(request => request.Path).Should().Equal("/userinfo");
        (await _fixture.SecretAsync("bot"))!.Version.Should().Be(secret.Version, "nothing has changed");

        // Its owner ends the consent, and a check notices.
        grant.IsRevoked = true;
        await _fixture.RequestRefreshAsync("bot");
        await _fixture.SeesAsync("bot", "Refreshed", "False", "ReauthorizationRequired");
        var next = _fixture.Tokens.IssueEndlessToken(_fixture.Tokens.AddAccount("bot-again"));
        await _fixture.WriteSecretAsync("bot-seed", "token.json", next);
        await Eventually.SeesAsync(() => _fixture.SecretAsync("bot"), found => found!["access_token"] == next);
        _fixture.Tokens.Requests.Should().OnlyContain(request => request.Path == "/userinfo", "there is no refresh token");
    }

    private Task<OperatorProcess> StartAsync() => _fixture.StartOperatorAsync(("ClusterProviders", "true"));

    private Task ApplyProviderAsync(JsonObject spec) => _fixture.ApplyProviderAsync(_provider, spec);

    private Task ApplyNeverAsync(string interval) => ApplyProviderAsync(new JsonObject
    {
        ["tokenEndpoint"] = _fixture.Tokens.TokenEndpoint.ToString(),
        ["expiry"] = new JsonObject { ["never"] = true, ["checkEndpoint"] = _fixture.Tokens.CheckEndpoint.ToString(), ["checkInterval"] = interval },
    });

    private void Answer(string token, string? instance)
    {
        var body = new JsonObject { ["access_token"] = token, ["token_type"] = "Bearer" };
        if (instance is not null)
            body["instance_url"] = instance;
        _fixture.Tokens.Next("org", ScriptedAnswer.Json(body.ToJsonString()));
    }

    private async Task RefreshedAsync(string token, string? instance, string published)
    {
        Answer(token, instance);
        await _fixture.RefreshAsync("org", Guid.NewGuid().ToString());
        var secret = (await _fixture.SecretAsync("org"))!;
        (secret["access_token"], secret["instance_url"]).Should().Be((token, published));
    }
}
