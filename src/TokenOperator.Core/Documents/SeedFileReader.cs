using System.Globalization;
using System.Text;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Core.Documents;

/// <summary>The content of a token file.</summary>
/// <param name="Token">Tokens, with a refresh token or with an access token that never expires.</param>
/// <param name="ClientId">The client that the refresh token belongs to, if the file names it. The provider refuses the token for any other.</param>
public sealed record Seed(TokenSet Token, string? ClientId)
{
    /// <summary>Changes with the refresh token: distinguishes a new seed from one that was imported before.</summary>
    public string Fingerprint { get; } = Tokens.Fingerprint.Of(Token.GrantToken?.Reveal());
}

/// <summary>
/// Reads the token files that applications keep: google-auth's to_json, gcloud's application default credentials,
/// gmail-sdk, Node googleapis, rclone and .NET FileDataStore. A token_uri is ignored: no file decides where secrets are sent.
/// A file can also hold a refresh token alone.
/// </summary>
public static class SeedFileReader
{
    /// <summary>Longer than the refresh token of any known provider: Google's have up to 512 characters, Microsoft's about 2,000.</summary>
    public const int MaxRefreshTokenLength = 8192;

    /// <summary>Longer than a header with it can be on any known server.</summary>
    public const int MaxAccessTokenLength = 16384;

    private const string Expected = "a token file with a refresh_token";

    /// <summary>Shorter than every refresh token that a provider issues, and longer than a word that was put there by mistake.</summary>
    private const int MinTokenLength = 16;

    /// <summary>Reads <paramref name="content"/>. Messages call it <paramref name="source"/>.</summary>
    /// <param name="content">The file.</param>
    /// <param name="source">What messages call it.</param>
    /// <param name="takesAccessToken">True for a provider with access tokens that never expire: a file may have one instead of a refresh token, or be one.</param>
    /// <exception cref="InvalidDocumentException">It has no refresh token, or a field cannot be read.</exception>
    public static Seed Read(ReadOnlySpan<byte> content, string source, bool takesAccessToken = false)
    {
        if (FindBareToken(content) is { } bare)
        {
            if (takesAccessToken)
                return new Seed(new TokenSet { AccessToken = new SecretValue(bare), NeverExpires = true }, ClientId: null);
            return bare.StartsWith("ya29.", StringComparison.Ordinal)
                ? throw new InvalidDocumentException($"{source}: an access token of Google was found, {Expected} or a refresh token alone was expected. An access token cannot be refreshed.")
                : new Seed(new TokenSet { RefreshToken = new SecretValue(bare) }, ClientId: null);
        }

        if (IsLine(content))
        {
            throw new InvalidDocumentException(string.Create(
                CultureInfo.InvariantCulture,
                $"{source}: a line of {content.TrimEnd("\r\n"u8).Length} characters was found, {Expected} or a refresh token alone was expected: {MinTokenLength} to {MaxRefreshTokenLength} printable ASCII characters without spaces."));
        }

        var document = new JsonFields(JsonInput.ReadObject(content, source), source);
        DocumentKind.RejectOtherCredentials(document, source, Expected);
        if (!document.Has("refresh_token") && DocumentKind.ConsoleClient(document) is not null)
        {
            throw new InvalidDocumentException(
                $"{source}: an OAuth client file (credentials.json) was found, {Expected} was expected: the file that the application wrote after consent, often token.json.");
        }

        var token = TokenFields.Read(document) with { GrantInputs = null };
        // The provider's document decides whether tokens never expire. A file only says whether this one does.
        token = token with { NeverExpires = takesAccessToken && (token.NeverExpires || token is { RefreshToken: null, AccessToken: not null, ExpiresAt: null }) };
        if (token.GrantToken is null)
        {
            throw token.AccessToken is null
                ? document.Wrong("refresh_token", "a refresh token, but it is missing or empty, and so is access_token. Use the file that the application wrote after the consent")
                : document.Wrong("refresh_token",
                    $"a refresh token, but only an access token {(token.ExpiresAt is null ? "" : "that expires ")}was found: nothing can renew it when it expires. "
                    + "Consent again so that the provider issues a refresh token (docs/authorize.md), and use the resulting file");
        }

        CheckLength(document, "refresh_token", token.RefreshToken, MaxRefreshTokenLength);
        CheckLength(document, "access_token", token.AccessToken, MaxAccessTokenLength);
        return new Seed(token, document.Credential("client_id"));
    }

    /// <summary>The content if it is one word that can be a token; null if it is a document, or anything else.</summary>
    private static string? FindBareToken(ReadOnlySpan<byte> content)
    {
        content = content.TrimEnd("\r\n"u8);
        return content.Length is >= MinTokenLength and <= MaxRefreshTokenLength && content[0] is not ((byte)'{' or (byte)'[' or (byte)'"')
            && !content.ContainsAnyExceptInRange((byte)'!', (byte)'~')
            ? Encoding.UTF8.GetString(content)
            : null;
    }

    /// <summary>True for one line of printable ASCII that does not begin as JSON does.</summary>
    private static bool IsLine(ReadOnlySpan<byte> content)
    {
        content = content.Trim(" \t\r\n"u8);
        return content.Length > 0 && content[0] is not ((byte)'{' or (byte)'[' or (byte)'"') && !content.ContainsAnyExceptInRange((byte)' ', (byte)'~');
    }

    private static void CheckLength(JsonFields document, string name, SecretValue? token, int max)
    {
        if (token?.Reveal().Length > max)
            throw document.Wrong(name, string.Create(CultureInfo.InvariantCulture, $"at most {max} characters"));
    }

    /// <inheritdoc cref="Read(ReadOnlySpan{byte}, string, bool)"/>
    public static Seed Read(string content, string source) => Read(Encoding.UTF8.GetBytes(content), source);
}
