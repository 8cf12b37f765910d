using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using TokenOperator.TestBed;

namespace TokenOperator.Benchmarks;

/// <summary>What the refreshes of one round cost.</summary>
/// <param name="Cpu">The CPU time of the operator.</param>
/// <param name="ProviderCalls">The number of token requests.</param>
/// <param name="Requests">The number of requests to the API server.</param>
/// <param name="Statements">The number of SQL statements.</param>
internal sealed record RefreshCost(TimeSpan Cpu, int ProviderCalls, int Requests, long Statements);

/// <summary>
/// Compares the refreshes through a ClusterOAuthProvider with those through a provider of the settings. One operator has accounts of both, which take turns, so that a
/// machine that is busy for a while affects both.
/// </summary>
/// <param name="N">The number of refreshes in a round.</param>
/// <param name="Setting">The rounds of the provider from settings.</param>
/// <param name="Cluster">The rounds of the ClusterOAuthProvider.</param>
internal sealed record RefreshComparison(int N, IReadOnlyList<RefreshCost> Setting, IReadOnlyList<RefreshCost> Cluster)
{
    private const string ClusterProvider = "benchmark";
    private const string Path = "/apis/tokenoperator.dev/v1beta1/clusteroauthproviders";
    private const double MaxRatio = 1.03;

    /// <summary>Longer than the operator postpones a further refresh that someone requests for the same object.</summary>
    private static readonly TimeSpan MinBetweenRequests = TimeSpan.FromSeconds(11);

    /// <summary>The CPU time of all rounds of the ClusterOAuthProvider, divided by that of the other.</summary>
    private double Ratio => Cluster.Sum(cost => cost.Cpu.TotalSeconds) / Setting.Sum(cost => cost.Cpu.TotalSeconds);

    /// <summary>
    /// True if both make the same number of provider calls and statements, and the ClusterOAuthProvider costs at most 3 % more requests to the API
    /// server and CPU time. Requests that renew the lease or report a state can fall into either round.
    /// </summary>
    public bool IsEqual =>
        Setting.Concat(Cluster).Select(cost => (cost.ProviderCalls, cost.Statements)).Distinct().Count() == 1
        && Cluster.Sum(cost => cost.Requests) <= MaxRatio * Setting.Sum(cost => cost.Requests) && Ratio <= MaxRatio;

