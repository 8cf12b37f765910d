using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Web;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Authorization;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers.OAuth2;

/// <summary>The form of a reply's body.</summary>
internal enum ReplyBody
{
    /// <summary>A JSON object, or a form.</summary>
    Fields,

    /// <summary>No bytes.</summary>
    Empty,

    /// <summary>Anything else, such as HTML.</summary>
    Other,

    /// <summary>More than <see cref="TokenEndpointReply.MaxBytes"/>; the rest was not read.</summary>
    TooLong,
}

/// <summary>A reply as it arrived.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="RetryAfter">Retry-After (RFC 9110 section 10.2.3) as a span from now; null if it is absent, unreadable or past.</param>
/// <param name="ContentType">The type of the body without parameters, or null.</param>
/// <param name="Body">All of the body, or more than <see cref="TokenEndpointReply.MaxBytes"/> if there is more.</param>
internal sealed record RawReply(int Status, TimeSpan? RetryAfter, string? ContentType, ReadOnlyMemory<byte> Body);

/// <summary>
/// The raw fields of a token or revocation endpoint's reply (RFC 6749 sections 5.1 and 5.2), at the paths that the provider's document
/// names. A field that is absent, empty or of another type is null. <see cref="TokenResponseClassifier"/> says what they mean.
/// </summary>
internal sealed record TokenEndpointReply
{
    /// <summary>In bytes. Google documents access tokens of up to 2 KiB; an id_token comes on top.</summary>
    public const int MaxBytes = 64 * 1024;

    /// <summary>More scopes than any consent has. Each is compared with every secret, and shown in the status.</summary>
    public const int MaxScopes = 500;

    /// <summary>The maximum length of an exported value, in characters.</summary>
    public const int MaxExportLength = 1024;

    private const int MaxNumbers = 20;

    /// <summary>The HTTP status.</summary>
    public required int Status { get; init; }

    /// <summary>The form of the body. The fields below are null unless it has fields.</summary>
    public required ReplyBody Body { get; init; }

    /// <summary>See <see cref="RawReply.RetryAfter"/>.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>True if a value of the body marks the reply as a failure, whatever its status.</summary>
    public bool IsMarkedAsFailure { get; init; }

    /// <summary>The access token.</summary>
    public SecretValue? AccessToken { get; init; }

    /// <summary>The refresh token.</summary>
    public SecretValue? RefreshToken { get; init; }

    /// <summary>The id_token: proves who consented; never stored and never shown.</summary>
    public SecretValue? IdToken { get; init; }

    /// <summary>The type.</summary>
    public string? TokenType { get; init; }

    /// <summary>The scopes, from a string with separators or a list.</summary>
    public IReadOnlyList<string>? Scopes { get; init; }

    /// <summary>The lifetime, from a number or a string that holds one.</summary>
    public decimal? ExpiresIn { get; init; }

    /// <summary>The moment of expiry, from a Unix time or an RFC 3339 time.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>The refresh token's lifetime in seconds.</summary>
    public decimal? RefreshTokenExpiresIn { get; init; }

    /// <summary>The error code.</summary>
    public string? Error { get; init; }

    /// <summary>True if the member <c>error</c> is a text. Servers that answer every request with 200 mark failures in this way.</summary>
    public bool HasErrorText { get; init; }

    /// <summary>The error's text, as the server wrote it.</summary>
    public string? ErrorDescription { get; init; }

    /// <summary>Google's error_subtype.</summary>
    public string? ErrorSubtype { get; init; }

    /// <summary>The error's numbers.</summary>
    public IReadOnlyList<long> ErrorNumbers { get; init; } = [];

    /// <summary>The person's identifier, for a provider without an id_token.</summary>
    public string? Person { get; init; }

    /// <summary>The values to export, by their key in the Secret.</summary>
    public IReadOnlyDictionary<string, string> Exports { get; init; } = TokenSet.NoExports;

    /// <summary>The codes of a device authorization endpoint (RFC 8628 section 3.2), or null.</summary>
    public DeviceAuthorization? Device { get; init; }

