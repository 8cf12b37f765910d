using System.Collections.Concurrent;
using KubeRuntime;

namespace TokenOperator.Reconcile;

/// <summary>
/// When each OAuthToken must be reconciled next, according to its last reconcile. The <see cref="Watchdog"/> compares the queue with it. It
/// uses the monotonic clock and is independent of the queue, so that a failure of one does not affect the other.
/// </summary>
public sealed class ReconcileSchedule(TimeProvider time)
{
    private readonly ConcurrentDictionary<NamespacedName, (long From, TimeSpan? Wait)> _planned = new();
    private long _lastRecord = time.GetTimestamp();

    /// <summary>The time since a reconcile last started or ended.</summary>
    public TimeSpan SinceLastRecord => time.GetElapsedTime(Volatile.Read(ref _lastRecord));

    /// <summary>Records after what time the object is reconciled next; null if only a change can bring that about.</summary>
    public void Record(NamespacedName key, TimeSpan? after)
    {
        var now = time.GetTimestamp();
        _planned[key] = (now, after);
        Volatile.Write(ref _lastRecord, now);
    }

    /// <summary>Forgets an object that is gone.</summary>
    public void Remove(NamespacedName key) => _planned.TryRemove(key, out _);

    /// <summary>True if the reconcile is later than <paramref name="margin"/>. An object that was never reconciled counts from the first call.</summary>
    public bool IsOverdue(NamespacedName key, TimeSpan margin)
    {
        var (from, wait) = _planned.GetOrAdd(key, _ => (time.GetTimestamp(), TimeSpan.Zero));
        return wait is { } planned && time.GetElapsedTime(from) > planned + margin;
    }
}
