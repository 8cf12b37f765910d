using KubeRuntime.Controllers;
using KubeRuntime.Events;
using KubeRuntime.LeaderElection;
using KubeRuntime.Observability;
using KubeRuntime.Watching;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace KubeRuntime.Hosting;

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

    private readonly IResourceWatch[] _watches = [.. watches];
    private readonly IControllerRunner[] _runners = [.. runners];
    private readonly CancellationTokenSource _stopWork = new();
    private readonly CancellationTokenSource _stopWatches = new();
    private readonly CancellationTokenSource _stopElection = new();
    private readonly CancellationTokenSource _stopEvents = new();
    private Task _watching = Task.CompletedTask;
    private Task _electing = Task.CompletedTask;
    private Task _working = Task.CompletedTask;
    private Task _publishing = Task.CompletedTask;

    public override bool CachesSynced => Array.TrueForAll(_watches, w => w.Synced.IsCompletedSuccessfully);

    public override bool IsAlive =>
        _stopWork.IsCancellationRequested
        || (election.IsAlive && !_watching.IsCompleted && !_working.IsFaulted && Array.TrueForAll(_runners, r => r.IsAlive));

    public Task StartAsync(CancellationToken cancellationToken)
    {
        LogStarted(logger, options.Name, election.Identity, options.Namespaces.Count == 0 ? "all" : string.Join(", ", options.Namespaces));
        _watching = Task.WhenAll(_watches.Select(w => w.RunAsync(_stopWatches.Token)));
        _publishing = events.RunAsync(_stopEvents.Token);
        _electing = ElectAsync();
        _working = StartWorkersAsync();
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        LogStopping(logger, options.Name);
        await _stopWork.CancelAsync();
        await _working;
        var drained = await Task.WhenAll(_runners.Select(r => r.DrainAsync(options.DrainTimeout)));
        await Task.WhenAll(drains.Select(d => d.DrainAsync(cancellationToken)));
        await _stopWatches.CancelAsync();
        await _watching;
        await _stopElection.CancelAsync();
        await _electing;
        // A reconcile that could not be stopped may still be writing: then the next leader has to wait for the end of the lease.
        if (Array.TrueForAll(drained, d => d))
        {
            using var limit = new CancellationTokenSource(ReleaseTimeout);
            await election.ReleaseAsync(limit.Token);
        }

        await events.FlushAsync(_publishing, _stopEvents);
        LogStopped(logger, options.Name);
    }

    public void Dispose()
    {
        _stopWork.Dispose();
        _stopWatches.Dispose();
        _stopElection.Dispose();
        _stopEvents.Dispose();
    }

    private async Task ElectAsync()
    {
        // The first request is as good as the last in finding out that something is wrong, so the start does not wait for it.
        await Task.Yield();
        await election.RunAsync(_stopElection.Token);
        if (_stopElection.IsCancellationRequested) return;
        LogLost(logger, election.Scope);
        Environment.ExitCode = 1;
        lifetime.StopApplication();
    }

    private async Task StartWorkersAsync()
    {
        try
        {
            await Task.WhenAll(_watches.Select(w => w.Synced)).WaitAsync(_stopWork.Token);
            await election.Acquired.WaitAsync(_stopWork.Token);
        }
        catch (OperationCanceledException)
        {
            return;
        }

        LogLeading(logger, election.Scope);
        foreach (var runner in _runners) runner.Start(election.Term);
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
