using System.Diagnostics;

namespace TokenOperator.Tests.Postgres;

/// <summary>Waits for a condition outside of this process.</summary>
internal static class Eventually
{
    public static async Task IsTrueAsync(Func<Task<bool>> condition)
    {
        var clock = Stopwatch.StartNew();
        while (!await condition())
        {
            if (clock.Elapsed > TimeSpan.FromSeconds(30))
                throw new TimeoutException("The condition did not come true within 30 s.");
            await Task.Delay(20);
        }
    }
}
