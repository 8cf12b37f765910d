using System.Globalization;

namespace TokenOperator.Core.Tokens;

/// <summary>Moments as Kubernetes and people read them: RFC 3339, UTC, whole seconds.</summary>
public static class Timestamps
{
    private const string Rfc3339 = "yyyy-MM-dd'T'HH:mm:ss'Z'";

    /// <summary>Cuts the fraction off: an expiry shown never lies after the real one.</summary>
    public static string Format(DateTimeOffset moment) => moment.UtcDateTime.ToString(Rfc3339, CultureInfo.InvariantCulture);

    /// <summary>As <see cref="Format(DateTimeOffset)"/>, or null for null.</summary>
    public static string? Format(DateTimeOffset? moment) => moment is { } m ? Format(m) : null;

    /// <summary>Reads what <see cref="Format(DateTimeOffset)"/> wrote; null for anything that is no moment.</summary>
    public static DateTimeOffset? Parse(string? text) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var moment)
            ? moment
            : null;
}
