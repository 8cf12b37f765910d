using System.Threading.Channels;
using KubeRuntime.Observability;
using KubeRuntime.RateLimiting;

namespace KubeRuntime.Queues;

/// <summary>
/// The work queue of client-go (util/workqueue): a key is queued at most once and is never handed out while a worker processes it; a
/// key that is added in the meantime is handed out again afterwards. Workers wait on a channel, and one timer is set to the earliest
/// delayed key, so an idle queue uses no CPU time.
/// </summary>
internal sealed class WorkQueue : IDisposable
{
    private static readonly TimeSpan InitialBackoff = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan MaxTimer = TimeSpan.FromDays(1);
    private static readonly TimeSpan MaxDelay = TimeSpan.FromDays(365);

    private readonly Lock _sync = new();
    private readonly Channel<NamespacedName> _ready = Channel.CreateUnbounded<NamespacedName>();
    private readonly Dictionary<NamespacedName, long> _dirty = [];
    private readonly Dictionary<NamespacedName, long> _processing = [];
    private readonly Dictionary<NamespacedName, long> _due = [];
    private readonly PriorityQueue<NamespacedName, long> _delayed = new();
    private readonly Dictionary<NamespacedName, int> _failures = [];
    private readonly TimeProvider _time;
    private readonly RuntimeMetrics _metrics;
    private readonly ExponentialBackoff _backoff;
    private readonly ITimer _timer;
    private long _timerAt = long.MaxValue;
    private bool _shutDown;

    public WorkQueue(string name, TimeSpan maxBackoff, TimeProvider time, RuntimeMetrics metrics)
    {
        Name = name;
        _backoff = new ExponentialBackoff(InitialBackoff, maxBackoff);
        _time = time;
        _metrics = metrics;
        _timer = _time.CreateTimer(_ => AddDue(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _metrics.WatchQueue(name, () => Depth, () => UnfinishedWork, () => LongestRunning);
    }

    public string Name { get; }

    /// <summary>How many keys wait for a worker, not counting delayed keys.</summary>
    public int Depth
    {
        get
        {
            lock (_sync)
            {
                var waiting = _dirty.Count;
                foreach (var key in _processing.Keys)
                {
                    if (_dirty.ContainsKey(key))
                        waiting--;
                }

                return waiting;
            }
        }
    }

    /// <summary>The total time spent so far on all keys that workers process now.</summary>
    public TimeSpan UnfinishedWork
    {
        get
        {
            lock (_sync)
                return _processing.Values.Aggregate(TimeSpan.Zero, (sum, start) => sum + _time.GetElapsedTime(start));
        }
    }

    /// <summary>The longest time that a worker has spent so far on the key that it processes now.</summary>
    public TimeSpan LongestRunning
    {
        get
        {
            lock (_sync)
                return _processing.Count == 0 ? TimeSpan.Zero : _time.GetElapsedTime(_processing.Values.Min());
        }
    }

    public void Add(NamespacedName key)
    {
        lock (_sync)
            AddLocked(key);
    }

    public void AddAfter(NamespacedName key, TimeSpan delay)
    {
        lock (_sync)
        {
            if (_shutDown)
                return;
            if (delay <= TimeSpan.Zero)
            {
                AddLocked(key);
                return;
            }

            var at = _time.GetTimestamp() + ToTicks(delay < MaxDelay ? delay : MaxDelay);
            if (_due.TryGetValue(key, out var earlier) && earlier <= at)
                return;
            _due[key] = at;
            _delayed.Enqueue(key, at);
            ArmLocked();
        }
    }

    /// <summary>Adds a key after a failure: after 5 ms, doubled with each failure in a row up to the maximum backoff. Never gives up.</summary>
    public void AddRateLimited(NamespacedName key)
    {
        int before;
        lock (_sync)
        {
            before = _failures.GetValueOrDefault(key);
            _failures[key] = before + 1;
        }

        _metrics.QueueRetried(Name);
        AddAfter(key, _backoff.DelayAfter(before));
    }

    /// <summary>Resets the count of failures in a row.</summary>
    public void Forget(NamespacedName key)
    {
        lock (_sync)
            _failures.Remove(key);
    }

    /// <summary>The next key, for which the worker must call <see cref="Done"/>; null once the queue is shut down.</summary>
    public async ValueTask<NamespacedName?> TakeAsync(CancellationToken cancellationToken)
    {
        while (await _ready.Reader.WaitToReadAsync(cancellationToken))
        {
            lock (_sync)
            {
                if (_shutDown)
                    return null;
                if (!_ready.Reader.TryRead(out var key))
                    continue;
                _dirty.Remove(key, out var since);
                _processing[key] = _time.GetTimestamp();
                _metrics.QueueTaken(Name, _time.GetElapsedTime(since));
                return key;
            }
        }

        return null;
    }

    public void Done(NamespacedName key)
    {
        lock (_sync)
        {
            if (_processing.Remove(key, out var since))
                _metrics.QueueDone(Name, _time.GetElapsedTime(since));
            if (_dirty.ContainsKey(key) && !_shutDown)
                _ready.Writer.TryWrite(key);
        }
    }

    /// <summary>Accepts no more keys and hands out no more keys.</summary>
    public void ShutDown()
    {
        lock (_sync)
        {
            _shutDown = true;
            _ready.Writer.TryComplete();
        }
    }

    public void Dispose()
    {
        ShutDown();
        _timer.Dispose();
    }

    private void AddLocked(NamespacedName key)
    {
        if (_shutDown || !_dirty.TryAdd(key, _time.GetTimestamp()))
            return;
        _metrics.QueueAdded(Name);
        if (!_processing.ContainsKey(key))
            _ready.Writer.TryWrite(key);
    }

    private void AddDue()
    {
        lock (_sync)
        {
            _timerAt = long.MaxValue;
            var now = _time.GetTimestamp();
            while (_delayed.TryPeek(out var key, out var at) && at <= now)
            {
                _delayed.Dequeue();
                // An entry is stale when the key became due earlier.
                if (!_due.TryGetValue(key, out var current) || current != at)
                    continue;
                _due.Remove(key);
                AddLocked(key);
            }

            ArmLocked();
        }
    }

    private void ArmLocked()
    {
        if (_shutDown || !_delayed.TryPeek(out _, out var at) || at >= _timerAt)
            return;
        _timerAt = at;
        // Rounded up to the timer's whole milliseconds: otherwise it fires too early and once more immediately.
        var wait = TimeSpan.FromMilliseconds(Math.Ceiling(Math.Max(0, _time.GetElapsedTime(_time.GetTimestamp(), at).TotalMilliseconds)));
        _timer.Change(wait < MaxTimer ? wait : MaxTimer, Timeout.InfiniteTimeSpan);
    }

    private long ToTicks(TimeSpan delay) => (long)(delay.TotalSeconds * _time.TimestampFrequency);
}
