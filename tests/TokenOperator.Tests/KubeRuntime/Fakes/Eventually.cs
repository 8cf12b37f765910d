using Microsoft.Extensions.Time.Testing;

namespace TokenOperator.Tests.KubeRuntime.Fakes;

/// <summary>Waits for what other threads do.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(20);

    public static Task IsTrueAsync(Func<bool> condition, string what) => IsTrueAsync(condition, what, null, TimeSpan.Zero);

    /// <summary>Lets the clock run meanwhile, by <paramref name="step"/> at a time.</summary>
    public static async Task IsTrueAsync(Func<bool> condition, string what, FakeTimeProvider? time, TimeSpan step)
    {
        var until = DateTime.UtcNow + Timeout;
        while (!condition())
        {
            if (DateTime.UtcNow > until) throw new TimeoutException($"Waited in vain until {what}.");
            time?.Advance(step);
            await Task.Delay(5);
        }
    }
}
