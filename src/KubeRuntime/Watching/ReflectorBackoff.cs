namespace KubeRuntime.Watching;

/// <summary>The backoff of client-go's reflector: 800 ms doubled to 30 s, each with up to as much again, forgotten after 2 quiet minutes.</summary>
internal sealed class ReflectorBackoff(TimeProvider time)
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(800);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Quiet = TimeSpan.FromMinutes(2);

    private TimeSpan _next = First;
    private long? _last;

    public TimeSpan Next()
    {
        if (_last is { } then && time.GetElapsedTime(then) > Quiet) _next = First;
        _last = time.GetTimestamp();
        var delay = _next * (1 + Random.Shared.NextDouble());
        _next = _next * 2 < Longest ? _next * 2 : Longest;
        return delay;
    }
}
