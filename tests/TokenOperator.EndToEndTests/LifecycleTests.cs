using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests;

/// <summary>Objects that are edited and deleted, while idle and during a refresh.</summary>
[Collection(ClusterGroup.Name)]
public sealed class LifecycleTests(ClusterFixture cluster) : IAsyncLifetime
{
    private OperatorFixture _fixture = null!;

    public async Task InitializeAsync() => _fixture = await cluster.SharedFixtureAsync();

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task Retain_keeps_the_row_and_needs_no_finalizer()
    {
        await _fixture.AddAccountAsync("kept");
        var view = await _fixture.ReadyAsync("kept");
        view.Json["metadata"]!["finalizers"].Should().BeNull();
        await _fixture.DeleteAsync("kept");
        (await RowsAsync("kept")).Should().Be("1");
    }

    [Fact]
    public async Task Delete_deletes_the_row_without_revoking()
    {
        var grant = await _fixture.AddAccountAsync("dropped", spec => spec["deletionPolicy"] = "Delete");
        await _fixture.ReadyAsync("dropped");
        await _fixture.DeleteAsync("dropped");
        (await RowsAsync("dropped")).Should().Be("0");
        grant.IsRevoked.Should().BeFalse();
    }

    [Fact]
    public async Task Revoke_revokes_at_the_provider_and_then_deletes_the_row()
    {
        var grant = await _fixture.AddAccountAsync("revoked", spec => spec["deletionPolicy"] = "Revoke");
        await _fixture.ReadyAsync("revoked");
        await _fixture.DeleteAsync("revoked");
        (await RowsAsync("revoked")).Should().Be("0");
        grant.IsRevoked.Should().BeTrue();
        _fixture.Tokens.Requests.Single(r => r.Path == "/revoke" && r.Form["token"] == grant.RefreshToken).Form.Should().NotContainKey("client_secret");
    }

    [Fact]
    public async Task A_grant_that_cannot_be_revoked_is_reported_while_its_namespace_ends_and_given_up_after_the_limit()
    {
        await using var fixture = await OperatorFixture.CreateAsync(cluster);
        var process = await fixture.StartOperatorAsync(("Providers__google__RevocationEndpoint", "http://127.0.0.1:1/revoke"), ("Deletion__GiveUpAfter", "10s"));
        await fixture.AddAccountAsync("stuck", spec => spec["deletionPolicy"] = "Revoke");
        await fixture.ReadyAsync("stuck");
        await fixture.Kubectl.RunAsync($"delete namespace {fixture.Namespace} --wait=false");
        await fixture.Kubectl.RunAsync($"delete oauthtoken -n {fixture.Namespace} stuck --wait=false");

        var view = await fixture.SeesAsync("stuck", "Ready", "False", "CleanupFailed");
        view.Message("Ready").Should().Contain("google/stuck").And.Contain("deletionPolicy Revoke").And.Contain("kubectl patch oauthtoken stuck");
        view.Status("Reconciling").Should().Be("True");
        await Eventually.SeesAsync(() => fixture.Kubectl.TryRunAsync(["get", "oauthtoken", "-n", fixture.Namespace, "stuck"]), result => result.ExitCode != 0, TimeSpan.FromSeconds(60));
        (await fixture.QueryAsync("select count(*) from oauth_tokens where account = 'stuck'")).Should().Be("1");
        await process.LogsAsync("The row of google/stuck is kept");
    }

    [Fact]
    public async Task A_row_that_another_object_uses_survives_deletionPolicy_Delete()
    {
        await _fixture.AddAccountAsync("communal", spec => spec["deletionPolicy"] = "Delete");
        await _fixture.ApplyAsync("communal-too", spec => spec["account"] = "communal");
        await _fixture.ReadyAsync("communal");
        await _fixture.ReadyAsync("communal-too");
        await _fixture.DeleteAsync("communal");
        (await RowsAsync("communal")).Should().Be("1");
    }

    [Fact]
    public async Task A_Secret_that_is_to_stay_has_no_owner_and_is_taken_over_by_the_object_that_is_created_again()
    {
        await _fixture.AddAccountAsync("staying");
        await _fixture.ReadyAsync("staying");
        await _fixture.PatchSpecAsync("staying", """{"secretDeletionPolicy": "Orphan"}""");
        await Eventually.SeesAsync(() => _fixture.SecretAsync("staying"), secret => secret!.Json["metadata"]!["ownerReferences"] is null);
        var token = (await _fixture.SecretAsync("staying"))!["access_token"];
        await _fixture.DeleteAsync("staying");
        (await _fixture.SecretAsync("staying"))!["access_token"].Should().Be(token);
        await _fixture.ApplyAsync("staying");
        await _fixture.ReadyAsync("staying");
        await Eventually.SeesAsync(() => _fixture.SecretAsync("staying"), secret => secret!.Json["metadata"]!["ownerReferences"] is not null);
    }

