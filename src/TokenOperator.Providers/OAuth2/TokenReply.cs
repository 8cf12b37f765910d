using System.Globalization;
using System.Text.Json;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers.OAuth2;

/// <summary>What a reply's body turned out to be.</summary>
public enum ReplyBody
{
    /// <summary>A JSON object.</summary>
    Json,

    /// <summary>No byte.</summary>
    Empty,

    /// <summary>Something else, such as HTML.</summary>
    NotJson,

    /// <summary>More than <see cref="TokenReply.MaxBytes"/>; the rest was not read.</summary>
    TooLong,
}

/// <summary>The fields of a token endpoint's reply that mean something here; null for those that are absent, empty or of another type.</summary>
public sealed record TokenReply
{
    /// <summary>Many times the largest reply that Google documents (an access token of 2 KiB and an id_token), in bytes.</summary>
    public const int MaxBytes = 64 * 1024;

    /// <summary>The HTTP status.</summary>
    public required int Status { get; init; }

    /// <summary>What the body is; the other fields are null unless it is JSON.</summary>
    public required ReplyBody Body { get; init; }

    /// <summary>Retry-After as a span from now; null when absent, unreadable or past.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>access_token.</summary>
    public SecretValue? AccessToken { get; init; }

    /// <summary>refresh_token.</summary>
    public SecretValue? RefreshToken { get; init; }

    /// <summary>id_token: says who consented, after a consent; never kept and never shown.</summary>
    public SecretValue? IdToken { get; init; }

    /// <summary>token_type.</summary>
    public string? TokenType { get; init; }

    /// <summary>scope, from a string with blanks or a list.</summary>
    public IReadOnlyList<string>? Scopes { get; init; }

    /// <summary>expires_in in seconds, from a number or a string that holds one.</summary>
    public decimal? ExpiresIn { get; init; }

    /// <summary>refresh_token_expires_in in seconds.</summary>
    public decimal? RefreshTokenExpiresIn { get; init; }

    /// <summary>error (RFC 6749 section 5.2).</summary>
    public string? Error { get; init; }

    /// <summary>error_description, as the server wrote it.</summary>
    public string? ErrorDescription { get; init; }

    /// <summary>Google's error_subtype.</summary>
    public string? ErrorSubtype { get; init; }

    /// <summary>Reads <paramref name="body"/>, the whole of it, or a bit more than <see cref="MaxBytes"/>.</summary>
    public static TokenReply Read(int status, TimeSpan? retryAfter, ReadOnlyMemory<byte> body)
    {
        var bare = new TokenReply { Status = status, RetryAfter = retryAfter, Body = ReplyBody.NotJson };
        if (body.Length > MaxBytes)
            return bare with { Body = ReplyBody.TooLong };
        if (body.IsEmpty)
            return bare with { Body = ReplyBody.Empty };
        try
        {
            using var document = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = 16 });
            return document.RootElement.ValueKind == JsonValueKind.Object ? bare.With(document.RootElement) : bare;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a string whose escapes make no text. Neither says more than "not JSON" does.
            return bare;
        }
    }

    private TokenReply With(JsonElement json) => this with
    {
        Body = ReplyBody.Json,
        AccessToken = Secret(json, "access_token"),
        RefreshToken = Secret(json, "refresh_token"),
        IdToken = Secret(json, "id_token"),
        TokenType = Text(json, "token_type"),
        Scopes = ScopeList(json),
        ExpiresIn = Number(json, "expires_in"),
        RefreshTokenExpiresIn = Number(json, "refresh_token_expires_in"),
        Error = Text(json, "error"),
        ErrorDescription = Text(json, "error_description"),
        ErrorSubtype = Text(json, "error_subtype"),
    };

    private static SecretValue? Secret(JsonElement json, string name) => SecretValue.From(Text(json, name));

    private static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text ? text : null;

    private static decimal? Number(JsonElement json, string name)
    {
        if (!json.TryGetProperty(name, out var value))
            return null;
        return value.ValueKind switch
        {
            JsonValueKind.Number when value.TryGetDecimal(out var number) => number,
            JsonValueKind.String when decimal.TryParse(value.GetString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) => number,
            _ => null,
        };
    }

    private static string[]? ScopeList(JsonElement json)
    {
        if (!json.TryGetProperty("scope", out var value))
            return null;
        var parts = value.ValueKind switch
        {
            JsonValueKind.String => value.GetString()!.Split(' '),
            JsonValueKind.Array => value.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.String).Select(item => item.GetString()!),
            _ => [],
        };
        var scopes = parts.Where(CredentialSyntax.IsScope).ToArray();
        return scopes.Length > 0 ? scopes : null;
    }
}
