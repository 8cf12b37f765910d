namespace TokenOperator.Runtime.Events;

/// <summary>So many at once, and so many a second after that. Not safe for several threads.</summary>
internal sealed class TokenBucket(double perSecond, int burst, TimeProvider time)
{
    private double tokens = burst;
    private long filledAt = time.GetTimestamp();

    /// <summary>Zero when one may go now (and is counted); else how long until one may.</summary>
    public TimeSpan Take()
    {
        var now = time.GetTimestamp();
        tokens = Math.Min(burst, tokens + (time.GetElapsedTime(filledAt, now).TotalSeconds * perSecond));
        filledAt = now;
        // A hair less than one is one: sums of floating-point fractions.
        if (tokens < 1 - 1e-6) return TimeSpan.FromSeconds((1 - tokens) / perSecond);
        tokens--;
        return TimeSpan.Zero;
    }
}
