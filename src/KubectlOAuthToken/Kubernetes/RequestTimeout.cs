using System.Globalization;
using System.Text.RegularExpressions;

namespace KubectlOAuthToken.Kubernetes;

/// <summary>
/// The value of <c>--request-timeout</c>, as kubectl reads it (client-go, tools/clientcmd, ParseTimeout): whole seconds, or a duration of
/// Go (time.ParseDuration), such as <c>500ms</c>, <c>1.5s</c> or <c>1m30s</c>.
/// </summary>
internal static partial class RequestTimeout
{
    /// <summary>What is longer is no limit for a request, and does not fit into a <see cref="TimeSpan"/> at some point.</summary>
    private const decimal MaxSeconds = 100 * 365 * 24 * 3600m;

    /// <summary>Reads <paramref name="text"/>; false for anything else, and for negative durations.</summary>
    /// <param name="text">The value.</param>
    /// <param name="timeout">The limit, at most 100 years; zero for none.</param>
    public static bool TryParse(string text, out TimeSpan timeout)
    {
        timeout = TimeSpan.Zero;
        if (text.Length > 64 || Pattern().Match(text) is not { Success: true } match)
            return false;
        decimal seconds = 0;
        foreach (var (number, unit) in match.Groups["number"].Captures.Zip(match.Groups["unit"].Captures))
        {
            if (!decimal.TryParse(number.ValueSpan, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value) || value > MaxSeconds * 1_000_000_000)
                return false;
            seconds += value * Seconds(unit.Value);
        }

        // What is shorter than a tick would be no limit.
        timeout = TimeSpan.FromTicks((long)decimal.Ceiling(Math.Min(seconds, MaxSeconds) * TimeSpan.TicksPerSecond));
        return true;
    }

    private static decimal Seconds(string unit) => unit switch
    {
        "h" => 3600,
        "m" => 60,
        "ms" => 0.001m,
        "us" or "\u00b5s" or "\u03bcs" => 0.000_001m,
        "ns" => 0.000_000_001m,
        _ => 1,
    };

    // A number alone is a number of seconds, and has no fraction. Both letters that look like a mu are units of Go.
    [GeneratedRegex("\\A(?:(?<number>[0-9]+)(?<unit>)|\\+?(?:(?<number>[0-9]+(?:\\.[0-9]*)?|\\.[0-9]+)(?<unit>ns|us|\u00b5s|\u03bcs|ms|s|m|h))+)\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
