using Microsoft.Extensions.Time.Testing;

namespace TokenOperator.Tests;

/// <summary>A fake clock whose wall clock can be changed, as by an administrator or NTP. Timers and timestamps are not affected.</summary>
internal sealed class WallClock(DateTimeOffset start) : FakeTimeProvider(start)
{
    /// <summary>The total change of the wall clock; negative if it is set back.</summary>
    public TimeSpan Jump { get; set; }

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Jump;

    public override long GetTimestamp() => base.GetUtcNow().Ticks;
}
