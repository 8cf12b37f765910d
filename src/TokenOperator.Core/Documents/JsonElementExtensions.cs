using System.Globalization;
using System.Text.Json;

namespace TokenOperator.Core.Documents;

/// <summary>Lenient reading of a JSON object's fields. A field that is absent or of another type is null.</summary>
public static class JsonElementExtensions
{
    /// <summary>A string that is not empty, or null.</summary>
    /// <exception cref="InvalidOperationException">The string's escapes are not valid text, or <paramref name="json"/> is not an object.</exception>
    public static string? Text(this JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text ? text : null;

    /// <summary>A number, or a string that holds one; null for anything else, or if it does not fit.</summary>
    /// <exception cref="InvalidOperationException">The string's escapes are not valid text, or <paramref name="json"/> is not an object.</exception>
    public static decimal? Number(this JsonElement json, string name) => json.TryGetProperty(name, out var value) ? value.ValueKind switch
    {
        JsonValueKind.Number when value.TryGetDecimal(out var number) => number,
        JsonValueKind.String when decimal.TryParse(value.GetString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) => number,
        _ => null,
    }
    : null;
}
