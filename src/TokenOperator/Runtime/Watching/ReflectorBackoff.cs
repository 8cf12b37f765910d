namespace TokenOperator.Runtime.Watching;

/// <summary>The backoff of client-go's reflector: 800 ms doubled to 30 s, each with up to as much again, forgotten after 2 quiet minutes.</summary>
internal sealed class ReflectorBackoff(TimeProvider time)
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(800);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Quiet = TimeSpan.FromMinutes(2);

    private TimeSpan next = First;
    private long? last;

    public TimeSpan Next()
    {
        if (last is { } then && time.GetElapsedTime(then) > Quiet) next = First;
        last = time.GetTimestamp();
        var delay = next * (1 + Random.Shared.NextDouble());
        next = next * 2 < Longest ? next * 2 : Longest;
        return delay;
    }
}
