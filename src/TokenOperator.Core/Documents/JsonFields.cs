using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Core.Documents;

/// <summary>Strict reading of the fields of one JSON object. A field that is null counts as absent.</summary>
/// <param name="json">The object.</param>
/// <param name="source">The name of the document in messages.</param>
/// <param name="path">The prefix of field names in messages, such as <c>installed.</c>.</param>
internal readonly partial struct JsonFields(JsonElement json, string source, string path = "")
{
    // Go writes its zero time when there is no expiry. No OAuth 2.0 token is older than this.
    private static readonly DateTimeOffset MinTime = new(2000, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset MaxTime = new(2200, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public bool Has(string name) => Find(name) is not null;

    public JsonFields? Object(string name) => Find(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Object } value => new JsonFields(value, source, path + name + "."),
        _ => throw Wrong(name, "a JSON object"),
    };

    /// <summary>A non-empty string, or null when the field is absent or empty.</summary>
    public string? Text(string name) => Find(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } => json.Text(name),
        _ => throw Wrong(name, "a string"),
    };

    /// <summary>True for a flag that is set. Anything else is false, because applications use names for their own purposes.</summary>
    public bool Flag(string name) => Find(name) is { ValueKind: JsonValueKind.True };

    /// <summary>An object of printable texts; null for anything else. Texts that are not printable or too long are left out.</summary>
    public IReadOnlyDictionary<string, string>? Map(string name, int maxCount, int maxLength) => Find(name) is { ValueKind: JsonValueKind.Object } map
        ? map.EnumerateObject().Take(maxCount)
            .Where(member => member.Value.ValueKind == JsonValueKind.String && member.Value.GetString() is { Length: > 0 } text && text.Length <= maxLength && DisplayText.IsPrintable(text))
            .ToDictionary(member => member.Name, member => member.Value.GetString()!, StringComparer.Ordinal)
        : null;

    /// <summary>A subject or an address; null for anything else, because applications use the field for their own names.</summary>
    public string? Name(string name) => json.Text(name) is { } text && Identity.IsValid(text) ? text : null;

    /// <summary>A string of printable ASCII, as RFC 6749 appendix A has tokens and client credentials (VSCHAR), or null.</summary>
    public string? Credential(string name)
    {
        var text = Text(name);
        if (text is not null && !CredentialSyntax.IsValid(text))
            throw Wrong(name, "only printable ASCII characters; perhaps a line break or a space at an end was copied too");
        return text;
    }

    public SecretValue? Secret(string name) => SecretValue.From(Credential(name));

    /// <summary>A list of strings, or one string with spaces between them, or with commas as in the responses of some providers; null when absent.</summary>
    public IReadOnlyList<string>? Scopes(string name)
    {
        if (Find(name) is not { } value)
            return null;
        var parts = value.ValueKind switch
        {
            JsonValueKind.String when value.GetString()! is var text => text.Split(text.Contains(' ', StringComparison.Ordinal) ? ' ' : ',', StringSplitOptions.RemoveEmptyEntries),
            JsonValueKind.Array when value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String) =>
                value.EnumerateArray().Select(item => item.GetString()!).ToArray(),
            _ => throw Wrong(name, "a list of strings, or one string with spaces between the scopes"),
        };
        return parts.All(CredentialSyntax.IsScope) ? parts : throw Wrong(name, "scopes of printable ASCII characters without spaces");
    }

    /// <summary>A number, or a string that holds one.</summary>
    public decimal? Number(string name) => Find(name) is null ? null : json.Number(name) ?? throw Wrong(name, "a number");

    /// <summary>A positive span in seconds of at most 10 years; null when absent or out of that range.</summary>
    public TimeSpan? Seconds(string name) =>
        Number(name) is { } seconds and > 0 and <= 10 * 365 * 86400 ? TimeSpan.FromTicks((long)(seconds * TimeSpan.TicksPerSecond)) : null;

    /// <summary>A unix time in seconds or milliseconds; null when absent or 0.</summary>
    public DateTimeOffset? UnixTime(string name)
    {
        // Some applications write text where others write a number.
        if (Find(name) is { ValueKind: JsonValueKind.String } text && IsoPattern().IsMatch(text.GetString()!))
            return IsoTime(name);
        if (Number(name) is not { } number || number == 0)
            return null;
        // A time in seconds has fewer digits until the year 5138.
        var seconds = number > 100_000_000_000 ? number / 1000 : number;
        return seconds >= MinTime.ToUnixTimeSeconds() && seconds <= MaxTime.ToUnixTimeSeconds()
            ? DateTimeOffset.UnixEpoch.AddTicks((long)(seconds * TimeSpan.TicksPerSecond))
            : throw Wrong(name, "unix time in seconds or milliseconds");
    }

    /// <summary>An ISO 8601 time; UTC when it has no offset, because google-auth writes UTC this way.</summary>
    public DateTimeOffset? IsoTime(string name)
    {
        const DateTimeStyles Utc = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
        if (Text(name) is not { } text)
            return null;
        if (!IsoPattern().IsMatch(text) || !DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, Utc, out var moment) || moment > MaxTime)
            throw Wrong(name, "a time such as 2026-01-31T12:00:00Z");
        return moment < MinTime ? null : moment;
    }

    public InvalidDocumentException Wrong(string name, string expected) => new($"{source}: field {path}{name}: expected {expected}.");

    private JsonElement? Find(string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    [GeneratedRegex(@"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?$", RegexOptions.CultureInvariant)]
    private static partial Regex IsoPattern();
}
