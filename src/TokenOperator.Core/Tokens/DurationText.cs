using System.Globalization;
using System.Text.RegularExpressions;

namespace TokenOperator.Core.Tokens;

/// <summary>Durations as Kubernetes users write them: <c>15m</c>, <c>1h30m</c>, <c>90s</c> (the h, m and s of Go's time.ParseDuration).</summary>
public static partial class DurationText
{
    private static readonly TimeSpan MaxDuration = TimeSpan.FromDays(3650);

    /// <summary>Reads <paramref name="text"/>; false for anything else, including signs, fractions and more than 10 years.</summary>
    public static bool TryParse(string? text, out TimeSpan duration)
    {
        duration = TimeSpan.Zero;
        if (string.IsNullOrEmpty(text) || text.Length > 32 || Pattern().Match(text) is not { Success: true } match)
            return false;

        var seconds = (Part(match, "h") * 3600) + (Part(match, "m") * 60) + Part(match, "s");
        if (seconds > MaxDuration.TotalSeconds)
            return false;

        duration = TimeSpan.FromSeconds(seconds);
        return true;
    }

    /// <summary>The shortest text for a number of whole seconds, such as <c>0s</c> or <c>1h30m</c>.</summary>
    public static string Format(TimeSpan duration)
    {
        var seconds = (long)Math.Max(0, Math.Round(duration.TotalSeconds));
        var (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        var text = (hours > 0 ? $"{hours}h" : "") + (minutes > 0 ? $"{minutes}m" : "") + (rest > 0 ? $"{rest}s" : "");
        return text.Length > 0 ? text : "0s";
    }

    private static double Part(Match match, string unit) =>
        match.Groups[unit] is { Success: true, Value: var digits } ? double.Parse(digits, CultureInfo.InvariantCulture) : 0;

    [GeneratedRegex(@"\A(?=[0-9])(?:(?<h>[0-9]+)h)?(?:(?<m>[0-9]+)m)?(?:(?<s>[0-9]+)s)?\z", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
