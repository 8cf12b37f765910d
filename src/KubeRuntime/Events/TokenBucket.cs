namespace KubeRuntime.Events;

/// <summary>So many at once, and so many a second after that. Not safe for several threads.</summary>
internal sealed class TokenBucket(double perSecond, int burst, TimeProvider time)
{
    private double _tokens = burst;
    private long _filledAt = time.GetTimestamp();

    /// <summary>Zero when one may go now (and is counted); else how long until one may.</summary>
    public TimeSpan Take()
    {
        var now = time.GetTimestamp();
        _tokens = Math.Min(burst, _tokens + (time.GetElapsedTime(_filledAt, now).TotalSeconds * perSecond));
        _filledAt = now;
        // A hair less than one is one: sums of floating-point fractions.
        if (_tokens < 1 - 1e-6) return TimeSpan.FromSeconds((1 - _tokens) / perSecond);
        _tokens--;
        return TimeSpan.Zero;
    }
}
