using KubeRuntime.Events;
using KubeRuntime.LeaderElection;
using KubeRuntime.Watching;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace KubeRuntime.Hosting;

/// <summary>The state of the operator, for the probes of its pod and for its exit code. All members return immediately.</summary>
public abstract class OperatorHealth
{
    /// <summary>Ready: all caches hold everything that existed at the start. A standby is ready, too.</summary>
    public abstract bool CachesSynced { get; }

    /// <summary>
    /// Alive: the watches and the leader election run, and no reconcile hangs far beyond its timeout. When this is false, only a
    /// restart helps.
    /// </summary>
    public abstract bool IsAlive { get; }

    /// <summary>True once this process has lost the lease: the host stops, and the process should exit with a code other than 0.</summary>
    public abstract bool HasLostLeadership { get; }
}

/// <summary>
/// Starts and stops the parts in order. At the start, the watches and the election run at once; the workers start when the caches are
/// filled and this process leads. At the stop, the workers are drained, then the registered <see cref="IDrain"/>s in the time that is left, then the watches
/// end, then the lease is released, then the queued events are sent. When the lease is lost, work in progress is aborted and the host
/// stops, so that no work of an old term continues.
/// </summary>
internal sealed partial class OperatorHost(
    IEnumerable<IResourceWatch> watches,
    OperatorWork work,
    IElection election,
    EventPublisher events,
    OperatorOptions options,
    IHostApplicationLifetime lifetime,
    ILogger<OperatorHost> logger) : OperatorHealth, IHostedService, IDisposable
{
    private readonly IResourceWatch[] _watches = [.. watches];
    private readonly CancellationTokenSource _stopWork = new();
    private readonly CancellationTokenSource _stopWatches = new();
    private readonly CancellationTokenSource _stopElection = new();
    private readonly CancellationTokenSource _stopEvents = new();
    private Task _watching = Task.CompletedTask;
    private Task _electing = Task.CompletedTask;
    private Task _working = Task.CompletedTask;
    private Task _publishing = Task.CompletedTask;
    private volatile bool _hasLostLeadership;

    public override bool CachesSynced => Array.TrueForAll(_watches, w => w.Synced.IsCompletedSuccessfully);

    public override bool IsAlive =>
        _stopWork.IsCancellationRequested
        || (election.IsAlive && !_watching.IsCompleted && !_working.IsFaulted && work.IsAlive);

    public override bool HasLostLeadership => _hasLostLeadership;

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
        var isFinished = await work.DrainAsync();
        await _stopWatches.CancelAsync();
        await _watching;
        await _stopElection.CancelAsync();
        await _electing;
        // Work that did not stop may still write, so the next leader must wait until the lease expires.
        if (isFinished)
            await election.ReleaseAsync(CancellationToken.None);
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
        // The start does not wait for the first request.
        await Task.Yield();
        await election.RunAsync(_stopElection.Token);
        if (_stopElection.IsCancellationRequested)
            return;
        LogLost(logger, election.Scope);
        _hasLostLeadership = true;
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
        work.Start(election.Term);
    }

    [LoggerMessage(EventId = 1001, Level = LogLevel.Information, Message = "{Operator} started as {Identity}, watching namespaces: {Namespaces}")]
    private static partial void LogStarted(ILogger logger, string @operator, string identity, string namespaces);

    [LoggerMessage(EventId = 1002, Level = LogLevel.Information, Message = "Leading {Scope}")]
    private static partial void LogLeading(ILogger logger, string scope);

    [LoggerMessage(EventId = 1003, Level = LogLevel.Information, Message = "{Operator} stopped")]
    private static partial void LogStopped(ILogger logger, string @operator);

    [LoggerMessage(EventId = 1004, Level = LogLevel.Error, Message = "Lost the lease {Scope}: another process may lead now, so this one stops")]
    private static partial void LogLost(ILogger logger, string scope);

    [LoggerMessage(EventId = 1005, Level = LogLevel.Information, Message = "{Operator} is stopping: it finishes work in progress first")]
    private static partial void LogStopping(ILogger logger, string @operator);
}
