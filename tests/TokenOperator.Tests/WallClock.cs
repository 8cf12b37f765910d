using Microsoft.Extensions.Time.Testing;

namespace TokenOperator.Tests;

/// <summary>A test clock whose wall clock can be set, as an administrator or NTP sets one: timers and timestamps go on undisturbed.</summary>
internal sealed class WallClock(DateTimeOffset start) : FakeTimeProvider(start)
{
    /// <summary>By how much it is set forward (or, negative, back) in all.</summary>
    public TimeSpan Jump { get; set; }

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Jump;

    public override long GetTimestamp() => base.GetUtcNow().Ticks;
}
