using System.Globalization;

namespace TokenOperator.Core.Tokens;

/// <summary>Times as Kubernetes writes them: RFC 3339, UTC, whole seconds.</summary>
public static class Timestamps
{
    private const string Rfc3339 = "yyyy-MM-dd'T'HH:mm:ss'Z'";

    /// <summary>Cuts off the fraction, so that an expiry is never shown as later than it is.</summary>
    public static string Format(DateTimeOffset moment) => moment.UtcDateTime.ToString(Rfc3339, CultureInfo.InvariantCulture);

    /// <summary>As <see cref="Format(DateTimeOffset)"/>, or null for null.</summary>
    public static string? Format(DateTimeOffset? moment) => moment is { } m ? Format(m) : null;

    /// <summary>Reads what <see cref="Format(DateTimeOffset)"/> wrote; null for anything else.</summary>
    public static DateTimeOffset? Parse(string? text) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var moment)
            ? moment
            : null;
}
