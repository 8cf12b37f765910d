// Pacing, without I/O: how often something may happen and how long to wait after a failure. Uses nothing else of the runtime.
namespace KubeRuntime.RateLimiting;

/// <summary>A token bucket: it starts full and refills at a constant rate. Not thread-safe.</summary>
/// <param name="perSecond">The refill rate, in permits per second; greater than 0.</param>
/// <param name="burst">The capacity, in permits; at least 1.</param>
/// <param name="time">The monotonic clock that the refill is measured on, so that a jump of the wall clock changes nothing.</param>
/// <param name="permits">The permits at the start, if it does not start full.</param>
public sealed class TokenBucket(double perSecond, int burst, TimeProvider time, double permits = double.MaxValue)
{
    // Sums of floating-point fractions fall short of a whole permit by less than this.
    private const double Tolerance = 1e-6;

    private double _permits = Math.Min(burst, permits);
    private long _filledAt = time.GetTimestamp();

    /// <summary>The permits that are there now, with fractions.</summary>
    public double Available
    {
        get
        {
            Refill();
            return _permits;
        }
    }

    /// <summary>How long until <see cref="TryTake"/> succeeds; zero when it succeeds now.</summary>
    public TimeSpan TimeUntilNext
    {
        get
        {
            Refill();
            return _permits >= 1 - Tolerance ? TimeSpan.Zero : TimeSpan.FromSeconds((1 - _permits) / perSecond);
        }
    }

    /// <summary>Takes a permit; false when there is none.</summary>
    public bool TryTake()
    {
        if (TimeUntilNext > TimeSpan.Zero)
            return false;
        _permits--;
        return true;
    }

    /// <summary>Gives back a permit that was taken and not used; never beyond the capacity.</summary>
    public void Return()
    {
        Refill();
        _permits = Math.Min(burst, _permits + 1);
    }

    private void Refill()
    {
        var now = time.GetTimestamp();
        _permits = Math.Min(burst, _permits + (time.GetElapsedTime(_filledAt, now).TotalSeconds * perSecond));
        _filledAt = now;
    }
}
