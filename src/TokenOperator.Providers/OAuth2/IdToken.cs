using System.Buffers.Text;
using System.Text.Json;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers.OAuth2;

/// <summary>
/// Reads who consented from an id_token that came directly from the token endpoint: TLS proves its origin, in place of its
/// signature (OpenID Connect Core section 3.1.3.7, step 6). Never use it for an id_token from a browser.
/// </summary>
internal static class IdToken
{
    /// <summary>How far two clocks may differ.</summary>
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(5);

    /// <summary>Who consented; null if there is no valid id_token, and <paramref name="error"/> then says why.</summary>
    /// <param name="idToken">The id_token, or null.</param>
    /// <param name="clientId">The audience that it must have.</param>
    /// <param name="provider">The issuers that it may have, and the claim that names the person.</param>
    /// <param name="now">Compared with its expiry.</param>
    /// <param name="secrets">What the provider knows and must not be shown: a claim that repeats part of it does not count.</param>
    /// <param name="error">Safe to show, with what to do.</param>
    public static Identity? Read(SecretValue? idToken, string clientId, ProviderDocument provider, DateTimeOffset now, ReadOnlySpan<SecretValue?> secrets, out string? error)
    {
        var rules = provider.Identity;
        error = idToken is null
            ? $"the response has no id_token. Request one with the scopes openid and email: see {provider.PlaceOf("scopes.consent")}"
            : "its id_token cannot be read";
        if (idToken?.Reveal().Split('.') is not [_, { Length: > 0 } payload, _])
            return null;
        try
        {
            using var document = JsonDocument.Parse(Base64Url.DecodeFromChars(payload), new JsonDocumentOptions { MaxDepth = 16 });
            var claims = document.RootElement;
            if (claims.ValueKind != JsonValueKind.Object || Name(claims, "sub", secrets) is not { } subject)
                return null;
            error = FindError(claims, clientId, provider, now, secrets);
            return error is null ? new Identity(subject, rules.TrustsUnverified || IsVerified(claims) ? Name(claims, rules.Claim, secrets) : null) : null;
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException)
        {
            // Not base64url, not JSON, or a string whose escapes are not valid text.
            return null;
        }
    }

    private static string? FindError(JsonElement claims, string clientId, ProviderDocument provider, DateTimeOffset now, ReadOnlySpan<SecretValue?> secrets)
    {
        var issuers = provider.Identity.Issuers;
        if (!IsFor(claims, clientId))
            return "its id_token is for another client";
        if (Name(claims, "iss", []) is not { } issuer)
            return "its id_token does not name its issuer (iss)";
        if (issuers.Count > 0 && !issuers.Contains(issuer, StringComparer.Ordinal))
            return $"its id_token is from {Redactor.Of(issuer, secrets)}, expected {issuers[0]}. Check {provider.PlaceOf("identity.issuers")}";
        // Compared as numbers, because not every number is a valid DateTimeOffset.
        if (!claims.TryGetProperty("exp", out var expiry) || expiry.ValueKind != JsonValueKind.Number)
            return "its id_token does not say when it expires (exp)";
        return expiry.GetDouble() > (now - ClockSkew).ToUnixTimeSeconds() ? null
            : $"its id_token has expired by the clock of this machine, which says {Timestamps.Format(now)}. Check the clock";
    }

    // With several audiences, azp names the client that asked (OpenID Connect Core section 2).
    private static bool IsFor(JsonElement claims, string clientId) => claims.TryGetProperty("aud", out var audience) && audience.ValueKind switch
    {
        JsonValueKind.String => audience.ValueEquals(clientId),
        JsonValueKind.Array when audience.GetArrayLength() == 1 => audience[0].ValueKind == JsonValueKind.String && audience[0].ValueEquals(clientId),
        JsonValueKind.Array => claims.Text("azp") == clientId,
        _ => false,
    };

    // Some servers write the flag as a string.
    private static bool IsVerified(JsonElement claims) => claims.TryGetProperty("email_verified", out var verified)
        && (verified.ValueKind == JsonValueKind.True || (verified.ValueKind == JsonValueKind.String && verified.ValueEquals("true")));

    private static string? Name(JsonElement claims, string name, ReadOnlySpan<SecretValue?> secrets) =>
        claims.Text(name) is { } text && Identity.IsValid(text) && !Redactor.Repeats(text, secrets) ? text : null;
}
