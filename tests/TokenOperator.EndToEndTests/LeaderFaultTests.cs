using TokenOperator.TestBed;
using TokenOperator.TestBed.Faults;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests;

/// <summary>Leaders that die, are paused, or have a dead connection.</summary>
[Collection(LinkGroup.Name)]
public sealed class LeaderFaultTests(ClusterFixture cluster)
{
    /// <summary>A takeover takes 15 s of lease duration and 2.4 s between two checks. A busy machine gets five times that.</summary>
    private static readonly TimeSpan Takeover = TimeSpan.FromSeconds(90);

    [Fact]
    public async Task A_leader_that_was_paused_during_a_refresh_ends_and_neither_asks_again_nor_overwrites()
    {
        await using var fixture = await OperatorFixture.CreateAsync(cluster, new TokenServerBehaviour { RotateRefreshTokens = true });
        var paused = await fixture.StartOperatorAsync();
        var grant = await fixture.AddAccountAsync("paused");
        await fixture.ReadyAsync("paused");
        var standby = await fixture.StartOperatorAsync();

        // The provider has received the request and does not answer: the old refresh token is still valid.
        var release = new TaskCompletionSource();
        var asked = fixture.Tokens.Requests.Count;
        fixture.Tokens.Next(ScriptedTokenServer.Everyone, ScriptedAnswer.ServerError() with { Until = release.Task });
        await fixture.RequestRefreshAsync("paused", "first");
        await Eventually.IsTrueAsync(() => fixture.Tokens.Requests.Count == asked + 1);
        await paused.SignalAsync("STOP");

        await standby.LogsAsync("Leading", Takeover);
        await Eventually.SeesAsync(() => fixture.GetAsync("paused"), view => view["lastHandledRefreshRequest"] == "first" && view.Status("Refreshed") == "True");
        var secret = (await fixture.SecretAsync("paused"))!;
        var newest = grant.RefreshToken;
        fixture.Tokens.Requests.Count.Should().Be(asked + 2);

        release.SetResult();
        await paused.SignalAsync("CONT");
        (await paused.WaitForExitAsync()).Should().Be(1, "another process may lead now");

        fixture.Tokens.Requests.Count.Should().Be(asked + 2, "the paused one did not ask again");
        grant.RefreshToken.Should().Be(newest);
        (await fixture.SecretAsync("paused"))!.Version.Should().Be(secret.Version, "the paused process wrote nothing");
        (await fixture.GetAsync("paused")).Status("Refreshed").Should().Be("True");
        await fixture.RequestRefreshAsync("paused", "second");
        await Eventually.SeesAsync(() => fixture.GetAsync("paused"), view => view["lastHandledRefreshRequest"] == "second" && view.Status("Refreshed") == "True");
    }

    [Fact]
    public async Task A_leader_on_a_dead_connection_opens_a_new_one_in_time_and_keeps_leading()
    {
        await using var link = FaultProxy.Start(cluster.Plane.Server);
        await using var fixture = await OperatorFixture.CreateAsync(cluster);
        var kubeconfig = Path.Combine(cluster.Plane.Folder, $"{fixture.Namespace}-link.kubeconfig");
        await KubeconfigFile.RedirectAsync(cluster.OperatorKubeconfig, kubeconfig, link.Through(cluster.Plane.Server));
        await fixture.StartOperatorAsync(("KUBECONFIG", kubeconfig));
        await fixture.AddAccountAsync("early");
        await fixture.ReadyAsync("early");

        link.HalfOpen();
        await fixture.AddAccountAsync("late");
        await fixture.SeesAsync("late", "Ready", "True", within: Takeover);
        fixture.Operator.HasExited.Should().BeFalse("it kept its lease");
        fixture.Operator.Log.Should().NotContain("Lost the lease");
    }
}