    /// <summary>Measures <see cref="Options.Rounds"/> rounds of each, after one that is not counted.</summary>
    public static async Task<RefreshComparison> MeasureAsync(BenchmarkFixture fixture, Programs programs, Options options, CancellationToken ct)
    {
        string[] setting = [.. Enumerable.Range(1, options.N).Select(i => $"setting-{i}")];
        string[] cluster = [.. Enumerable.Range(1, options.N).Select(i => $"cluster-{i}")];
        var stage = await fixture.PrepareAsync("refreshes", programs.Operator, [("google", setting), (ClusterProvider, cluster)], ct);
        await fixture.Admin.SendAsync(HttpMethod.Post, Path, Encoding.UTF8.GetBytes(Provider(fixture.TokenEndpoint)), "application/json", ct);
        await using var process = OperatorProcess.Start(new OperatorProcessOptions
        {
            Program = programs.Operator,
            Kubeconfig = fixture.Kubeconfig,
            DatabaseUrl = stage.Database.Uri,
            TokenEndpoint = fixture.TokenEndpoint,
            RevocationEndpoint = new Uri(fixture.TokenEndpoint, "/revoke"),
            LogFile = fixture.LogFile("refreshes"),
            Settings = new Dictionary<string, string?>
            {
                ["Providers__google__RequestsPerSecond"] = "10000",
                ["Providers__google__Burst"] = "10000",
                ["LeaderElection__LeaseNamespace"] = BenchmarkFixture.OperatorNamespace,
            },
        });
        await process.ReadyAsync(ct);
        await using var load = await LoadGenerator.StartAsync(fixture.Admin, stage.Namespace, ct);
        await load.CreateAsync(setting, ct);
        await load.CreateAsync(cluster, ct, ClusterProvider);
        var written = (await fixture.RequestsAsync(ct)).Count(IsProviderStatus);
        var meter = new ProcessMeter(process.Id);
        await RoundAsync(setting, "warm-up");
        await RoundAsync(cluster, "warm-up");
        // The users are counted, and the first success is recorded. Neither depends on the number of refreshes.
        await Eventually.SeesAsync(async () => (await fixture.RequestsAsync(ct)).Count(IsProviderStatus), count => count > written, TimeSpan.FromMinutes(3), ct: ct);

        var (ofSetting, ofCluster) = (new List<RefreshCost>(), new List<RefreshCost>());
        for (var round = 1; round <= options.Rounds; round++)
        {
            var request = string.Create(CultureInfo.InvariantCulture, $"round-{round}");
            var settingFirst = round % 2 == 1;
            if (settingFirst)
                ofSetting.Add(await RoundAsync(setting, request));
            ofCluster.Add(await RoundAsync(cluster, request));
            if (!settingFirst)
                ofSetting.Add(await RoundAsync(setting, request));
            await Console.Error.WriteLineAsync($"Round {round} of {options.Rounds}: setting {ofSetting[^1]}, cluster {ofCluster[^1]}");
        }

        await process.StopAsync(ct);
        return new RefreshComparison(options.N, ofSetting, ofCluster);

        async Task<RefreshCost> RoundAsync(string[] names, string request)
        {
            await Task.Delay(MinBetweenRequests, ct);
            await fixture.Postgres.ResetStatementsAsync(ct);
            var (requests, calls, cpu) = ((await fixture.RequestsAsync(ct)).Count, await fixture.ProviderCallsAsync(ct), meter.Cpu());
            await load.RefreshAsync(names, request, ct);
            cpu = meter.Cpu() - cpu;
            return new RefreshCost(
                cpu, await fixture.ProviderCallsAsync(ct) - calls, (await fixture.RequestsAsync(ct)).Skip(requests).Count(r => r.Resource != "leases" && r.Verb != "watch"),
                (await fixture.Postgres.StatementsAsync(stage.Database, ct)).Where(s => s.Text.Contains("oauth_tokens", StringComparison.Ordinal)).Sum(s => s.Calls));
        }
    }

    /// <summary>The counts of one round, and the CPU time of all.</summary>
    public JsonObject ToJson() => new()
    {
        ["refreshes"] = N,
        ["rounds"] = Setting.Count,
        ["setting"] = Counts(Setting),
        ["cluster"] = Counts(Cluster),
        ["cpuRatio"] = Math.Round(Ratio, 3),
        ["isEqual"] = IsEqual,
    };

    private JsonObject Counts(IReadOnlyList<RefreshCost> costs) => new()
    {
        ["providerCalls"] = costs[0].ProviderCalls,
        ["apiRequests"] = costs[0].Requests,
        ["sqlStatements"] = costs[0].Statements,
        ["cpuMsPerRefresh"] = Math.Round(costs.Sum(cost => cost.Cpu.TotalMilliseconds) / costs.Count / N, 3),
    };

    private static bool IsProviderStatus(AuditedRequest request) => request.Resource == "clusteroauthproviders/status";

    private static string Provider(Uri tokenEndpoint) => new JsonObject
    {
        ["apiVersion"] = "tokenoperator.dev/v1beta1",
        ["kind"] = "ClusterOAuthProvider",
        ["metadata"] = new JsonObject { ["name"] = ClusterProvider },
        ["spec"] = new JsonObject
        {
            ["extends"] = "google",
            ["tokenEndpoint"] = tokenEndpoint.AbsoluteUri,
            ["limits"] = new JsonObject { ["requestsPerSecond"] = 10000, ["burst"] = 10000 },
        },
    }.ToJsonString();
}
