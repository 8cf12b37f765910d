namespace TokenOperator.Refreshing;

/// <summary>
/// Notices when the wall clock moves without time passing: someone set it, or the machine slept (the monotonic clock
/// stands still meanwhile). A clock that is merely slewed moves by less than a millisecond in a second.
/// </summary>
public sealed class WallClockDrift(TimeProvider time)
{
    /// <summary>What is more than this is a jump.</summary>
    public static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(5);

    private readonly Lock _sync = new();
    private DateTimeOffset _wall = time.GetUtcNow();
    private long _steady = time.GetTimestamp();

    /// <summary>By how much the wall clock has moved against the monotonic one since the last call; forward is positive.</summary>
    public TimeSpan SinceLastCall()
    {
        lock (_sync)
        {
            var (wall, steady) = (time.GetUtcNow(), time.GetTimestamp());
            var drift = wall - _wall - time.GetElapsedTime(_steady, steady);
            (_wall, _steady) = (wall, steady);
            return drift;
        }
    }
}
