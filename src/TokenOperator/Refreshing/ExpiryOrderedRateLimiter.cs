using TokenOperator.Core.Tokens;
using TokenOperator.Providers;

namespace TokenOperator.Refreshing;

/// <summary>
/// One provider's token bucket, with a queue in front of it. Who finds it empty waits outside of any worker and is called
/// when it is its turn, nearest to expiry first. A permit is reserved for who was called and counted when it is used, so
/// at no time do more requests go out than the rate allows. On the monotonic clock: a jump of the wall clock changes nothing.
/// </summary>
internal sealed class ExpiryOrderedRateLimiter : IDisposable
{
    /// <summary>Who was called and did not come (its object is gone, somebody else refreshed it) blocks its permit no longer than this.</summary>
    private static readonly TimeSpan LongestReservation = TimeSpan.FromMinutes(1);

    private readonly Lock _sync = new();
    private readonly RequestRate _rate;
    private readonly TimeProvider _time;
    private readonly Action<AccountKey> _call;
    private readonly ITimer _timer;
    private readonly HashSet<AccountKey> _waiting = [];
    private readonly PriorityQueue<AccountKey, DateTimeOffset> _order = new();
    private readonly Dictionary<AccountKey, long> _reserved = [];
    private double _permits;
    private long _filledAt;

    /// <summary>Full at first.</summary>
    /// <param name="rate">How much.</param>
    /// <param name="time">Measures it.</param>
    /// <param name="call">Told whose turn it is.</param>
    public ExpiryOrderedRateLimiter(RequestRate rate, TimeProvider time, Action<AccountKey> call)
    {
        (_rate, _time, _call) = (rate, time, call);
        _permits = rate.Burst;
        _filledAt = time.GetTimestamp();
        _timer = time.CreateTimer(_ => CallNext(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Null when the account may be asked for now; else how long its turn is away at most, and it is called then.</summary>
    /// <param name="key">The account.</param>
    /// <param name="expiresAt">When its token ends; null goes first.</param>
    /// <param name="isNew">True when it began to wait just now.</param>
    public TimeSpan? TryAcquire(AccountKey key, DateTimeOffset? expiresAt, out bool isNew)
    {
        lock (_sync)
        {
            isNew = false;
            Fill();
            if (_reserved.Remove(key) || (_waiting.Count == 0 && Free >= 1))
            {
                _permits--;
                Arm();
                return null;
            }

            isNew = _waiting.Add(key);
            if (isNew)
                _order.Enqueue(key, expiresAt ?? DateTimeOffset.MinValue);
            Arm();
            return TimeSpan.FromSeconds((_waiting.Count + _reserved.Count - Math.Min(_permits, 0)) / _rate.PerSecond);
        }
    }

    /// <summary>Takes back a permit with which nothing was sent.</summary>
    public void Return()
    {
        lock (_sync)
        {
            Fill();
            _permits = Math.Min(_rate.Burst, _permits + 1);
            Arm();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    // A hair less than one is one: sums of floating-point fractions.
    private double Free => _permits - _reserved.Count + 1e-6;

    private void Fill()
    {
        var now = _time.GetTimestamp();
        _permits = Math.Min(_rate.Burst, _permits + (_time.GetElapsedTime(_filledAt, now).TotalSeconds * _rate.PerSecond));
        _filledAt = now;
    }

    private void CallNext()
    {
        var called = new List<AccountKey>();
        lock (_sync)
        {
            Fill();
            foreach (var (key, _) in _reserved.Where(reserved => _time.GetElapsedTime(reserved.Value) >= LongestReservation).ToList())
                _reserved.Remove(key);
            while (Free >= 1 && _order.TryDequeue(out var next, out _))
            {
                _waiting.Remove(next);
                _reserved[next] = _time.GetTimestamp();
                called.Add(next);
            }

            Arm();
        }

        called.ForEach(_call);
    }

    /// <summary>Sets the timer to the next permit, or, when all that there can be are reserved, to the end of the oldest reservation.</summary>
    private void Arm()
    {
        if (_waiting.Count == 0)
            return;
        var wait = _reserved.Count + 1 <= _rate.Burst
            ? TimeSpan.FromSeconds(Math.Max(0, _reserved.Count + 1 - _permits) / _rate.PerSecond)
            : LongestReservation - _time.GetElapsedTime(_reserved.Values.Min());
        // Rounded up to the timer's whole milliseconds, lest it fire too early and at once again.
        _timer.Change(TimeSpan.FromMilliseconds(Math.Max(0, Math.Ceiling(wait.TotalMilliseconds))), Timeout.InfiniteTimeSpan);
    }
}