    /// <summary>Reads a reply.</summary>
    /// <param name="provider">Where the fields are.</param>
    /// <param name="raw">The reply.</param>
    /// <param name="isCodeExchange">True for the reply to a code.</param>
    public static TokenEndpointReply Read(ProviderDocument provider, RawReply raw, bool isCodeExchange = false)
    {
        var bare = new TokenEndpointReply { Status = raw.Status, RetryAfter = raw.RetryAfter, Body = ReplyBody.Other };
        if (raw.Body.Length > MaxBytes)
            return bare with { Body = ReplyBody.TooLong };
        if (raw.Body.IsEmpty)
            return bare with { Body = ReplyBody.Empty };
        try
        {
            using var document = JsonDocument.Parse(IsForm(provider, raw) ? FormAsJson(raw.Body.Span) : raw.Body, new JsonDocumentOptions { MaxDepth = 16 });
            return document.RootElement.ValueKind == JsonValueKind.Object ? bare.With(provider, document.RootElement, isCodeExchange) : bare;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: the escapes of a string are not valid text.
            return bare;
        }
    }

    private TokenEndpointReply With(ProviderDocument provider, JsonElement json, bool isCodeExchange)
    {
        var (rules, errors) = (provider.Response, provider.Errors);
        var root = isCodeExchange && rules.CodeExchangeRoot is { } path ? Find(json, path) : json;
        return this with
        {
            Body = ReplyBody.Fields,
            IsMarkedAsFailure = rules.Failures.Any(marker => Text(Find(json, marker.Path)) == marker.Value),
            AccessToken = SecretValue.From(String(Find(root, rules.AccessToken))),
            RefreshToken = SecretValue.From(String(Find(root, rules.RefreshToken))),
            IdToken = SecretValue.From(String(Find(root, rules.IdToken))),
            TokenType = String(Find(root, rules.TokenType)),
            Scopes = ScopeList(Find(root, rules.Scope), provider.Scopes.ResponseSeparator ?? provider.Scopes.Separator),
            ExpiresIn = Number(Find(root, rules.ExpiresIn)),
            ExpiresAt = Moment(Find(root, rules.ExpiresAt)),
            RefreshTokenExpiresIn = Number(Find(root, rules.RefreshTokenExpiresIn)),
            Error = First(json, errors.CodePaths, Code),
            HasErrorText = String(Find(json, "error")) is not null,
            ErrorDescription = First(json, errors.TextPaths, String),
            ErrorSubtype = json.Text("error_subtype"),
            ErrorNumbers = errors.NumbersPath is { } numbers ? Numbers(Find(json, numbers)) : [],
            Person = provider.Identity.ResponsePath is { } person ? Text(Find(json, person)) : null,
            Device = json.TryGetProperty("device_code", out _) ? DeviceReply.Read(json) : null,
            Exports = provider.Export.Count > 0 ? ExportsOf(provider, json) : TokenSet.NoExports,
        };
    }

    /// <summary>
    /// By the content type, because a parser of forms reads any text. GitHub answers with a form unless it is asked for JSON. A plain text
    /// that is neither has none of the fields.
    /// </summary>
    private static bool IsForm(ProviderDocument provider, RawReply raw) => provider.Response.Format switch
    {
        ResponseFormat.Json => false,
        ResponseFormat.Form => true,
        _ => raw.ContentType is "application/x-www-form-urlencoded" or "text/plain"
            && raw.Body.Span.TrimStart(" \t\r\n"u8) is [not ((byte)'{' or (byte)'[' or (byte)'<'), ..]
            && HttpUtility.ParseQueryString(Encoding.UTF8.GetString(raw.Body.Span)) is var fields
            && (fields[provider.Response.AccessToken] is not null || provider.Errors.CodePaths.Any(path => fields[path] is not null)),
    };

    private static ReadOnlyMemory<byte> FormAsJson(ReadOnlySpan<byte> body)
    {
        var fields = HttpUtility.ParseQueryString(Encoding.UTF8.GetString(body));
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            foreach (var name in fields.AllKeys.OfType<string>())
                writer.WriteString(name, fields.GetValues(name)![0]);
            writer.WriteEndObject();
        }

