using System.Text;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Core.Documents;

/// <summary>What a token file holds.</summary>
/// <param name="Token">With a refresh token.</param>
/// <param name="ClientId">The client that the refresh token belongs to, when the file says so: with any other it is refused.</param>
/// <param name="Client">That client with its secret, when the file holds both.</param>
public sealed record Seed(TokenSet Token, string? ClientId, OAuthClient? Client)
{
    /// <summary>Changes when the refresh token does: tells a seed that was imported before from a new one.</summary>
    public string Fingerprint { get; } = Tokens.Fingerprint.Of(Token.RefreshToken?.Reveal());
}

/// <summary>
/// Reads the token files that applications keep: google-auth's to_json, gcloud's application default credentials,
/// gmail-sdk, Node googleapis, rclone, .NET FileDataStore. A token_uri in it is ignored: no file decides where secrets
/// are sent.
/// </summary>
public static class SeedFileReader
{
    private const string Expected = "a token file with a refresh_token";

    /// <summary>Reads <paramref name="content"/>, which messages call <paramref name="source"/>.</summary>
    /// <exception cref="InvalidDocumentException">There is no refresh token in it, or a field cannot be read.</exception>
    public static Seed Read(ReadOnlySpan<byte> content, string source)
    {
        var document = new JsonFields(JsonInput.ReadObject(content, source), source);
        DocumentKind.RefuseOtherCredentials(document, source, Expected);
        if (!document.Has("refresh_token") && DocumentKind.ConsoleClient(document) is not null)
        {
            throw new InvalidDocumentException(
                $"{source}: an OAuth client file (credentials.json) was found, {Expected} was expected: the file that the application wrote after consent, often token.json.");
        }

        var token = TokenFields.Read(document);
        if (token.RefreshToken is null)
        {
            throw document.Wrong("refresh_token",
                "a refresh token, and it is missing or empty: without one the access token cannot be renewed when it ends. "
                + "Ask the user for consent once more with access_type=offline and prompt=consent, and use the file that comes of it");
        }

        var id = document.Credential("client_id");
        var secret = document.Secret("client_secret");
        return new Seed(token, id, id is not null && secret is not null ? new OAuthClient(id, secret) : null);
    }

    /// <inheritdoc cref="Read(ReadOnlySpan{byte}, string)"/>
    public static Seed Read(string content, string source) => Read(Encoding.UTF8.GetBytes(content), source);
}