    [Fact]
    public async Task A_policy_changed_back_to_Retain_removes_the_finalizer()
    {
        await _fixture.AddAccountAsync("reconsidered", spec => spec["deletionPolicy"] = "Delete");
        await _fixture.ReadyAsync("reconsidered");
        (await _fixture.GetAsync("reconsidered")).Json["metadata"]!["finalizers"].Should().NotBeNull();
        await _fixture.PatchSpecAsync("reconsidered", """{"deletionPolicy": "Retain"}""");
        await Eventually.SeesAsync(() => _fixture.GetAsync("reconsidered"), view => view.Json["metadata"]!["finalizers"] is null);
        await _fixture.DeleteAsync("reconsidered");
        (await RowsAsync("reconsidered")).Should().Be("1");
    }

    [Fact]
    public async Task An_object_deleted_during_its_refresh_loses_no_token_and_gets_no_Secret()
    {
        var grant = _fixture.Tokens.AddAccount("vanishing");
        var (asked, release) = Hold(grant);
        await _fixture.WriteSeedAsync("vanishing", grant.RefreshToken);
        await _fixture.ApplyAsync("vanishing");
        await asked();
        await _fixture.DeleteAsync("vanishing");
        release.SetResult();
        await Eventually.SeesAsync(
            () => _fixture.StoredTokenAsync("vanishing"), token => token?.AccessToken is not null);
        await _fixture.AddAccountAsync("vanishing-after");
        await _fixture.ReadyAsync("vanishing-after");
        (await _fixture.SecretAsync("vanishing")).Should().BeNull();
    }

    [Fact]
    public async Task A_spec_edited_during_a_refresh_takes_effect_after_it_without_another_request()
    {
        var grant = _fixture.Tokens.AddAccount("edited");
        var (asked, release) = Hold(grant);
        await _fixture.WriteSeedAsync("edited", grant.RefreshToken);
        await _fixture.ApplyAsync("edited");
        await asked();
        await _fixture.PatchSpecAsync("edited", """{"secretName": "edited-new"}""");
        release.SetResult();
        await Eventually.SeesAsync(() => _fixture.GetAsync("edited"), view => view["secretName"] == "edited-new" && view.Status("Ready") == "True");
        await Eventually.SeesAsync(() => _fixture.SecretAsync("edited"), secret => secret is null);
        _fixture.Tokens.AskedFor(grant.RefreshToken).Should().Be(1);
    }

    [Fact]
    public async Task Ready_turns_False_when_the_token_expires_without_any_other_change()
    {
        await using var fixture = await OperatorFixture.StartAsync(cluster, new TokenServerBehaviour { TokenLifetime = TimeSpan.FromSeconds(5) });
        var grant = await fixture.AddAccountAsync("ending");
        await fixture.ReadyAsync("ending");
        fixture.Tokens.Always(grant.RefreshToken, ScriptedAnswer.RateLimited(TimeSpan.FromMinutes(30)));
        var view = await fixture.SeesAsync("ending", "Ready", "False", "TokenExpired");
        var turned = DateTimeOffset.Parse((string)view.Json["status"]!["conditions"]!.AsArray().First(c => (string?)c!["type"] == "Ready")!["lastTransitionTime"]!);
        turned.Should().BeOnOrAfter(DateTimeOffset.Parse(view["expiresAt"]!)).And.BeBefore(DateTimeOffset.Parse(view["nextRefreshTime"]!), "until then nothing else happens");
        await Eventually.SeesAsync(() => fixture.EventsAsync("ending"), events => events.Contains("TokenExpired"));
    }

    private (Func<Task> Asked, TaskCompletionSource Release) Hold(TokenGrant grant)
    {
        var release = new TaskCompletionSource();
        _fixture.Tokens.Next(grant.RefreshToken, ScriptedAnswer.Held(release.Task));
        return (() => Eventually.IsTrueAsync(() => _fixture.Tokens.AskedFor(grant.RefreshToken) == 1), release);
    }

    private Task<string?> RowsAsync(string account) => _fixture.QueryAsync($"select count(*) from oauth_tokens where account = '{account}'");
}
