using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Core.Documents;

/// <summary>
/// The JSON in the column <c>token_data</c>: the token response (RFC 6749 section 5.1) with the times <c>issued_at</c>,
/// <c>expires_at</c> and <c>refresh_token_expires_at</c> in unix seconds (fractions down to 1 µs), so that an application that already
/// has this table can still read it.
/// </summary>
public static class TokenDocument
{
    private const string Source = "token_data";
    private const int MaxBytes = 1024 * 1024;

    /// <summary>Reads what <see cref="Write"/> wrote, or any format of a token file. A missing refresh token is allowed.</summary>
    /// <exception cref="InvalidDocumentException">It is not a token document, or a field cannot be read.</exception>
    public static TokenSet Read(string document) => TokenFields.Read(new JsonFields(JsonInput.ReadObject(document, Source, MaxBytes), Source));

    /// <summary>
    /// Writes <paramref name="token"/>. Unknown members of <paramref name="previousDocument"/> are kept, and members of other formats with the
    /// same meaning (such as <c>token</c> and <c>expiry</c>) are updated. A token without a refresh token keeps the previous one: only a
    /// newer refresh token replaces a refresh token. A token of an unknown host keeps the previous host: only what came from another host may go
    /// there.
    /// </summary>
    /// <param name="token">The tokens.</param>
    /// <param name="previousDocument">The document that is replaced, or null.</param>
    /// <param name="isNewGrant">True after a new consent: what the document says about the old grant is no longer true.</param>
    /// <exception cref="InvalidDocumentException"><paramref name="previousDocument"/> is not a JSON object.</exception>
    public static string Write(TokenSet token, string? previousDocument, bool isNewGrant = false)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            WriteOwn(writer, token);
            if (previousDocument is not null)
                WriteKept(writer, token, JsonInput.ReadObject(previousDocument, Source, MaxBytes), isNewGrant);
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static void WriteOwn(Utf8JsonWriter writer, TokenSet token)
    {
        if (token.AccessToken is { } accessToken)
            writer.WriteString("access_token", accessToken.Reveal());
        if (token.RefreshToken is { } refreshToken)
            writer.WriteString("refresh_token", refreshToken.Reveal());
        writer.WriteString("token_type", token.TokenType);
        if (token.Scopes.Count > 0)
            writer.WriteString("scope", string.Join(' ', token.Scopes));
        if (token.ExpiresAt - token.IssuedAt is { } lifetime)
            writer.WriteNumber("expires_in", (long)Math.Round(lifetime.TotalSeconds));
        WriteText(writer, "account", token.Identity?.Email);
        WriteText(writer, "subject", token.Identity?.Subject);
        WriteText(writer, TokenFields.GrantInputs, token.GrantInputs);
        WriteText(writer, TokenFields.TokenHost, token.TokenHost);
        WriteMoment(writer, "issued_at", token.IssuedAt);
        WriteMoment(writer, "expires_at", token.ExpiresAt);
        WriteMoment(writer, "refresh_token_expires_at", token.RefreshTokenExpiresAt);
        WriteMoment(writer, "consented_at", token.ConsentedAt);
        WriteMoment(writer, "checked_at", token.CheckedAt);
        if (token.NeverExpires)
            writer.WriteBoolean("never_expires", true);
        if (token.Exports.Count == 0)
            return;
        writer.WriteStartObject(TokenFields.ExportsName);
        foreach (var (name, value) in token.Exports)
            writer.WriteString(name, value);
        writer.WriteEndObject();
    }

    private static void WriteKept(Utf8JsonWriter writer, TokenSet token, JsonElement previous, bool isNewGrant)
    {
        foreach (var member in previous.EnumerateObject())
        {
            switch (member.Name)
            {
                case "refresh_token" when token.RefreshToken is not null || (isNewGrant && token.NeverExpires):
                case "never_expires" or "checked_at" or "consented_at" or TokenFields.ExportsName or TokenFields.GrantInputs:
                case "access_token" or "token_type" or "scope" or "expires_in" or "issued_at" or "expires_at" or "refresh_token_expires_at":
                // Counted from the response that brought it; refresh_token_expires_at has the same information.
                case "refresh_token_expires_in":
                    break;
                case TokenFields.TokenHost when token.TokenHost is not null:
                case "account" when token.Identity?.Email is not null:
                case "subject" when token.Identity?.Subject is not null:
                case "subject" or "id_token" when isNewGrant:
                case "scopes" when isNewGrant && token.Scopes.Count == 0:
                case "account" when isNewGrant && member.Value.ValueKind == JsonValueKind.String && Identity.IsAddress(member.Value.GetString()!):
                    break;
                case "token":
                    WriteText(writer, member.Name, token.AccessToken?.Reveal());
                    break;
                case "scopes" when token.Scopes.Count > 0:
                    WriteScopes(writer, token, asList: member.Value.ValueKind == JsonValueKind.Array);
                    break;
                case "expiry":
                    WriteText(writer, member.Name, Iso(token.ExpiresAt));
                    break;
                case "expiry_date":
                    if (token.ExpiresAt is { } expiresAt)
                        writer.WriteNumber(member.Name, expiresAt.ToUnixTimeMilliseconds());
                    break;
                case "Issued" or "IssuedUtc":
                    WriteText(writer, member.Name, Iso(token.IssuedAt));
                    break;
                default:
                    member.WriteTo(writer);
                    break;
            }
        }
    }

    private static void WriteScopes(Utf8JsonWriter writer, TokenSet token, bool asList)
    {
        if (!asList)
        {
            writer.WriteString("scopes", string.Join(' ', token.Scopes));
            return;
        }

        writer.WriteStartArray("scopes");
        foreach (var scope in token.Scopes)
            writer.WriteStringValue(scope);
        writer.WriteEndArray();
    }

    private static void WriteText(Utf8JsonWriter writer, string name, string? value)
    {
        if (value is not null)
            writer.WriteString(name, value);
    }

    private static void WriteMoment(Utf8JsonWriter writer, string name, DateTimeOffset? moment)
    {
        if (moment is { } value)
            writer.WriteNumber(name, (value - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond / 1_000_000m);
    }

    // google-auth reads only this form: it cuts off the Z and the fraction.
    private static string? Iso(DateTimeOffset? moment) =>
        moment?.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
}
