using KubeRuntime.Observability;
using KubeRuntime.Queues;
using KubeRuntime.Watching;
using k8s;
using k8s.Models;

namespace KubeRuntime.Controllers;

/// <summary>The workers of one controller, as the host drives them.</summary>
internal interface IControllerRunner
{
    /// <summary>False when a worker ended unasked or a reconcile hangs far beyond its time limit.</summary>
    bool IsAlive { get; }

    /// <summary>Reconciles everything that the cache holds, and from then on what changes. Cancelling <paramref name="term"/> breaks off work in progress.</summary>
    void Start(CancellationToken term);

    /// <summary>Takes no more work and completes when that in progress is done; true unless <paramref name="limit"/> had to break it off.</summary>
    Task<bool> DrainAsync(TimeSpan limit);
}

/// <inheritdoc cref="IControllerRunner"/>
internal sealed class ControllerRunner<TEntity> : IControllerRunner, IDisposable
    where TEntity : class, IKubernetesObject<V1ObjectMeta>
{
    private const double ResyncJitter = 0.1;
    private static readonly TimeSpan AfterBreakOff = TimeSpan.FromSeconds(2);

    private readonly EntityReconciler<TEntity> _reconciler;
    private readonly ResourceCache<TEntity> _cache;
    private readonly DeletedEntities<TEntity> _deleted;
    private readonly EntityQueue<TEntity> _queue;
    private readonly RunnerOptions _options;
    private readonly TimeProvider _time;
    private readonly RuntimeMetrics _metrics;
    private readonly string _name = ResourceKind.Of<TEntity>().Kind.ToLowerInvariant();
    private readonly CancellationTokenSource _breakOff = new();
    private readonly ITimer _resync;
    private Task[] _workers = [];
    private volatile bool _isDraining;

    public ControllerRunner(
        EntityReconciler<TEntity> reconciler,
        ResourceCache<TEntity> cache,
        DeletedEntities<TEntity> deleted,
        EntityQueue<TEntity> queue,
        RunnerOptions options,
        TimeProvider time,
        RuntimeMetrics metrics)
    {
        _reconciler = reconciler;
        _cache = cache;
        _deleted = deleted;
        _queue = queue;
        _options = options;
        _time = time;
        _metrics = metrics;
        _resync = _time.CreateTimer(_ => EnqueueAll(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _cache.Subscribe(OnChange);
    }

    public bool IsAlive => _isDraining || (!Array.Exists(_workers, w => w.IsCompleted) && _queue.Work.LongestRunning < _options.ReconcileTimeout * 2);

    public void Start(CancellationToken term)
    {
        _queue.Open();
        EnqueueAll();
        term.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), _breakOff);
        var stop = _breakOff.Token;
        _workers = [.. Enumerable.Range(0, _options.Concurrency).Select(_ => WorkAsync(stop))];
    }

    public async Task<bool> DrainAsync(TimeSpan limit)
    {
        _isDraining = true;
        _queue.Work.ShutDown();
        var all = Task.WhenAll(_workers);
        if (await EndsWithinAsync(all, limit)) return true;
        await _breakOff.CancelAsync();
        await EndsWithinAsync(all, AfterBreakOff);
        return false;
    }

    public void Dispose()
    {
        _resync.Dispose();
        _breakOff.Dispose();
    }

    private static async Task<bool> EndsWithinAsync(Task task, TimeSpan limit)
    {
        await Task.WhenAny(task, Task.Delay(limit));
        return task.IsCompleted;
    }

    private async Task WorkAsync(CancellationToken stop)
    {
        // Off the caller's thread, which has all the others to start.
        await Task.Yield();
        try
        {
            while (await _queue.Work.TakeAsync(stop) is { } key) await WorkOnAsync(key, stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The term is over or the drain took too long: whoever leads next starts from what is there.
        }
    }

    private async Task WorkOnAsync(NamespacedName key, CancellationToken stop)
    {
        var started = _time.GetTimestamp();
        var outcome = new Outcome(Verdict.Error);
        _metrics.ReconcileStarted(_name);
        try
        {
            outcome = await _reconciler.ReconcileAsync(key, stop);
            if (outcome is { Verdict: Verdict.Error or Verdict.Requeue, RequeueAfter: null })
            {
                _queue.Work.AddRateLimited(key);
            }
            else
            {
                _queue.Work.Forget(key);
                if (outcome.RequeueAfter is { } after) _queue.Work.AddAfter(key, after);
            }
        }
        finally
        {
            _metrics.ReconcileEnded(_name, outcome.Verdict, _time.GetElapsedTime(started));
            _queue.Work.Done(key);
        }
    }

    private void OnChange(CacheChange<TEntity> change)
    {
        // Whoever begins to lead reconciles everything, so a standby need not remember what happened.
        if (!_queue.IsOpen) return;
        var isReplaced = change.Old is not null && change.New is not null && change.Old.Metadata.Uid != change.New.Metadata.Uid;
        if (change.New is null || isReplaced) _deleted.Add(change.Old!);
        if (change.Old is null || change.New is null || EntityChanges.Matter(change.Old, change.New)) _queue.Enqueue(change.Key);
    }

    private void EnqueueAll()
    {
        foreach (var entity in _cache.List()) _queue.Enqueue(entity.Key());
        var jitter = 1 + (ResyncJitter * ((2 * Random.Shared.NextDouble()) - 1));
        _resync.Change(_options.ResyncPeriod * jitter, Timeout.InfiniteTimeSpan);
    }
}

/// <summary>How the workers of a controller run.</summary>
internal sealed record RunnerOptions(int Concurrency, TimeSpan ReconcileTimeout, TimeSpan ResyncPeriod);
