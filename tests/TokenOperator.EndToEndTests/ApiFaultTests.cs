using System.Net;
using TokenOperator.TestBed;
using TokenOperator.TestBed.Faults;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests;

/// <summary>The API server refuses requests, skips events, hangs, or is slow or away: the cache recovers, and failed writes are repeated.</summary>
[Collection(LinkGroup.Name)]
public sealed class ApiFaultTests(ClusterFixture cluster)
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(90);

    [Fact]
    public async Task Writes_that_the_API_server_refuses_are_repeated_and_the_provider_is_asked_once()
    {
        await using var api = await ProxyAsync();
        await using var fixture = await OperatorFixture.CreateAsync(cluster);
        int[] refusals = [500, 429, 409];
        var accounts = refusals.SelectMany(status => new (string Name, HttpFault Fault)[]
        {
            ($"secret-{status}", api.Refuse(e => IsWrite(e, $"/secrets/secret-{status}"), status, RetryAfter(status))),
            ($"status-{status}", api.Refuse(e => IsWrite(e, $"/oauthtokens/status-{status}/status"), status, RetryAfter(status))),
        }).ToList();
        await StartAsync(fixture, api);
        var grants = await Task.WhenAll(accounts.Select(account => fixture.AddAccountAsync(account.Name)));

        await Eventually.IsTrueAsync(() => accounts.TrueForAll(account => account.Fault.Count >= 2), Timeout);
        (await fixture.SeesAsync("secret-500", "Ready", "False", "SecretWriteFailed")).Message("Ready").Should().Contain($"{fixture.Namespace}/secret-500");
        (await fixture.GetAsync("status-500")).Status("Ready").Should().Be("Unknown", "nothing was written yet");
        accounts.ForEach(account => account.Fault.End());

        foreach (var (name, _) in accounts)
            await fixture.SeesAsync(name, "Ready", "True", within: Timeout);
        grants.Select(grant => fixture.Tokens.AskedFor(grant.RefreshToken)).Should().AllBeEquivalentTo(1);

        static bool IsWrite(HttpExchange e, string path) => e.Method == "PATCH" && e.Path.EndsWith(path, StringComparison.Ordinal);
        static TimeSpan? RetryAfter(int status) => status == 429 ? TimeSpan.FromSeconds(1) : null;
    }

    [Fact]
    public Task Watches_that_are_refused_end_early_hang_or_skip_a_delete_leave_no_stale_cache() =>
        Task.WhenAll(RefusedAsync(), EndedAtOnceAsync(), SilentAsync(), SkippedDeleteAsync());

    private async Task RefusedAsync()
    {
        await using var api = await ProxyAsync();
        await using var fixture = await OperatorFixture.CreateAsync(cluster);
        var gone = api.Refuse(IsWatch, (int)HttpStatusCode.Gone);
        await StartAsync(fixture, api);
        await Eventually.IsTrueAsync(() => gone.Count > 0);
        await fixture.AddAccountAsync("listed");
        await fixture.SeesAsync("listed", "Ready", "True", within: Timeout);
        gone.End();
        await fixture.AddAccountAsync("watched");
        await fixture.SeesAsync("watched", "Ready", "True", within: Timeout);
    }

    private async Task EndedAtOnceAsync()
    {
        await using var api = await ProxyAsync();
        await using var fixture = await OperatorFixture.CreateAsync(cluster);
        var ended = api.EndAtOnce(IsWatch);
        await StartAsync(fixture, api);
        await Eventually.IsTrueAsync(() => ended.Count > 0);
        await fixture.AddAccountAsync("listed");
        await fixture.SeesAsync("listed", "Ready", "True", within: Timeout);
    }

    private async Task SilentAsync()
    {
        await using var api = await ProxyAsync();
        await using var fixture = await OperatorFixture.CreateAsync(cluster, new TokenServerBehaviour { TokenLifetime = TimeSpan.FromSeconds(10) });
        var grant = await fixture.AddAccountAsync("early");
        var silent = api.Silence(IsWatch);
        await StartAsync(fixture, api);
        await fixture.SeesAsync("early", "Ready", "True", within: Timeout);

        var asked = fixture.Tokens.AskedFor(grant.RefreshToken);
        await Eventually.IsTrueAsync(() => fixture.Tokens.AskedFor(grant.RefreshToken) >= asked + 2, Timeout);
        await fixture.AddAccountAsync("late");
        // As when the server ends a watch, or the operator's watchdog does, which has its own tests with a fake clock.
        silent.End();
        await fixture.SeesAsync("late", "Ready", "True", within: Timeout);
    }

    private async Task SkippedDeleteAsync()
    {
        await using var api = await ProxyAsync();
        await using var fixture = await OperatorFixture.CreateAsync(cluster, new TokenServerBehaviour { TokenLifetime = TimeSpan.FromSeconds(10) });
        var skipping = api.DropLines(IsWatch, line => line.Contains("\"DELETED\"", StringComparison.Ordinal));
        await StartAsync(fixture, api);
        var ghost = await fixture.AddAccountAsync("ghost");
        var alive = await fixture.AddAccountAsync("alive");
        await fixture.SeesAsync("ghost", "Ready", "True", within: Timeout);
        await fixture.SeesAsync("alive", "Ready", "True", within: Timeout);
        skipping.Count.Should().BePositive();

        await fixture.DeleteAsync("ghost");
        await fixture.Operator.LogsAsync($"OAuthToken {fixture.Namespace}/ghost was deleted", Timeout);
        var (last, asked) = (fixture.Tokens.AskedFor(ghost.RefreshToken), fixture.Tokens.AskedFor(alive.RefreshToken));
        await Eventually.IsTrueAsync(() => fixture.Tokens.AskedFor(alive.RefreshToken) >= asked + 2, Timeout);
        fixture.Tokens.AskedFor(ghost.RefreshToken).Should().Be(last, "no object needs its token");
    }

    [Fact]
    public async Task After_a_restart_and_a_compaction_the_cache_is_complete_and_tokens_that_became_due_meanwhile_are_refreshed_and_published()
    {
        await using var link = FaultProxy.Start(cluster.Plane.Server);
        await using var fixture = await OperatorFixture.CreateAsync(cluster, new TokenServerBehaviour { TokenLifetime = TimeSpan.FromSeconds(10) });
        // With a lease the process would end, and its successor would list everything.
        await fixture.StartOperatorAsync(("KUBECONFIG", await KubeconfigAsync(fixture, link.Through(cluster.Plane.Server), null)), ("LeaderElection__Enabled", "false"));
        var kept = await fixture.AddAccountAsync("kept");
        await fixture.AddAccountAsync("gone");
        await fixture.ReadyAsync("kept");
        await fixture.ReadyAsync("gone");

        // No byte reaches the operator, without notice.
        link.Blackhole();
        await fixture.DeleteAsync("gone");
        await fixture.AddAccountAsync("made");
        await cluster.Plane.CompactAsync();
        await cluster.Plane.StopApiServerAsync(crash: true);
        link.Refuse();
        var asked = fixture.Tokens.AskedFor(kept.RefreshToken);
        await Eventually.IsTrueAsync(() => fixture.Tokens.AskedFor(kept.RefreshToken) > asked, Timeout);
        await cluster.Plane.StartApiServerAsync();
        link.Pass();

        await fixture.SeesAsync("made", "Ready", "True", within: Timeout);
        await fixture.Operator.LogsAsync($"OAuthToken {fixture.Namespace}/gone was deleted", Timeout);
        await Eventually.SeesAsync(() => fixture.SecretAsync("kept"), secret => fixture.Tokens.IsValid(secret!["access_token"]!), Timeout);
        // The version that it had seen last was compacted away.
        await fixture.Operator.LogsAsync("too old resource version");
    }

    [Fact]
    public async Task With_an_API_server_that_takes_more_than_a_second_per_answer_the_leader_keeps_leading_and_every_token_is_published()
    {
        await using var link = FaultProxy.Start(cluster.Plane.Server);
        await using var fixture = await OperatorFixture.CreateAsync(cluster);
        link.Latency = TimeSpan.FromMilliseconds(750);
        await fixture.StartOperatorAsync(("KUBECONFIG", await KubeconfigAsync(fixture, link.Through(cluster.Plane.Server), null)));
        var grants = await Task.WhenAll(Enumerable.Range(0, 4).Select(i => fixture.AddAccountAsync($"slow-{i}")));
        for (var i = 0; i < grants.Length; i++)
            await fixture.SeesAsync($"slow-{i}", "Ready", "True", within: Timeout);

        await fixture.RequestRefreshAsync("slow-0", "again");
        await Eventually.SeesAsync(() => fixture.GetAsync("slow-0"), view => view["lastHandledRefreshRequest"] == "again", Timeout);
        grants.Select(grant => fixture.Tokens.AskedFor(grant.RefreshToken)).Should().Equal(2, 1, 1, 1);
        fixture.Operator.HasExited.Should().BeFalse();
        fixture.Operator.Log.Should().NotContain("Lost the lease");
    }

    private static bool IsWatch(HttpExchange e) =>
        e.Path.EndsWith("/oauthtokens", StringComparison.Ordinal) && e.Query.Contains("watch=true", StringComparison.Ordinal);

    private Task<HttpFaultProxy> ProxyAsync() => HttpFaultProxy.StartAsync(cluster.Plane.Server, cluster.Plane.CertificateAuthorityFile);

    private async Task StartAsync(OperatorFixture fixture, HttpFaultProxy api) =>
        await fixture.StartOperatorAsync(("KUBECONFIG", await KubeconfigAsync(fixture, api.Address, api.Authority)));

    private Task<string> KubeconfigAsync(OperatorFixture fixture, Uri server, string? authority) =>
        KubeconfigFile.RedirectAsync(cluster.OperatorKubeconfig, Path.Combine(cluster.Plane.Folder, $"{fixture.Namespace}-faults.kubeconfig"), server, authority);
}
