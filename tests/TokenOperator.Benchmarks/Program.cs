// Compares the operator with a bare loop of the calls that its work needs, on real servers. May start processes.
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using TokenOperator.Benchmarks;

using var stop = new CancellationTokenSource();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);

try
{
    if (args is ["bare-loop"])
    {
        var settings = JsonSerializer.Deserialize<BareLoopSettings>(
            Environment.GetEnvironmentVariable(BareLoop.Variable) ?? throw new InvalidOperationException($"{BareLoop.Variable} is not set."))!;
        using var loop = new BareLoop(settings);
        await loop.RunAsync(stop.Token);
        return 0;
    }

    if (args is ["providers", .. var rest] && Options.Parse(rest) is { } providers)
    {
        var programs = await Programs.PublishAsync(providers.Reuse, stop.Token);
        await using var fixture = await BenchmarkFixture.StartAsync(stop.Token);
        Console.WriteLine((await ProviderCost.MeasureAsync(fixture, programs, providers.N, stop.Token)).ToJsonString());
        return 0;
    }

    if (args is ["refreshes", .. var others] && Options.Parse(others) is { } refreshes)
    {
        var programs = await Programs.PublishAsync(refreshes.Reuse, stop.Token);
        await using var fixture = await BenchmarkFixture.StartAsync(stop.Token);
        var comparison = await RefreshComparison.MeasureAsync(fixture, programs, refreshes, stop.Token);
        Console.WriteLine(comparison.ToJson().ToJsonString());
        return comparison.IsEqual ? 0 : 1;
    }

    if (Options.Parse(args) is not { } options)
    {
        await Console.Error.WriteLineAsync(Options.Usage);
        return 2;
    }

    return await MeasureAsync(options, stop.Token);
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    return 130;
}

void Stop(PosixSignalContext context)
{
    context.Cancel = true;
    stop.Cancel();
}

static async Task<int> MeasureAsync(Options options, CancellationToken ct)
{
    var programs = await Programs.PublishAsync(options.Reuse, ct);
    await Console.Error.WriteLineAsync("Starting etcd, kube-apiserver, Postgres and the token server...");
    await using var fixture = await BenchmarkFixture.StartAsync(ct);
    var report = new Report(options.N);
    for (var number = 1; number <= options.Rounds; number++)
    {
        var round = new Round(fixture, programs, options.N, number);
        await Console.Error.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"Round {number} of {options.Rounds} with {options.N} objects..."));
        var floor = await round.FloorAsync(ct);
        var (cost, restart) = await round.OperatorAsync(ct);
        await Console.Error.WriteLineAsync(report.Add(floor, cost, restart));
    }

    Console.WriteLine(report.ToJson().ToJsonString());
    return 0;
}
