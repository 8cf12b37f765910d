using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TokenOperator.Runtime.Controllers;
using TokenOperator.Runtime.Events;
using TokenOperator.Runtime.LeaderElection;
using TokenOperator.Runtime.Observability;
using TokenOperator.Runtime.Watching;

namespace TokenOperator.Runtime.Hosting;

/// <summary>
/// Runs the parts in their order. Start: watches and election at once, workers when both are through. Stop: workers are drained, then
/// what they left, then the watches end, then the lease is released, then the events go out. When the lease is lost, work in progress is
/// broken off and the host ends with exit code 1, so that nothing of an old term survives.
/// </summary>
internal sealed partial class OperatorHost(
    IEnumerable<IResourceWatch> watches,
    IEnumerable<IControllerRunner> runners,
    IEnumerable<IDrain> drains,
    IElection election,
    EventPublisher events,
    OperatorOptions options,
    IHostApplicationLifetime lifetime,
    ILogger<OperatorHost> logger) : OperatorHealth, IHostedService, IDisposable
{
    private static readonly TimeSpan ReleaseTimeout = TimeSpan.FromSeconds(3);

    private readonly IResourceWatch[] watches = [.. watches];
    private readonly IControllerRunner[] runners = [.. runners];
    private readonly CancellationTokenSource stopWork = new();
    private readonly CancellationTokenSource stopWatches = new();
    private readonly CancellationTokenSource stopElection = new();
    private readonly CancellationTokenSource stopEvents = new();
    private Task watching = Task.CompletedTask;
    private Task electing = Task.CompletedTask;
    private Task working = Task.CompletedTask;
    private Task publishing = Task.CompletedTask;

    public override bool CachesSynced => Array.TrueForAll(watches, w => w.Synced.IsCompletedSuccessfully);

    public override bool IsAlive =>
        stopWork.IsCancellationRequested
        || (election.IsAlive && !watching.IsCompleted && !working.IsFaulted && Array.TrueForAll(runners, r => r.IsAlive));

    public Task StartAsync(CancellationToken cancellationToken)
    {
        LogStarted(logger, options.Name, election.Identity, options.Namespaces.Count == 0 ? "all" : string.Join(", ", options.Namespaces));
        watching = Task.WhenAll(watches.Select(w => w.RunAsync(stopWatches.Token)));
        publishing = events.RunAsync(stopEvents.Token);
        electing = ElectAsync();
        working = StartWorkersAsync();
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        LogStopping(logger, options.Name);
        await stopWork.CancelAsync();
        await working;
        var drained = await Task.WhenAll(runners.Select(r => r.DrainAsync(options.DrainTimeout)));
        await Task.WhenAll(drains.Select(d => d.DrainAsync(cancellationToken)));
        await stopWatches.CancelAsync();
        await watching;
        await stopElection.CancelAsync();
        await electing;
        // A reconcile that could not be stopped may still be writing: then the next leader has to wait for the end of the lease.
        if (Array.TrueForAll(drained, d => d))
        {
            using var limit = new CancellationTokenSource(ReleaseTimeout);
            await election.ReleaseAsync(limit.Token);
        }

        await events.FlushAsync(publishing, stopEvents);
        LogStopped(logger, options.Name);
    }

    public void Dispose()
    {
        stopWork.Dispose();
        stopWatches.Dispose();
        stopElection.Dispose();
        stopEvents.Dispose();
    }

    private async Task ElectAsync()
    {
        // The first request is as good as the last in finding out that something is wrong, so the start does not wait for it.
        await Task.Yield();
        await election.RunAsync(stopElection.Token);
        if (stopElection.IsCancellationRequested) return;
        LogLost(logger, election.Scope);
        Environment.ExitCode = 1;
        lifetime.StopApplication();
    }

    private async Task StartWorkersAsync()
    {
        try
        {
            await Task.WhenAll(watches.Select(w => w.Synced)).WaitAsync(stopWork.Token);
            await election.Acquired.WaitAsync(stopWork.Token);
        }
        catch (OperationCanceledException)
        {
            return;
        }

        LogLeading(logger, election.Scope);
        foreach (var runner in runners) runner.Start(election.Term);
    }

    [LoggerMessage(EventId = 1001, Level = LogLevel.Information, Message = "{Operator} started as {Identity}, watching namespaces: {Namespaces}")]
    private static partial void LogStarted(ILogger logger, string @operator, string identity, string namespaces);

    [LoggerMessage(EventId = 1002, Level = LogLevel.Information, Message = "Leading {Scope}")]
    private static partial void LogLeading(ILogger logger, string scope);

    [LoggerMessage(EventId = 1005, Level = LogLevel.Information, Message = "{Operator} is stopping: what is in work is finished first")]
    private static partial void LogStopping(ILogger logger, string @operator);

    [LoggerMessage(EventId = 1003, Level = LogLevel.Information, Message = "{Operator} stopped")]
    private static partial void LogStopped(ILogger logger, string @operator);

    [LoggerMessage(EventId = 1004, Level = LogLevel.Error, Message = "Lost the lease {Scope}: another may lead now, so this process ends")]
    private static partial void LogLost(ILogger logger, string scope);
}
