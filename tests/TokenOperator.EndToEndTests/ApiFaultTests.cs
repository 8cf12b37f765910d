using System.Net;
using TokenOperator.TestBed;
using TokenOperator.TestBed.Faults;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests;

/// <summary>The API server refuses, forgets, is silent, slow or away: the cache heals by itself, and what could not be written is written after.</summary>
[Collection(LinkGroup.Name)]
public sealed class ApiFaultTests(ClusterFixture cluster)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    [Fact]
    public async Task What_the_API_server_refuses_to_write_is_written_after_and_the_provider_is_asked_once()
    {
        await using var api = await ProxyAsync();
        await using var bed = await OperatorBed.CreateAsync(cluster);
        int[] refusals = [500, 429, 409];
        var accounts = refusals.SelectMany(status => new (string Name, HttpFault Fault)[]
        {
            ($"secret-{status}", api.Refuse(e => IsWrite(e, $"/secrets/secret-{status}"), status, RetryAfter(status))),
            ($"status-{status}", api.Refuse(e => IsWrite(e, $"/oauthtokens/status-{status}/status"), status, RetryAfter(status))),
        }).ToList();
        await StartAsync(bed, api);
        var grants = await Task.WhenAll(accounts.Select(account => bed.AddAccountAsync(account.Name)));

        await Eventually.TrueAsync(() => accounts.TrueForAll(account => account.Fault.Count >= 2), Patience);
        (await bed.SeesAsync("secret-500", "Ready", "False", "SecretWriteFailed")).Message("Ready").Should().Contain($"{bed.Namespace}/secret-500");
        (await bed.GetAsync("status-500")).Status("Ready").Should().Be("Unknown", "nothing was written yet");
        accounts.ForEach(account => account.Fault.End());

        foreach (var (name, _) in accounts)
            await bed.SeesAsync(name, "Ready", "True", within: Patience);
        grants.Select(grant => bed.Tokens.AskedFor(grant.RefreshToken)).Should().AllBeEquivalentTo(1);

        static bool IsWrite(HttpExchange e, string path) => e.Method == "PATCH" && e.Path.EndsWith(path, StringComparison.Ordinal);
        static TimeSpan? RetryAfter(int status) => status == 429 ? TimeSpan.FromSeconds(1) : null;
    }

    [Fact]
    public Task Watches_that_are_refused_end_at_once_hang_or_skip_a_delete_leave_no_cache_stale() =>
        Task.WhenAll(RefusedAsync(), EndedAtOnceAsync(), SilentAsync(), SkippedDeleteAsync());

    private async Task RefusedAsync()
    {
        await using var api = await ProxyAsync();
        await using var bed = await OperatorBed.CreateAsync(cluster);
        var gone = api.Refuse(IsWatch, (int)HttpStatusCode.Gone);
        await StartAsync(bed, api);
        await Eventually.TrueAsync(() => gone.Count > 0);
        await bed.AddAccountAsync("listed");
        await bed.SeesAsync("listed", "Ready", "True", within: Patience);
        gone.End();
        await bed.AddAccountAsync("watched");
        await bed.SeesAsync("watched", "Ready", "True", within: Patience);
    }

    private async Task EndedAtOnceAsync()
    {
        await using var api = await ProxyAsync();
        await using var bed = await OperatorBed.CreateAsync(cluster);
        var ended = api.EndAtOnce(IsWatch);
        await StartAsync(bed, api);
        await Eventually.TrueAsync(() => ended.Count > 0);
        await bed.AddAccountAsync("listed");
        await bed.SeesAsync("listed", "Ready", "True", within: Patience);
    }

    private async Task SilentAsync()
    {
        await using var api = await ProxyAsync();
        await using var bed = await OperatorBed.CreateAsync(cluster, new TokenServerBehaviour { TokenLifetime = TimeSpan.FromSeconds(10) });
        var grant = await bed.AddAccountAsync("early");
        var silent = api.Silence(IsWatch);
        await StartAsync(bed, api);
        await bed.SeesAsync("early", "Ready", "True", within: Patience);

        var asked = bed.Tokens.AskedFor(grant.RefreshToken);
        await Eventually.TrueAsync(() => bed.Tokens.AskedFor(grant.RefreshToken) >= asked + 2, Patience);
        await bed.AddAccountAsync("late");
        // As the server ends a watch in time, or, when it does not, the operator's own watchdog, which has a fake clock in its own tests.
        silent.End();
        await bed.SeesAsync("late", "Ready", "True", within: Patience);
    }

    private async Task SkippedDeleteAsync()
    {
        await using var api = await ProxyAsync();
        await using var bed = await OperatorBed.CreateAsync(cluster, new TokenServerBehaviour { TokenLifetime = TimeSpan.FromSeconds(10) });
        var skipping = api.DropLines(IsWatch, line => line.Contains("\"DELETED\"", StringComparison.Ordinal));
        await StartAsync(bed, api);
        var ghost = await bed.AddAccountAsync("ghost");
        var alive = await bed.AddAccountAsync("alive");
        await bed.SeesAsync("ghost", "Ready", "True", within: Patience);
        await bed.SeesAsync("alive", "Ready", "True", within: Patience);
        skipping.Count.Should().BePositive();

        await bed.DeleteAsync("ghost");
        await Eventually.TrueAsync(() => bed.Operator.Log.Contains($"OAuthToken {bed.Namespace}/ghost was deleted", StringComparison.Ordinal), Patience);
        var (last, asked) = (bed.Tokens.AskedFor(ghost.RefreshToken), bed.Tokens.AskedFor(alive.RefreshToken));
        await Eventually.TrueAsync(() => bed.Tokens.AskedFor(alive.RefreshToken) >= asked + 2, Patience);
        bed.Tokens.AskedFor(ghost.RefreshToken).Should().Be(last, "nobody needs its token");
    }

    [Fact]
    public async Task After_a_restart_and_a_compaction_the_cache_is_whole_again_and_what_fell_due_meanwhile_was_refreshed_and_is_written()
    {
        await using var link = FaultProxy.Start(cluster.Plane.Server);
        await using var bed = await OperatorBed.CreateAsync(cluster, new TokenServerBehaviour { TokenLifetime = TimeSpan.FromSeconds(10) });
        // With a lease the process would end, and its successor lists everything anyway.
        await bed.StartOperatorAsync(("KUBECONFIG", await KubeconfigAsync(bed, link.Through(cluster.Plane.Server), null)), ("LeaderElection__Enabled", "false"));
        var kept = await bed.AddAccountAsync("kept");
        await bed.AddAccountAsync("gone");
        await bed.ReadyAsync("kept");
        await bed.ReadyAsync("gone");

        // Nothing reaches the operator, and nobody tells it so.
        link.Blackhole();
        await bed.DeleteAsync("gone");
        await bed.AddAccountAsync("made");
        await cluster.Plane.CompactAsync();
        await cluster.Plane.StopApiServerAsync(crash: true);
        link.Refuse();
        var asked = bed.Tokens.AskedFor(kept.RefreshToken);
        await Eventually.TrueAsync(() => bed.Tokens.AskedFor(kept.RefreshToken) > asked, Patience);
        await cluster.Plane.StartApiServerAsync();
        link.Pass();

        await bed.SeesAsync("made", "Ready", "True", within: Patience);
        await Eventually.TrueAsync(() => bed.Operator.Log.Contains($"OAuthToken {bed.Namespace}/gone was deleted", StringComparison.Ordinal), Patience);
        await Eventually.SeesAsync(() => bed.SecretAsync("kept"), secret => bed.Tokens.IsValid(secret!["access_token"]!), Patience);
        bed.Operator.Log.Should().Contain("too old resource version", "the version that it had seen last was compacted away");
    }

    [Fact]
    public async Task With_an_API_server_that_takes_more_than_a_second_for_each_answer_the_leader_leads_on_and_every_token_is_served()
    {
        await using var link = FaultProxy.Start(cluster.Plane.Server);
        await using var bed = await OperatorBed.CreateAsync(cluster);
        link.Latency = TimeSpan.FromMilliseconds(750);
        await bed.StartOperatorAsync(("KUBECONFIG", await KubeconfigAsync(bed, link.Through(cluster.Plane.Server), null)));
        var grants = await Task.WhenAll(Enumerable.Range(0, 4).Select(i => bed.AddAccountAsync($"slow-{i}")));
        for (var i = 0; i < grants.Length; i++)
            await bed.SeesAsync($"slow-{i}", "Ready", "True", within: Patience);

        await bed.RequestRefreshAsync("slow-0", "again");
        await Eventually.SeesAsync(() => bed.GetAsync("slow-0"), view => view["lastHandledRefreshRequest"] == "again", Patience);
        grants.Select(grant => bed.Tokens.AskedFor(grant.RefreshToken)).Should().Equal(2, 1, 1, 1);
        bed.Operator.HasExited.Should().BeFalse();
        bed.Operator.Log.Should().NotContain("Lost the lease");
    }

    private static bool IsWatch(HttpExchange e) =>
        e.Path.EndsWith("/oauthtokens", StringComparison.Ordinal) && e.Query.Contains("watch=true", StringComparison.Ordinal);

    private Task<HttpFaultProxy> ProxyAsync() => HttpFaultProxy.StartAsync(cluster.Plane.Server, cluster.Plane.CertificateAuthorityFile);

    private async Task StartAsync(OperatorBed bed, HttpFaultProxy api) =>
        await bed.StartOperatorAsync(("KUBECONFIG", await KubeconfigAsync(bed, api.Address, api.Authority)));

    private Task<string> KubeconfigAsync(OperatorBed bed, Uri server, string? authority) =>
        KubeconfigFile.RedirectAsync(cluster.OperatorKubeconfig, Path.Combine(cluster.Plane.Folder, $"{bed.Namespace}-faults.kubeconfig"), server, authority);
}
