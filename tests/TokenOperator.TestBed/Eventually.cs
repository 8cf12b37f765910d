using System.Diagnostics;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Time.Testing;

namespace TokenOperator.TestBed;

/// <summary>
/// Waits for a condition. It checks after 5 ms, then at growing intervals of up to 100 ms. Tests that need time to pass use a fake clock
/// instead of a longer wait.
/// </summary>
public static class Eventually
{
    private static readonly TimeSpan FirstInterval = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan MaxInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(30);

    /// <summary>Reads a state until it satisfies a condition.</summary>
    /// <param name="look">Reads the state. An exception counts as a condition that is not satisfied yet.</param>
    /// <param name="until">The condition.</param>
    /// <param name="within">The deadline, by default 30 s.</param>
    /// <param name="ct">Cancels the wait.</param>
    /// <param name="condition">The text of the condition, filled in by the compiler.</param>
    /// <returns>The state that satisfied the condition.</returns>
    /// <exception cref="TimeoutException">The deadline passed. The message shows the condition and the last state.</exception>
    [OverloadResolutionPriority(1)]
    public static Task<T> SeesAsync<T>(
        Func<Task<T>> look,
        Func<T, bool> until,
        TimeSpan? within = null,
        CancellationToken ct = default,
        [CallerArgumentExpression(nameof(until))] string condition = "") =>
        PollAsync(look, until, within ?? DefaultTimeout, condition, Next, ct);

    /// <summary>Reads a state until it satisfies a condition.</summary>
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
    public static Task IsTrueAsync(
        Func<bool> until,
        TimeSpan? within = null,
        CancellationToken ct = default,
        [CallerArgumentExpression(nameof(until))] string condition = "") =>
        SeesAsync(() => Task.FromResult(until()), value => value, within, ct, condition);

    /// <summary>Waits until a condition is true that takes a request to evaluate.</summary>
    /// <inheritdoc cref="SeesAsync{T}(Func{Task{T}}, Func{T, bool}, TimeSpan?, CancellationToken, string)"/>
    public static Task IsTrueAsync(Func<Task<bool>> until, [CallerArgumentExpression(nameof(until))] string condition = "") =>
        SeesAsync(until, value => value, condition: condition);

    /// <summary>Waits until a condition is true that the test describes in its own words.</summary>
    /// <inheritdoc cref="SeesAsync{T}(Func{Task{T}}, Func{T, bool}, TimeSpan?, CancellationToken, string)"/>
    public static Task IsTrueAsync(Func<bool> until, string condition) => IsTrueAsync(until, null, default, condition);

    /// <summary>Waits until a condition is true, and advances a fake clock by <paramref name="step"/> before each new check, every 5 ms.</summary>
    /// <inheritdoc cref="SeesAsync{T}(Func{Task{T}}, Func{T, bool}, TimeSpan?, CancellationToken, string)"/>
    public static Task IsTrueAsync(Func<bool> until, string condition, FakeTimeProvider time, TimeSpan step) => PollAsync(
        () => Task.FromResult(until()),
        value => value,
        DefaultTimeout,
        condition,
        interval =>
        {
            time.Advance(step);
            return interval;
        },
        CancellationToken.None);

    private static TimeSpan Next(TimeSpan interval) => interval * 1.5 < MaxInterval ? interval * 1.5 : MaxInterval;

    private static async Task<T> PollAsync<T>(
        Func<Task<T>> look, Func<T, bool> until, TimeSpan within, string condition, Func<TimeSpan, TimeSpan> next, CancellationToken ct)
    {
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

            if (Stopwatch.GetElapsedTime(started) > within)
                throw new TimeoutException($"Not within {within.TotalSeconds:0.#} s: {condition}. Seen last: {seen}", error);
            var pause = interval;
            interval = next(interval);
            await Task.Delay(pause, ct);
        }
    }
}
