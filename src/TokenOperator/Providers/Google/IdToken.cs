using System.Buffers.Text;
using System.Text.Json;
using TokenOperator.Tokens;

namespace TokenOperator.Providers.Google;

/// <summary>
/// Reads who consented out of an id_token that came straight from the token endpoint: TLS has proven where it is from, in place
/// of its signature (OpenID Connect Core section 3.1.3.7, step 6). Never used on one that came by a browser.
/// </summary>
internal static class IdToken
{
    /// <summary>Null when there is none, it cannot be read, or it is meant for another client than <paramref name="clientId"/>.</summary>
    public static Identity? Read(SecretValue? idToken, string clientId)
    {
        if (idToken?.Reveal().Split('.') is not [_, { Length: > 0 } payload, _])
            return null;
        try
        {
            using var claims = JsonDocument.Parse(Base64Url.DecodeFromChars(payload), new JsonDocumentOptions { MaxDepth = 16 });
            var root = claims.RootElement;
            if (root.ValueKind != JsonValueKind.Object || !IsFor(root, clientId) || Text(root, "sub") is not { } subject)
                return null;
            return new Identity(subject, IsVerified(root) ? Text(root, "email") : null);
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException)
        {
            // Whatever it is, it names nobody.
            return null;
        }
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
        && value.GetString() is { Length: > 0 and <= Identity.Longest } text && !text.Any(char.IsControl)
            ? text
            : null;
}
