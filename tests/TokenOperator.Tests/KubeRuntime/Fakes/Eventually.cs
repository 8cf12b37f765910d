using Microsoft.Extensions.Time.Testing;

namespace TokenOperator.Tests.KubeRuntime.Fakes;

/// <summary>Waits for the effects of other threads.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(20);

    public static Task IsTrueAsync(Func<bool> condition, string what) => IsTrueAsync(condition, what, null, TimeSpan.Zero);

    /// <summary>Advances the clock by <paramref name="step"/> at a time while it waits.</summary>
    public static async Task IsTrueAsync(Func<bool> condition, string what, FakeTimeProvider? time, TimeSpan step)
    {
        var until = DateTime.UtcNow + Timeout;
        while (!condition())
        {
            if (DateTime.UtcNow > until)
                throw new TimeoutException($"Timed out waiting until {what}.");
            time?.Advance(step);
            await Task.Delay(5);
        }
    }
}
