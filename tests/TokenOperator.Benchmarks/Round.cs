using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using TokenOperator.TestBed;

namespace TokenOperator.Benchmarks;

/// <summary>The cost of a load.</summary>
internal sealed record Cost(
    Load Burst, Load Singles, TimeSpan Cpu, double PeakMemory, int ProviderCalls, IReadOnlyList<AuditedRequest> Requests, IReadOnlyList<CountedStatement> Statements);

/// <summary>The cost of a restart with fresh objects, and of idling after it.</summary>
internal sealed record Restart(TimeSpan QuietAfter, int ProviderCalls, IReadOnlyList<AuditedRequest> Requests, TimeSpan IdleCpuPerMinute);

/// <summary>One measurement of each program with the same data and load.</summary>
internal sealed class Round(BenchmarkFixture fixture, Programs programs, int n, int number)
{
    private const int Singles = 40;
    private const int Concurrency = 16;
    private static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(30);

    private readonly string[] _burst = [.. Enumerable.Range(1, n).Select(i => $"user-{i}")];
    private readonly string[] _singles = [.. Enumerable.Range(1, Singles).Select(i => $"single-{i}")];

    /// <summary>Measures the bare loop.</summary>
    public async Task<Cost> FloorAsync(CancellationToken ct)
    {
        var stage = await fixture.PrepareAsync($"floor-{number}", programs.Operator, [.. _burst, .. _singles], ct);
        var settings = new BareLoopSettings(
            fixture.OperatorAddress, stage.Database.Uri, fixture.TokenEndpoint, BenchmarkFixture.ClientId, BenchmarkFixture.ClientSecret, Concurrency);
        var log = fixture.LogFile($"floor-{number}");
        await using var loop = ChildProcess.Start(new ChildProcessOptions(programs.BareLoop, ["bare-loop"])
        {
            LogFile = log,
            Environment = new Dictionary<string, string?> { [BareLoop.Variable] = JsonSerializer.Serialize(settings) },
        });
        await Eventually.IsTrueAsync(() => loop.HasExited || File.ReadAllText(log).Contains(BareLoop.Ready, StringComparison.Ordinal), ct: ct);
        loop.ThrowIfExited();
        var cost = await ExplainAsync(MeasureAsync(stage, loop.Id, ct), log);
        await loop.StopAsync(ct);
        await fixture.ClearAsync(stage, ct);
        return cost;
    }

    /// <summary>Measures the operator, and then its restart.</summary>
    public async Task<(Cost Cost, Restart Restart)> OperatorAsync(CancellationToken ct)
    {
        var stage = await fixture.PrepareAsync($"operator-{number}", programs.Operator, [.. _burst, .. _singles], ct);
        Cost cost;
        await using (var first = await Start(stage, "first").ReadyAsync(ct))
        {
            await Eventually.IsTrueAsync(() => first.Log.Contains("Leading", StringComparison.Ordinal), ct: ct);
            cost = await ExplainAsync(MeasureAsync(stage, first.Id, ct), fixture.LogFile($"operator-{number}-first"));
            await first.StopAsync(ct);
        }

        var restart = await RestartAsync(stage, ct);
        await fixture.ClearAsync(stage, ct);
        return (cost, restart);
    }

    private async Task<Cost> MeasureAsync(Stage stage, int process, CancellationToken ct)
    {
        var meter = new ProcessMeter(process);
        await using var load = await LoadGenerator.StartAsync(fixture.Admin, stage.Namespace, ct);
        // Both programs are idle at the start. The restart measures the cost of starting.
        await meter.QuietAfterAsync(Stopwatch.GetTimestamp(), ct);
        await fixture.Postgres.ResetStatementsAsync(ct);
        var (requests, calls, cpu) = ((await fixture.RequestsAsync(ct)).Count, await fixture.ProviderCallsAsync(ct), meter.Cpu());

        var burst = await load.CreateAsync(_burst, ct);
        cpu = meter.Cpu() - cpu;
        var statements = await fixture.Postgres.StatementsAsync(stage.Database, ct);
        var made = (await fixture.RequestsAsync(ct)).Skip(requests).ToList();
        calls = await fixture.ProviderCallsAsync(ct) - calls;
        var singles = await load.CreateOneByOneAsync(_singles, ct);
        return new Cost(burst, singles, cpu, meter.PeakMemory(), calls, made, statements);
    }

    private static async Task<T> ExplainAsync<T>(Task<T> measuring, string log)
    {
        try
        {
            return await measuring;
        }
        catch (Exception e) when (e is TimeoutException or IOException)
        {
            throw new InvalidOperationException(
                $"Not all objects became Ready: {e.Message} The last lines of {log}: {ChildProcess.LastLinesOf(log)}", e);
        }
    }

    private async Task<Restart> RestartAsync(Stage stage, CancellationToken ct)
    {
        var (requests, calls) = ((await fixture.RequestsAsync(ct)).Count, await fixture.ProviderCallsAsync(ct));
        var started = Stopwatch.GetTimestamp();
        await using var second = Start(stage, "second");
        var meter = new ProcessMeter(second.Id);
        var quiet = await meter.QuietAfterAsync(started, ct);
        // A process that waits for the lease is idle too. Only a process that has reconciled everything counts.
        while (!await HasReconciledAllAsync(second, ct))
            quiet = await meter.QuietAfterAsync(started, ct);
        var made = (await fixture.RequestsAsync(ct)).Skip(requests).ToList();
        calls = await fixture.ProviderCallsAsync(ct) - calls;

        await meter.QuietAfterAsync(Stopwatch.GetTimestamp(), ct);
        var (cpu, since) = (meter.Cpu(), Stopwatch.GetTimestamp());
        await Task.Delay(IdleTime, ct);
        var idle = (meter.Cpu() - cpu) / Stopwatch.GetElapsedTime(since).TotalMinutes;
        await second.StopAsync(ct);
        return new Restart(quiet, calls, made, idle);
    }

    private async Task<bool> HasReconciledAllAsync(OperatorProcess process, CancellationToken ct)
    {
        using var http = new HttpClient { BaseAddress = process.Address };
        var metrics = await http.GetStringAsync(new Uri("/metrics", UriKind.Relative), ct);
        return Sum(metrics, "controller_runtime_reconcile_total") >= n + Singles && Sum(metrics, "workqueue_depth") == 0;
    }

    private static double Sum(string metrics, string name) => metrics.Split('\n')
        .Where(line => line.StartsWith(name + "{", StringComparison.Ordinal))
        .Sum(line => double.Parse(line[(line.IndexOf('}', StringComparison.Ordinal) + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0], CultureInfo.InvariantCulture));

    private OperatorProcess Start(Stage stage, string name) => OperatorProcess.Start(new OperatorProcessOptions
    {
        Program = programs.Operator,
        Kubeconfig = fixture.Kubeconfig,
        DatabaseUrl = stage.Database.Uri,
        TokenEndpoint = fixture.TokenEndpoint,
        RevocationEndpoint = new Uri(fixture.TokenEndpoint, "/revoke"),
        LogFile = fixture.LogFile($"operator-{number}-{name}"),
        Settings = new Dictionary<string, string?>
        {
            ["Concurrency"] = $"{Concurrency}",
            // The bare loop has no rate limit.
            ["Providers__google__RequestsPerSecond"] = "10000",
            ["Providers__google__Burst"] = "10000",
            ["LeaderElection__LeaseNamespace"] = BenchmarkFixture.OperatorNamespace,
        },
    });
}
