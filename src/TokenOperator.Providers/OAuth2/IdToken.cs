using System.Buffers.Text;
using System.Text.Json;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers.OAuth2;

/// <summary>
/// Reads who consented out of an id_token that came straight from the token endpoint: TLS has proven where it is from, in place
/// of its signature (OpenID Connect Core section 3.1.3.7, step 6). Never used on one that came by a browser.
/// </summary>
internal static class IdToken
{
    /// <summary>How far two clocks may be apart.</summary>
    private static readonly TimeSpan Leeway = TimeSpan.FromMinutes(5);

    /// <summary>Who consented; null when there is no id_token or it is not a good one, and <paramref name="trouble"/> then says why.</summary>
    /// <param name="idToken">What came.</param>
    /// <param name="clientId">Whom it must be meant for.</param>
    /// <param name="issuers">One of whom it must be from; empty when they are not known.</param>
    /// <param name="now">When it must not have ended.</param>
    /// <param name="trouble">In words that are safe to show, with what to do.</param>
    public static Identity? Read(SecretValue? idToken, string clientId, IReadOnlyList<string> issuers, DateTimeOffset now, out string? trouble)
    {
        trouble = idToken is null
            ? "there is no id_token in its answer. The scopes openid and email bring one: see the setting ConsentScopes of the provider"
            : "its id_token cannot be read";
        if (idToken?.Reveal().Split('.') is not [_, { Length: > 0 } payload, _])
            return null;
        try
        {
            using var claims = JsonDocument.Parse(Base64Url.DecodeFromChars(payload), new JsonDocumentOptions { MaxDepth = 16 });
            var root = claims.RootElement;
            if (root.ValueKind != JsonValueKind.Object || Text(root, "sub") is not { } subject)
                return null;
            trouble = Refuse(root, clientId, issuers, now);
            return trouble is null ? new Identity(subject, IsVerified(root) ? Text(root, "email") : null) : null;
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException)
        {
            // Whatever it is, it names nobody.
            return null;
        }
    }

    private static string? Refuse(JsonElement claims, string clientId, IReadOnlyList<string> issuers, DateTimeOffset now)
    {
        if (!IsFor(claims, clientId))
            return "its id_token is for another client";
        if (Text(claims, "iss") is not { } issuer)
            return "its id_token does not say whom it is from (iss)";
        if (issuers.Count > 0 && !issuers.Contains(issuer, StringComparer.Ordinal))
            return $"its id_token is from {Redactor.Of(issuer)}, expected {issuers[0]}. See the setting Issuer of the provider";
        // Compared as numbers: not each of them is a moment that DateTimeOffset can hold.
        if (!claims.TryGetProperty("exp", out var end) || end.ValueKind != JsonValueKind.Number)
            return "its id_token does not say when it ends (exp)";
        return end.GetDouble() > (now - Leeway).ToUnixTimeSeconds() ? null
            : $"its id_token has ended by the clock of this machine, which is at {Timestamps.Format(now)}. See that the clock is right";
    }

    // With several audiences azp says which of them asked.
    private static bool IsFor(JsonElement claims, string clientId) => claims.TryGetProperty("aud", out var audience) && audience.ValueKind switch
    {
        JsonValueKind.String => audience.ValueEquals(clientId),
        JsonValueKind.Array when audience.GetArrayLength() == 1 => audience[0].ValueKind == JsonValueKind.String && audience[0].ValueEquals(clientId),
        JsonValueKind.Array => Text(claims, "azp") == clientId,
        _ => false,
    };

    // Some servers write the flag as a text.
    private static bool IsVerified(JsonElement claims) => claims.TryGetProperty("email_verified", out var verified)
        && (verified.ValueKind == JsonValueKind.True || (verified.ValueKind == JsonValueKind.String && verified.ValueEquals("true")));

    private static string? Text(JsonElement claims, string name) =>
        claims.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
        && value.GetString() is { Length: > 0 and <= Identity.MaxLength } text && !text.Any(char.IsControl)
            ? text
            : null;
}
