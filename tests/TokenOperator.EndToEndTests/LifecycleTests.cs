using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests;

/// <summary>Objects that are edited and deleted, at rest and in the middle of a refresh.</summary>
[Collection(ClusterGroup.Name)]
public sealed class LifecycleTests(ClusterFixture cluster) : IAsyncLifetime
{
    private OperatorBed _bed = null!;

    public async Task InitializeAsync() => _bed = await cluster.SharedBedAsync();

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task Retain_keeps_the_row_and_needs_no_finalizer()
    {
        await _bed.AddAccountAsync("kept");
        var view = await _bed.ReadyAsync("kept");
        view.Json["metadata"]!["finalizers"].Should().BeNull();
        await _bed.DeleteAsync("kept");
        (await RowsAsync("kept")).Should().Be("1");
    }

    [Fact]
    public async Task Delete_deletes_the_row_without_revoking()
    {
        var grant = await _bed.AddAccountAsync("dropped", spec => spec["deletionPolicy"] = "Delete");
        await _bed.ReadyAsync("dropped");
        await _bed.DeleteAsync("dropped");
        (await RowsAsync("dropped")).Should().Be("0");
        grant.IsRevoked.Should().BeFalse();
    }

    [Fact]
    public async Task Revoke_revokes_at_the_provider_and_then_deletes_the_row()
    {
        var grant = await _bed.AddAccountAsync("revoked", spec => spec["deletionPolicy"] = "Revoke");
        await _bed.ReadyAsync("revoked");
        await _bed.DeleteAsync("revoked");
        (await RowsAsync("revoked")).Should().Be("0");
        grant.IsRevoked.Should().BeTrue();
        _bed.Tokens.Requests.Single(r => r.Path == "/revoke" && r.Form["token"] == grant.RefreshToken).Form.Should().NotContainKey("client_secret");
    }

    [Fact]
    public async Task A_row_that_another_object_uses_outlives_deletionPolicy_Delete()
    {
        await _bed.AddAccountAsync("communal", spec => spec["deletionPolicy"] = "Delete");
        await _bed.ApplyAsync("communal-too", spec => spec["account"] = "communal");
        await _bed.ReadyAsync("communal");
        await _bed.ReadyAsync("communal-too");
        await _bed.DeleteAsync("communal");
        (await RowsAsync("communal")).Should().Be("1");
    }

    [Fact]
    public async Task A_policy_changed_back_to_Retain_takes_the_finalizer_away()
    {
        await _bed.AddAccountAsync("reconsidered", spec => spec["deletionPolicy"] = "Delete");
        await _bed.ReadyAsync("reconsidered");
        (await _bed.GetAsync("reconsidered")).Json["metadata"]!["finalizers"].Should().NotBeNull();
        await _bed.PatchSpecAsync("reconsidered", """{"deletionPolicy": "Retain"}""");
        await Eventually.SeesAsync(() => _bed.GetAsync("reconsidered"), view => view.Json["metadata"]!["finalizers"] is null);
        await _bed.DeleteAsync("reconsidered");
        (await RowsAsync("reconsidered")).Should().Be("1");
    }

    [Fact]
    public async Task An_object_deleted_while_its_refresh_is_under_way_loses_no_token_and_gets_no_Secret()
    {
        var grant = _bed.Tokens.AddAccount("vanishing");
        var (asked, release) = Hold(grant);
        await _bed.WriteSeedAsync("vanishing", grant.RefreshToken);
        await _bed.ApplyAsync("vanishing");
        await asked();
        await _bed.DeleteAsync("vanishing");
        release.SetResult();
        await Eventually.SeesAsync(
            () => _bed.StoredTokenAsync("vanishing"), token => token?.AccessToken is not null);
        await _bed.AddAccountAsync("vanishing-after");
        await _bed.ReadyAsync("vanishing-after");
        (await _bed.SecretAsync("vanishing")).Should().BeNull();
    }

    [Fact]
    public async Task A_spec_edited_while_a_refresh_is_under_way_is_obeyed_after_it_without_asking_again()
    {
        var grant = _bed.Tokens.AddAccount("edited");
        var (asked, release) = Hold(grant);
        await _bed.WriteSeedAsync("edited", grant.RefreshToken);
        await _bed.ApplyAsync("edited");
        await asked();
        await _bed.PatchSpecAsync("edited", """{"secretName": "edited-new"}""");
        release.SetResult();
        await Eventually.SeesAsync(() => _bed.GetAsync("edited"), view => view["secretName"] == "edited-new" && view.Status("Ready") == "True");
        await Eventually.SeesAsync(() => _bed.SecretAsync("edited"), secret => secret is null);
        _bed.Tokens.AskedFor(grant.RefreshToken).Should().Be(1);
    }

    [Fact]
    public async Task Ready_turns_False_when_the_token_ends_and_nothing_else_happens()
    {
        await using var bed = await OperatorBed.StartAsync(cluster, new TokenServerBehaviour { TokenLifetime = TimeSpan.FromSeconds(5) });
        var grant = await bed.AddAccountAsync("ending");
        await bed.ReadyAsync("ending");
        bed.Tokens.Always(grant.RefreshToken, ScriptedAnswer.RateLimited(TimeSpan.FromMinutes(30)));
        var view = await bed.SeesAsync("ending", "Ready", "False", "TokenExpired");
        var late = DateTimeOffset.Parse((string)view.Json["status"]!["conditions"]!.AsArray().First(c => (string?)c!["type"] == "Ready")!["lastTransitionTime"]!)
            - DateTimeOffset.Parse(view["expiresAt"]!);
        late.Should().BeLessThan(TimeSpan.FromSeconds(2)).And.BeGreaterThanOrEqualTo(TimeSpan.Zero);
        await Eventually.SeesAsync(() => bed.EventsAsync("ending"), events => events.Contains("TokenExpired"));
    }

    private (Func<Task> Asked, TaskCompletionSource Release) Hold(TokenGrant grant)
    {
        var release = new TaskCompletionSource();
        _bed.Tokens.Next(grant.RefreshToken, ScriptedAnswer.Held(release.Task));
        return (() => Eventually.TrueAsync(() => _bed.Tokens.AskedFor(grant.RefreshToken) == 1), release);
    }

    private Task<string?> RowsAsync(string account) => _bed.QueryAsync($"select count(*) from oauth_tokens where account = '{account}'");
}
