// Which key is due when, and who works on it: no I/O, no Kubernetes.
using System.Threading.Channels;
using TokenOperator.Runtime.Observability;

namespace TokenOperator.Runtime.Queues;

/// <summary>
/// The queue of client-go (util/workqueue): a key waits at most once, is never handed out while it is in work, and one that is added
/// in the meantime comes again when it is done. Waiting costs nothing: takers wait on a channel, and one timer
/// stands at the earliest delayed key.
/// </summary>
internal sealed class WorkQueue : IDisposable
{
    private static readonly TimeSpan BaseBackoff = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan LongestTimer = TimeSpan.FromDays(1);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromDays(365);

    private readonly Lock sync = new();
    private readonly Channel<NamespacedName> ready = Channel.CreateUnbounded<NamespacedName>();
    private readonly Dictionary<NamespacedName, long> dirty = [];
    private readonly Dictionary<NamespacedName, long> processing = [];
    private readonly Dictionary<NamespacedName, long> due = [];
    private readonly PriorityQueue<NamespacedName, long> delayed = new();
    private readonly Dictionary<NamespacedName, int> failures = [];
    private readonly TimeProvider time;
    private readonly RuntimeMetrics metrics;
    private readonly TimeSpan maxBackoff;
    private readonly ITimer timer;
    private long timerAt = long.MaxValue;
    private bool shutDown;

    public WorkQueue(string name, TimeSpan maxBackoff, TimeProvider time, RuntimeMetrics metrics)
    {
        Name = name;
        this.maxBackoff = maxBackoff;
        this.time = time;
        this.metrics = metrics;
        timer = time.CreateTimer(_ => AddDue(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        metrics.Watch(this);
    }

    public string Name { get; }

    /// <summary>How many keys wait for a worker, without those that are due later.</summary>
    public int Depth
    {
        get
        {
            lock (sync)
            {
                var waiting = dirty.Count;
                foreach (var key in processing.Keys)
                {
                    if (dirty.ContainsKey(key)) waiting--;
                }

                return waiting;
            }
        }
    }

    /// <summary>The sum of the times that keys have been in work.</summary>
    public TimeSpan UnfinishedWork
    {
        get { lock (sync) return processing.Values.Aggregate(TimeSpan.Zero, (sum, start) => sum + time.GetElapsedTime(start)); }
    }

    /// <summary>The longest time that a key has been in work.</summary>
    public TimeSpan LongestRunning
    {
        get { lock (sync) return processing.Count == 0 ? TimeSpan.Zero : time.GetElapsedTime(processing.Values.Min()); }
    }

    public void Add(NamespacedName key)
    {
        lock (sync) AddLocked(key);
    }

    public void AddAfter(NamespacedName key, TimeSpan delay)
    {
        lock (sync)
        {
            if (shutDown) return;
            if (delay <= TimeSpan.Zero)
            {
                AddLocked(key);
                return;
            }

            var at = time.GetTimestamp() + ToTicks(delay < LongestDelay ? delay : LongestDelay);
            if (due.TryGetValue(key, out var earlier) && earlier <= at) return;
            due[key] = at;
            delayed.Enqueue(key, at);
            ArmLocked();
        }
    }

    /// <summary>After a failure: 5 ms, doubled with each failure in a row up to the longest backoff. Never gives up.</summary>
    public void AddRateLimited(NamespacedName key)
    {
        int before;
        lock (sync)
        {
            before = failures.GetValueOrDefault(key);
            failures[key] = before + 1;
        }

        var backoff = BaseBackoff.TotalMilliseconds * Math.Pow(2, Math.Min(before, 40));
        metrics.QueueRetried(Name);
        AddAfter(key, TimeSpan.FromMilliseconds(Math.Min(backoff, maxBackoff.TotalMilliseconds)));
    }

    /// <summary>Ends a row of failures.</summary>
    public void Forget(NamespacedName key)
    {
        lock (sync) failures.Remove(key);
    }

    /// <summary>The next key, which must be given back by <see cref="Done"/>; null once the queue is shut down.</summary>
    public async ValueTask<NamespacedName?> TakeAsync(CancellationToken cancellationToken)
    {
        while (await ready.Reader.WaitToReadAsync(cancellationToken))
        {
            lock (sync)
            {
                if (shutDown) return null;
                if (!ready.Reader.TryRead(out var key)) continue;
                dirty.Remove(key, out var since);
                processing[key] = time.GetTimestamp();
                metrics.QueueTaken(Name, time.GetElapsedTime(since));
                return key;
            }
        }

        return null;
    }

    public void Done(NamespacedName key)
    {
        lock (sync)
        {
            if (processing.Remove(key, out var since)) metrics.QueueDone(Name, time.GetElapsedTime(since));
            if (dirty.ContainsKey(key) && !shutDown) ready.Writer.TryWrite(key);
        }
    }

    /// <summary>Hands out nothing more and takes nothing more.</summary>
    public void ShutDown()
    {
        lock (sync)
        {
            shutDown = true;
            ready.Writer.TryComplete();
        }
    }

    public void Dispose()
    {
        ShutDown();
        timer.Dispose();
    }

    private void AddLocked(NamespacedName key)
    {
        if (shutDown || !dirty.TryAdd(key, time.GetTimestamp())) return;
        metrics.QueueAdded(Name);
        if (!processing.ContainsKey(key)) ready.Writer.TryWrite(key);
    }

    private void AddDue()
    {
        lock (sync)
        {
            timerAt = long.MaxValue;
            var now = time.GetTimestamp();
            while (delayed.TryPeek(out var key, out var at) && at <= now)
            {
                delayed.Dequeue();
                // An entry that an earlier one has overtaken is stale.
                if (!due.TryGetValue(key, out var current) || current != at) continue;
                due.Remove(key);
                AddLocked(key);
            }

            ArmLocked();
        }
    }

    private void ArmLocked()
    {
        if (shutDown || !delayed.TryPeek(out _, out var at) || at >= timerAt) return;
        timerAt = at;
        // Rounded up to the timer's whole milliseconds, lest it fire too early and at once again.
        var wait = TimeSpan.FromMilliseconds(Math.Ceiling(Math.Max(0, time.GetElapsedTime(time.GetTimestamp(), at).TotalMilliseconds)));
        timer.Change(wait < LongestTimer ? wait : LongestTimer, Timeout.InfiniteTimeSpan);
    }

    private long ToTicks(TimeSpan delay) => (long)(delay.TotalSeconds * time.TimestampFrequency);
}
