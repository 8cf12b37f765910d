using System.Text.Json;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers.OAuth2;

/// <summary>The form of a reply's body.</summary>
internal enum ReplyBody
{
    /// <summary>A JSON object.</summary>
    Json,

    /// <summary>No bytes.</summary>
    Empty,

    /// <summary>Anything else, such as HTML.</summary>
    NotJson,

    /// <summary>More than <see cref="TokenEndpointReply.MaxBytes"/>; the rest was not read.</summary>
    TooLong,
}

/// <summary>
/// The raw fields of a token or revocation endpoint's reply (RFC 6749 sections 5.1 and 5.2). A field that is absent, empty or of
/// another type is null. <see cref="TokenResponseClassifier"/> says what they mean.
/// </summary>
internal sealed record TokenEndpointReply
{
    /// <summary>In bytes. Google documents access tokens of up to 2 KiB; an id_token comes on top.</summary>
    public const int MaxBytes = 64 * 1024;

    /// <summary>The HTTP status.</summary>
    public required int Status { get; init; }

    /// <summary>The form of the body. The fields below are null unless it is JSON.</summary>
    public required ReplyBody Body { get; init; }

    /// <summary>Retry-After (RFC 9110 section 10.2.3) as a span from now; null if it is absent, unreadable or past.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>access_token.</summary>
    public SecretValue? AccessToken { get; init; }

    /// <summary>refresh_token.</summary>
    public SecretValue? RefreshToken { get; init; }

    /// <summary>id_token: proves who consented; never stored and never shown.</summary>
    public SecretValue? IdToken { get; init; }

    /// <summary>token_type.</summary>
    public string? TokenType { get; init; }

    /// <summary>scope, from a string with spaces or a list.</summary>
    public IReadOnlyList<string>? Scopes { get; init; }

    /// <summary>expires_in in seconds, from a number or a string that holds one.</summary>
    public decimal? ExpiresIn { get; init; }

    /// <summary>Google's refresh_token_expires_in in seconds, likewise.</summary>
    public decimal? RefreshTokenExpiresIn { get; init; }

    /// <summary>error.</summary>
    public string? Error { get; init; }

    /// <summary>error_description, as the server wrote it.</summary>
    public string? ErrorDescription { get; init; }

    /// <summary>Google's error_subtype.</summary>
    public string? ErrorSubtype { get; init; }

    /// <summary>Reads <paramref name="body"/>: all of it, or more than <see cref="MaxBytes"/> if there is more.</summary>
    public static TokenEndpointReply Read(int status, TimeSpan? retryAfter, ReadOnlyMemory<byte> body)
    {
        var bare = new TokenEndpointReply { Status = status, RetryAfter = retryAfter, Body = ReplyBody.NotJson };
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
            // InvalidOperationException: the escapes of a string are not valid text.
            return bare;
        }
    }

    private TokenEndpointReply With(JsonElement json) => this with
    {
        Body = ReplyBody.Json,
        AccessToken = SecretValue.From(json.Text("access_token")),
        RefreshToken = SecretValue.From(json.Text("refresh_token")),
        IdToken = SecretValue.From(json.Text("id_token")),
        TokenType = json.Text("token_type"),
        Scopes = ScopeList(json),
        ExpiresIn = json.Number("expires_in"),
        RefreshTokenExpiresIn = json.Number("refresh_token_expires_in"),
        Error = json.Text("error") ?? ErrorInObject(json),
        ErrorDescription = json.Text("error_description"),
        ErrorSubtype = json.Text("error_subtype"),
    };

    /// <summary>The code of <c>{"error": {...}}</c>, the form of errors of Google's other services, which can stand in front of the endpoint.</summary>
    private static string? ErrorInObject(JsonElement json) =>
        json.TryGetProperty("error", out var error) && error.ValueKind == JsonValueKind.Object
            ? error.Text("reason") ?? error.Text("status") ?? error.Text("code") ?? error.Text("type")
            : null;

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
