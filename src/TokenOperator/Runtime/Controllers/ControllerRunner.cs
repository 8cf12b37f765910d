using k8s;
using k8s.Models;
using TokenOperator.Runtime.Observability;
using TokenOperator.Runtime.Queues;
using TokenOperator.Runtime.Watching;

namespace TokenOperator.Runtime.Controllers;

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

    private readonly EntityReconciler<TEntity> reconciler;
    private readonly ResourceCache<TEntity> cache;
    private readonly DeletedEntities<TEntity> deleted;
    private readonly EntityQueue<TEntity> queue;
    private readonly RunnerOptions options;
    private readonly TimeProvider time;
    private readonly RuntimeMetrics metrics;
    private readonly string name = ResourceKind.Of<TEntity>().Kind.ToLowerInvariant();
    private readonly CancellationTokenSource breakOff = new();
    private readonly ITimer resync;
    private Task[] workers = [];
    private volatile bool isDraining;

    public ControllerRunner(
        EntityReconciler<TEntity> reconciler,
        ResourceCache<TEntity> cache,
        DeletedEntities<TEntity> deleted,
        EntityQueue<TEntity> queue,
        RunnerOptions options,
        TimeProvider time,
        RuntimeMetrics metrics)
    {
        this.reconciler = reconciler;
        this.cache = cache;
        this.deleted = deleted;
        this.queue = queue;
        this.options = options;
        this.time = time;
        this.metrics = metrics;
        resync = time.CreateTimer(_ => EnqueueAll(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        cache.Subscribe(OnChange);
    }

    public bool IsAlive => isDraining || (!Array.Exists(workers, w => w.IsCompleted) && queue.Work.LongestRunning < options.ReconcileTimeout * 2);

    public void Start(CancellationToken term)
    {
        queue.Open();
        EnqueueAll();
        term.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), breakOff);
        var stop = breakOff.Token;
        workers = [.. Enumerable.Range(0, options.Concurrency).Select(_ => WorkAsync(stop))];
    }

    public async Task<bool> DrainAsync(TimeSpan limit)
    {
        isDraining = true;
        queue.Work.ShutDown();
        var all = Task.WhenAll(workers);
        if (await EndsWithinAsync(all, limit)) return true;
        await breakOff.CancelAsync();
        await EndsWithinAsync(all, AfterBreakOff);
        return false;
    }

    public void Dispose()
    {
        resync.Dispose();
        breakOff.Dispose();
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
            while (await queue.Work.TakeAsync(stop) is { } key) await WorkOnAsync(key, stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The term is over or the drain took too long: whoever leads next starts from what is there.
        }
    }

    private async Task WorkOnAsync(NamespacedName key, CancellationToken stop)
    {
        var started = time.GetTimestamp();
        var outcome = new Outcome(Verdict.Error);
        metrics.ReconcileStarted(name);
        try
        {
            outcome = await reconciler.ReconcileAsync(key, stop);
            if (outcome is { Verdict: Verdict.Error or Verdict.Requeue, RequeueAfter: null })
            {
                queue.Work.AddRateLimited(key);
            }
            else
            {
                queue.Work.Forget(key);
                if (outcome.RequeueAfter is { } after) queue.Work.AddAfter(key, after);
            }
        }
        finally
        {
            metrics.ReconcileEnded(name, outcome.Verdict, time.GetElapsedTime(started));
            queue.Work.Done(key);
        }
    }

    private void OnChange(CacheChange<TEntity> change)
    {
        // Whoever begins to lead reconciles everything, so a standby need not remember what happened.
        if (!queue.IsOpen) return;
        var isReplaced = change.Old is not null && change.New is not null && change.Old.Metadata.Uid != change.New.Metadata.Uid;
        if (change.New is null || isReplaced) deleted.Add(change.Old!);
        if (change.Old is null || change.New is null || EntityChanges.Matter(change.Old, change.New)) queue.Enqueue(change.Key);
    }

    private void EnqueueAll()
    {
        foreach (var entity in cache.List()) queue.Enqueue(entity.Key());
        var jitter = 1 + (ResyncJitter * ((2 * Random.Shared.NextDouble()) - 1));
        resync.Change(options.ResyncPeriod * jitter, Timeout.InfiniteTimeSpan);
    }
}

/// <summary>How the workers of a controller run.</summary>
internal sealed record RunnerOptions(int Concurrency, TimeSpan ReconcileTimeout, TimeSpan ResyncPeriod);
