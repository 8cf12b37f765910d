using k8s;
using k8s.Models;
using KubeRuntime.Observability;
using KubeRuntime.Queues;
using KubeRuntime.Watching;

namespace KubeRuntime.Controllers;

/// <summary>The workers of one controller, driven by the host.</summary>
internal interface IControllerRunner
{
    /// <summary>False when a worker ended unexpectedly or a reconcile hangs far beyond its timeout.</summary>
    bool IsAlive { get; }

    /// <summary>Reconciles everything in the cache, and from then on what changes. Cancelling <paramref name="term"/> aborts work in progress.</summary>
    void Start(CancellationToken term);

    /// <summary>Accepts no more work and completes when the work in progress is done; false when that took longer than <paramref name="timeout"/> and was aborted.</summary>
    Task<bool> DrainAsync(TimeSpan timeout);
}

/// <inheritdoc cref="IControllerRunner"/>
internal sealed class ControllerRunner<TEntity> : IControllerRunner, IDisposable
    where TEntity : class, IKubernetesObject<V1ObjectMeta>
{
    private const double ResyncJitter = 0.1;
    private static readonly TimeSpan AbortTimeout = TimeSpan.FromSeconds(2);

    private readonly EntityReconciler<TEntity> _reconciler;
    private readonly ResourceCache<TEntity> _cache;
    private readonly DeletedEntities<TEntity> _deleted;
    private readonly EntityQueue<TEntity> _queue;
    private readonly RunnerOptions _options;
    private readonly TimeProvider _time;
    private readonly Random _random;
    private readonly RuntimeMetrics _metrics;
    private readonly string _name = ResourceKind.Of<TEntity>().Kind.ToLowerInvariant();
    private readonly CancellationTokenSource _abort = new();
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
        Random random,
        RuntimeMetrics metrics)
    {
        _reconciler = reconciler;
        _cache = cache;
        _deleted = deleted;
        _queue = queue;
        _options = options;
        _time = time;
        _random = random;
        _metrics = metrics;
        _resync = _time.CreateTimer(_ => EnqueueAll(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _cache.Subscribe(OnChange);
    }

    public bool IsAlive => _isDraining || (!Array.Exists(_workers, w => w.IsCompleted) && _queue.Work.LongestRunning < _options.ReconcileTimeout * 2);

    public void Start(CancellationToken term)
    {
        _queue.Open();
        EnqueueAll();
        term.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), _abort);
        var stop = _abort.Token;
        _workers = [.. Enumerable.Range(0, _options.Concurrency).Select(_ => WorkAsync(stop))];
    }

    public async Task<bool> DrainAsync(TimeSpan timeout)
    {
        _isDraining = true;
        _queue.Work.ShutDown();
        var all = Task.WhenAll(_workers);
        if (await EndsWithinAsync(all, timeout))
            return true;
        await _abort.CancelAsync();
        await EndsWithinAsync(all, AbortTimeout);
        return false;
    }

    public void Dispose()
    {
        _resync.Dispose();
        _abort.Dispose();
    }

    private async Task<bool> EndsWithinAsync(Task task, TimeSpan timeout)
    {
        await Task.WhenAny(task, Task.Delay(timeout, _time));
        return task.IsCompleted;
    }

    private async Task WorkAsync(CancellationToken stop)
    {
        // Frees the caller's thread, which starts the other workers.
        await Task.Yield();
        try
        {
            while (await _queue.Work.TakeAsync(stop) is { } key)
                await WorkOnAsync(key, stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The term is over or the drain took too long. The next leader reconciles everything.
        }
    }

    private async Task WorkOnAsync(NamespacedName key, CancellationToken stop)
    {
        var started = _time.GetTimestamp();
        ReconcileOutcome outcome = new ReconcileOutcome.Error();
        _metrics.ReconcileStarted(_name);
        try
        {
            outcome = await _reconciler.ReconcileAsync(key, stop);
            if (outcome is ReconcileOutcome.Requeue or ReconcileOutcome.Error { RetryAfter: null })
            {
                _queue.Work.AddRateLimited(key);
            }
            else
            {
                _queue.Work.Forget(key);
                if (outcome is ReconcileOutcome.RequeueAfter { Delay: var delay })
                    _queue.Work.AddAfter(key, delay);
                else if (outcome is ReconcileOutcome.Error { RetryAfter: { } retryAfter })
                    _queue.Work.AddAfter(key, retryAfter);
            }
        }
        finally
        {
            _metrics.ReconcileEnded(_name, outcome.Label, outcome is ReconcileOutcome.Error, _time.GetElapsedTime(started));
            _queue.Work.Done(key);
        }
    }

    private void OnChange(CacheChange<TEntity> change)
    {
        // A new leader reconciles everything, so a standby need not remember changes.
        if (!_queue.IsOpen)
            return;
        var isReplaced = change.Old is not null && change.New is not null && change.Old.Metadata.Uid != change.New.Metadata.Uid;
        if (change.New is null || isReplaced)
            _deleted.Add(change.Old!);
        if (change.Old is null || change.New is null || EntityChanges.Matter(change.Old, change.New))
            _queue.Enqueue(change.Key);
    }

    private void EnqueueAll()
    {
        foreach (var entity in _cache.List())
            _queue.Enqueue(entity.Key());
        var jitter = 1 + (ResyncJitter * ((2 * _random.NextDouble()) - 1));
        _resync.Change(_options.ResyncPeriod * jitter, Timeout.InfiniteTimeSpan);
    }
}

/// <summary>The settings of the workers of a controller.</summary>
internal sealed record RunnerOptions(int Concurrency, TimeSpan ReconcileTimeout, TimeSpan ResyncPeriod);