        return buffer.ToArray();
    }

    /// <summary>The value at a path: names with dots between them. Null if it is not there.</summary>
    private static JsonElement? Find(JsonElement? json, string path)
    {
        var rest = path.AsSpan();
        var value = json;
        while (value is { ValueKind: JsonValueKind.Object } found)
        {
            var dot = rest.IndexOf('.');
            value = found.TryGetProperty(dot < 0 ? rest : rest[..dot], out var next) ? next : null;
            if (dot < 0)
                return value is { ValueKind: JsonValueKind.Null } ? null : value;
            rest = rest[(dot + 1)..];
        }

        return null;
    }

    private static string? First(JsonElement json, IReadOnlyList<string> paths, Func<JsonElement?, string?> read)
    {
        foreach (var path in paths)
        {
            if (read(Find(json, path)) is { } text)
                return text;
        }

        return null;
    }

    private static string? String(JsonElement? value) =>
        value is { ValueKind: JsonValueKind.String } text && text.GetString() is { Length: > 0 } found ? found : null;

    /// <summary>A string, a number or a flag as text.</summary>
    private static string? Text(JsonElement? value) => value?.ValueKind switch
    {
        JsonValueKind.String => String(value),
        JsonValueKind.Number => value.Value.GetRawText(),
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        _ => null,
    };

    /// <summary>An error code, also that of <c>{"error": {...}}</c>, the form of errors of Google's other services, which can stand in front of the endpoint.</summary>
    private static string? Code(JsonElement? value) => value is { ValueKind: JsonValueKind.Object } error
        ? error.Text("reason") ?? error.Text("status") ?? error.Text("code") ?? error.Text("type")
        : value is { ValueKind: JsonValueKind.Number } number ? number.GetRawText() : String(value);

    private static decimal? Number(JsonElement? value) => value?.ValueKind switch
    {
        JsonValueKind.Number when value.Value.TryGetDecimal(out var number) => number,
        JsonValueKind.String when decimal.TryParse(value.Value.GetString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) => number,
        _ => null,
    };

    private static DateTimeOffset? Moment(JsonElement? value)
    {
        if (Number(value) is not { } number)
            return Timestamps.Parse(String(value));
        // A time in seconds has fewer digits until the year 5138.
        var seconds = number > 100_000_000_000 ? number / 1000 : number;
        return seconds is > 0 and < 100_000_000_000 ? DateTimeOffset.UnixEpoch.AddTicks((long)(seconds * TimeSpan.TicksPerSecond)) : null;
    }

    private static IReadOnlyList<long> Numbers(JsonElement? value) => value switch
    {
        { ValueKind: JsonValueKind.Array } list => [.. list.EnumerateArray().Take(MaxNumbers).Select(item => Number(item)).OfType<decimal>().Where(IsWhole).Select(number => (long)number)],
        _ => Number(value) is { } number && IsWhole(number) ? [(long)number] : [],
    };

    private static bool IsWhole(decimal number) => number is >= 0 and <= int.MaxValue && decimal.Truncate(number) == number;

    private static string[]? ScopeList(JsonElement? value, char separator)
    {
        var parts = value?.ValueKind switch
        {
            JsonValueKind.String => value.Value.GetString()!.Split([separator, ' ']),
            JsonValueKind.Array => value.Value.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.String).Select(item => item.GetString()!),
            _ => [],
        };
        var scopes = parts.Where(CredentialSyntax.IsScope).Take(MaxScopes).ToArray();
        return scopes.Length > 0 ? scopes : null;
    }

    private static Dictionary<string, string> ExportsOf(ProviderDocument provider, JsonElement json)
    {
        var exports = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (key, source) in provider.Export)
        {
            if (source.Place == ExportPlace.Response && Text(Find(json, source.Path)) is { Length: <= MaxExportLength } text && DisplayText.IsPrintable(text))
                exports[key] = text;
        }

        return exports;
    }
}
