namespace KubeRuntime.RateLimiting;

/// <summary>A delay that doubles with each failure in a row.</summary>
/// <param name="Initial">The delay after the first failure; greater than zero.</param>
/// <param name="Max">The upper bound of the delay.</param>
public sealed record ExponentialBackoff(TimeSpan Initial, TimeSpan Max)
{
    /// <summary>The delay before the next attempt: <see cref="Initial"/>, doubled for each earlier failure, at most <see cref="Max"/>.</summary>
    /// <param name="earlierFailures">How many failures in a row came before the current one; 0 after the first.</param>
    public TimeSpan DelayAfter(int earlierFailures)
    {
        var ticks = Initial.Ticks * Math.Pow(2, earlierFailures);
        return ticks < Max.Ticks ? TimeSpan.FromTicks((long)ticks) : Max;
    }
}
