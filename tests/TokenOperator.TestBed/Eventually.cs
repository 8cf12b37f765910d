using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace TokenOperator.TestBed;

/// <summary>Waits on a condition, looking after 20 ms, then ever later up to every 100 ms. A test that needs time to pass for something else has a fake clock.</summary>
public static class Eventually
{
    private static readonly TimeSpan FirstInterval = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LastInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    /// <summary>Looks until what it sees satisfies a condition.</summary>
    /// <param name="look">Reads the state; what it throws counts as not yet.</param>
    /// <param name="until">The condition.</param>
    /// <param name="within">The deadline, by default 30 s.</param>
    /// <param name="ct">Ends the wait.</param>
    /// <param name="condition">Filled in by the compiler.</param>
    /// <returns>What satisfied the condition.</returns>
    /// <exception cref="TimeoutException">It did not come true; the message shows the condition and what was seen last.</exception>
    [OverloadResolutionPriority(1)]
    public static async Task<T> SeesAsync<T>(
        Func<Task<T>> look,
        Func<T, bool> until,
        TimeSpan? within = null,
        CancellationToken ct = default,
        [CallerArgumentExpression(nameof(until))] string condition = "")
    {
        ArgumentNullException.ThrowIfNull(look);
        ArgumentNullException.ThrowIfNull(until);
        var limit = within ?? Timeout;
        var started = Stopwatch.GetTimestamp();
        var interval = FirstInterval;
        while (true)
        {
            string seen;
            Exception? error = null;
            try
            {
                var value = await look();
                if (until(value))
                    return value;
                seen = value?.ToString() ?? "null";
            }
            catch (Exception e) when (!ct.IsCancellationRequested)
            {
                error = e;
                seen = $"{e.GetType().Name}: {e.Message}";
            }

            if (Stopwatch.GetElapsedTime(started) > limit)
                throw new TimeoutException($"Not within {limit.TotalSeconds:0.#} s: {condition}. Seen last: {seen}", error);
            await Task.Delay(interval, ct);
            interval = interval * 1.5 < LastInterval ? interval * 1.5 : LastInterval;
        }
    }

    /// <summary>Looks until what it sees satisfies a condition.</summary>
    /// <inheritdoc cref="SeesAsync{T}(Func{Task{T}}, Func{T, bool}, TimeSpan?, CancellationToken, string)"/>
    public static Task<T> SeesAsync<T>(
        Func<T> look,
        Func<T, bool> until,
        TimeSpan? within = null,
        CancellationToken ct = default,
        [CallerArgumentExpression(nameof(until))] string condition = "") =>
        SeesAsync(() => Task.FromResult(look()), until, within, ct, condition);

    /// <summary>Waits until a condition is true.</summary>
    /// <inheritdoc cref="SeesAsync{T}(Func{Task{T}}, Func{T, bool}, TimeSpan?, CancellationToken, string)"/>
    public static Task TrueAsync(
        Func<bool> until,
        TimeSpan? within = null,
        CancellationToken ct = default,
        [CallerArgumentExpression(nameof(until))] string condition = "") =>
        SeesAsync(() => Task.FromResult(until()), value => value, within, ct, condition);
}
