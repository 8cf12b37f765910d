using System.Collections.Concurrent;
using KubeRuntime;

namespace TokenOperator.Reconcile;

/// <summary>
/// When each OAuthToken is to be looked at next, as its last reconcile said: what the <see cref="Watchdog"/> holds the queue
/// to. On the monotonic clock, and apart from the queue, so that nothing that breaks the one breaks the other.
/// </summary>
public sealed class ReconcileSchedule(TimeProvider time)
{
    private readonly ConcurrentDictionary<NamespacedName, (long From, TimeSpan? Wait)> _planned = new();
    private long _lastEntry = time.GetTimestamp();

    /// <summary>How long nothing has been looked at.</summary>
    public TimeSpan SinceLastEntry => time.GetElapsedTime(Volatile.Read(ref _lastEntry));

    /// <summary>Notes when the object is looked at next; null when nothing but a change of something can bring that about.</summary>
    public void Enter(NamespacedName key, TimeSpan? after)
    {
        var now = time.GetTimestamp();
        _planned[key] = (now, after);
        Volatile.Write(ref _lastEntry, now);
    }

    /// <summary>Forgets an object that is gone.</summary>
    public void Remove(NamespacedName key) => _planned.TryRemove(key, out _);

    /// <summary>True when the look is later than <paramref name="margin"/>. One that was never looked at counts from the first question.</summary>
    public bool IsOverdue(NamespacedName key, TimeSpan margin)
    {
        var (from, wait) = _planned.GetOrAdd(key, _ => (time.GetTimestamp(), TimeSpan.Zero));
        return wait is { } planned && time.GetElapsedTime(from) > planned + margin;
    }
}
