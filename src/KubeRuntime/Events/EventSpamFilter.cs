using KubeRuntime.RateLimiting;

namespace KubeRuntime.Events;

/// <summary>Lets pass 25 events at once for each object, then one in 5 minutes (client-go tools/record/events_cache.go). Thread-safe.</summary>
internal sealed class EventSpamFilter(TimeProvider time)
{
    private const int Burst = 25;
    private const int MaxObjects = 4096;
    private const double PerSecond = 1 / 300.0;

    private readonly Lock _sync = new();
    private readonly Dictionary<(NamespacedName Key, string Uid), TokenBucket> _buckets = [];

    public bool Allows(NamespacedName key, string uid)
    {
        lock (_sync)
        {
            if (!_buckets.TryGetValue((key, uid), out var bucket))
            {
                // Forgetting them costs at most some extra events.
                if (_buckets.Count >= MaxObjects)
                    _buckets.Clear();
                _buckets[(key, uid)] = bucket = new TokenBucket(PerSecond, Burst, time);
            }

            return bucket.TryTake();
        }
    }
}
