using System.Text.Json.Nodes;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>The main use cases.</summary>
[Collection(ClusterGroup.Name)]
public class MainJobTests(ClusterFixture cluster) : IAsyncLifetime
{
    private OperatorFixture _fixture = null!;

    public async Task InitializeAsync() => _fixture = await cluster.SharedFixtureAsync();

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task An_applied_OAuthToken_creates_a_Secret_with_a_valid_access_token_and_no_longer_lived_secret()
    {
        var grant = await _fixture.AddAccountAsync("marcus", spec => spec["secretName"] = "marcus-gmail-token");
        var view = await _fixture.ReadyAsync("marcus");
        var secret = (await _fixture.SecretAsync("marcus-gmail-token"))!;

        secret.Keys.Should().Equal("access_token", "account", "expires_at", "provider", "scope", "token_type");
        _fixture.Tokens.IsValid(secret["access_token"]!).Should().BeTrue();
        secret["expires_at"].Should().Be(view["expiresAt"]).And.EndWith("Z");
        secret["token_type"].Should().Be("Bearer");
        secret["provider"].Should().Be("google");
        secret["account"].Should().Be("marcus");
        secret.Json.ToJsonString().Should().NotContain(grant.RefreshToken).And.NotContain("client-secret-1");
        ((string?)secret.Json["type"]).Should().Be("Opaque");
        ((string?)secret.Json["metadata"]!["labels"]!["app.kubernetes.io/managed-by"]).Should().Be("token-operator");
        var owner = secret.Json["metadata"]!["ownerReferences"]![0]!;
        ((string?)owner["uid"]).Should().Be((string?)view.Json["metadata"]!["uid"]);
        ((bool?)owner["controller"]).Should().BeTrue();
        ((string?)secret.Json["metadata"]!["managedFields"]![0]!["operation"]).Should().Be("Apply");
        foreach (var type in new[] { "Ready", "Refreshed", "Persisted" })
            view.Status(type).Should().Be("True");
        view.Status("Stalled").Should().Be("False");
        (await _fixture.QueryAsync("select array_to_string(namespaces, ',') from oauth_tokens where account = 'marcus'")).Should().Be(_fixture.Namespace);
    }

    [Fact]
    public async Task kubectl_get_shows_the_columns_of_the_contract()
    {
        await _fixture.AddAccountAsync("columns");
        await _fixture.ReadyAsync("columns");
        var narrow = (await _fixture.Kubectl.RunAsync(["get", "oauthtokens", "-n", _fixture.Namespace])).Split('\n')[0];
        var wide = (await _fixture.Kubectl.RunAsync(["get", "oat", "-n", _fixture.Namespace, "-o", "wide"])).Split('\n')[0];
        Columns(narrow).Should().Equal("NAME", "PROVIDER", "ACCOUNT", "READY", "STATUS", "EXPIRES", "AGE");
        Columns(wide).Should().BeEquivalentTo("NAME", "PROVIDER", "ACCOUNT", "READY", "STATUS", "EXPIRES", "SECRET", "LAST REFRESH", "NEXT REFRESH", "CONSENT EXPIRES", "MESSAGE", "AGE");
        (await _fixture.Kubectl.RunAsync(["get", "oauthtokens", "-n", _fixture.Namespace, "-o", "wide"])).Should().NotContain("<invalid>");
    }

    [Fact]
    public async Task kubectl_explain_teaches()
    {
        var text = await _fixture.Kubectl.RunAsync("explain oauthtokens.spec");
        foreach (var field in new[] { "clientSecretRef", "seedSecretRef", "refreshBefore", "deletionPolicy", "secretTemplate", "suspend" })
            text.Should().Contain(field);
    }

    [Fact]
    public async Task The_first_token_creates_an_event_and_a_routine_refresh_does_not()
    {
        await _fixture.AddAccountAsync("storyteller");
        await _fixture.ReadyAsync("storyteller");
        await Eventually.SeesAsync(() => _fixture.EventsAsync("storyteller"), events => events.Contains("FirstToken"));
        await _fixture.RequestRefreshAsync("storyteller");
        await Eventually.SeesAsync(() => _fixture.GetAsync("storyteller"), view => view["lastHandledRefreshRequest"] == "now");
        await _fixture.AddAccountAsync("after");
        await _fixture.ReadyAsync("after");
        await Eventually.SeesAsync(() => _fixture.EventsAsync("after"), events => events.Contains("FirstToken"));
        (await _fixture.EventsAsync("storyteller")).Where(e => e != "SeedMissing").Should().Equal("FirstToken");
    }

    [Fact]
    public async Task Labels_and_annotations_of_the_template_are_added_to_the_Secret_and_removed_with_the_template()
    {
        await _fixture.AddAccountAsync("labelled", spec => spec["secretTemplate"] = JsonNode.Parse("""{"labels": {"team": "mail"}, "annotations": {"example.com/why": "because"}}"""));
        await _fixture.ReadyAsync("labelled");
        var metadata = (await _fixture.SecretAsync("labelled"))!.Json["metadata"]!;
        ((string?)metadata["labels"]!["team"]).Should().Be("mail");
        ((string?)metadata["annotations"]!["example.com/why"]).Should().Be("because");

        await _fixture.PatchSpecAsync("labelled", """{"secretTemplate": {"labels": {"team": null, "app": "mailer"}}}""");
        await Eventually.SeesAsync(
            async () => (await _fixture.SecretAsync("labelled"))!.Json["metadata"]!["labels"]!.AsObject(),
            labels => (string?)labels["app"] == "mailer" && !labels.ContainsKey("team"));
    }

    [Fact]
    public async Task Two_objects_of_one_account_share_one_refresh()
    {
        var grant = await _fixture.AddAccountAsync("shared");
        await _fixture.ApplyAsync("shared-too", spec => spec["account"] = "shared");
        await _fixture.ReadyAsync("shared");
        await _fixture.ReadyAsync("shared-too");
        _fixture.Tokens.AskedFor(grant.RefreshToken).Should().Be(1);
        (await _fixture.SecretAsync("shared"))!["access_token"].Should().Be((await _fixture.SecretAsync("shared-too"))!["access_token"]);
    }

    [Fact]
    public async Task A_changed_secretName_moves_the_Secret_and_leaves_none_behind()
    {
        await _fixture.AddAccountAsync("mover");
        await _fixture.ReadyAsync("mover");
        await _fixture.PatchSpecAsync("mover", """{"secretName": "moved"}""");
        await Eventually.SeesAsync(() => _fixture.SecretAsync("moved"), secret => secret is not null);
        await Eventually.SeesAsync(() => _fixture.SecretAsync("mover"), secret => secret is null);
        await Eventually.SeesAsync(() => _fixture.GetAsync("mover"), view => view["secretName"] == "moved" && view.Status("Ready") == "True");
    }

    [Fact]
    public async Task A_suspended_object_is_not_refreshed_and_its_Secret_is_not_touched_until_it_is_resumed()
    {
        var grant = await _fixture.AddAccountAsync("sleeper", spec => spec["suspend"] = true);
        await _fixture.SeesAsync("sleeper", "Ready", "False", "Suspended");
        _fixture.Tokens.AskedFor(grant.RefreshToken).Should().Be(0);
        (await _fixture.SecretAsync("sleeper")).Should().BeNull();
        await _fixture.PatchSpecAsync("sleeper", """{"suspend": false}""");
        await _fixture.ReadyAsync("sleeper");
    }

    /// <summary>The column names, which may contain single spaces.</summary>
    private static string[] Columns(string header) =>
        header.Split("  ", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
