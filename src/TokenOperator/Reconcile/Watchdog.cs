using System.Diagnostics.Metrics;
using KubeRuntime;
using KubeRuntime.Queues;
using KubeRuntime.Watching;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TokenOperator.Api;
using TokenOperator.Refreshing;

namespace TokenOperator.Reconcile;

/// <summary>
/// Runs on a timer, independently of watches and of the queue. Every 10 s, it looks for OAuthTokens whose reconcile is overdue by
/// 30 s, and queues them again. After a jump of the wall clock, it queues all OAuthTokens, so that each is scheduled by the new
/// time. The rate limit spreads the refreshes that are due then.
/// </summary>
public sealed partial class Watchdog : BackgroundService
{
    /// <summary>The meter's name, for the exporter.</summary>
    public const string MeterName = "TokenOperator.Watchdog";

    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan MaxSilence = TimeSpan.FromMinutes(1);

    /// <summary>Longer than a reconcile may take. While reconciles start or end within this time, the workers are alive.</summary>
    private static readonly TimeSpan MaxStandstill = TimeSpan.FromMinutes(5);

    private readonly IResourceCache<V1Beta1OAuthToken> _entities;
    private readonly IReconcileQueue<V1Beta1OAuthToken> _queue;
    private readonly ReconcileSchedule _schedule;
    private readonly ILeadershipGuard _guard;
    private readonly TimeProvider _time;
    private readonly ILogger<Watchdog> _logger;
    private readonly WallClockDrift _drift;
    private readonly Meter _meter;
    private readonly Counter<long> _overdue;
    private long _beatAt;
    private int _beats;
    private volatile bool _standsStill;

    /// <summary>Creates the watchdog. It is healthy for a minute before its first round.</summary>
    public Watchdog(
        IResourceCache<V1Beta1OAuthToken> entities,
        IReconcileQueue<V1Beta1OAuthToken> queue,
        ReconcileSchedule schedule,
        ILeadershipGuard guard,
        TimeProvider time,
        IMeterFactory meters,
        ILogger<Watchdog> logger)
    {
        (_entities, _queue, _schedule, _guard, _time, _logger) = (entities, queue, schedule, guard, time, logger);
        _drift = new WallClockDrift(time);
        _beatAt = time.GetTimestamp();
        _meter = meters.Create(MeterName);
        _overdue = _meter.CreateCounter<long>("tokenoperator_watchdog_overdue", null, "OAuthTokens that the queue had lost and the watchdog queued again.");
    }

    /// <summary>False if only a restart helps: the timer no longer fires, or objects are overdue and no worker has started or ended a reconcile for 5 minutes.</summary>
    public bool IsAlive => _time.GetElapsedTime(Volatile.Read(ref _beatAt)) < MaxSilence && !_standsStill;

    /// <summary>The number of completed rounds.</summary>
    internal int Beats => Volatile.Read(ref _beats);

    /// <inheritdoc/>
    public override void Dispose()
    {
        _meter.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Prometheus sees the increase of a counter only if the counter existed before.
        _overdue.Add(0);
        using var timer = new PeriodicTimer(Tick, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
                Check();
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host is stopping.
        }
    }

    /// <summary>Runs one round.</summary>
    internal void Check()
    {
        Volatile.Write(ref _beatAt, _time.GetTimestamp());
        Interlocked.Increment(ref _beats);
        var drift = _drift.SinceLastCall();
        if (!_guard.IsLeader)
        {
            _standsStill = false;
            return;
        }

        if (drift.Duration() > WallClockDrift.Tolerance)
        {
            LogJump(drift);
            foreach (var entity in _entities.List())
                _queue.Enqueue(entity.Key());
        }

        var overdue = _entities.List()
            .Where(entity => entity.Metadata.DeletionTimestamp is null && _schedule.IsOverdue(entity.Key(), Margin))
            .Select(entity => entity.Key())
            .ToList();
        _standsStill = overdue.Count > 0 && _schedule.SinceLastRecord > MaxStandstill;
        _overdue.Add(overdue.Count);
        if (overdue.Count == 0)
            return;
        LogOverdue(overdue.Count, overdue[0]);
        overdue.ForEach(_queue.Enqueue);
    }

    [LoggerMessage(211, LogLevel.Warning, "The wall clock jumped by {Drift}, because it was set or the machine slept. All OAuthTokens are reconciled again")]
    private partial void LogJump(TimeSpan drift);

    [LoggerMessage(212, LogLevel.Warning, "{Count} OAuthTokens are overdue for a reconcile, among them {First}. They are queued again")]
    private partial void LogOverdue(int count, NamespacedName first);
}
