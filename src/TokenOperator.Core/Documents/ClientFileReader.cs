using System.Text;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Core.Documents;

/// <summary>
/// Reads the OAuth client out of a <c>credentials.json</c> from the Google console (<c>installed</c> or <c>web</c>; with
/// both, <c>installed</c> wins, as in Google's own library), or of any document with client_id and client_secret at its
/// top. Addresses in it are ignored: no file decides where secrets are sent.
/// </summary>
public static class ClientFileReader
{
    private const string Expected = "an OAuth client file from the Google console (with installed or web), or a document with client_id and client_secret,";

    /// <summary>Reads <paramref name="content"/>, which messages call <paramref name="source"/>.</summary>
    /// <exception cref="InvalidDocumentException">There is no client in it.</exception>
    public static OAuthClient Read(ReadOnlySpan<byte> content, string source)
    {
        var document = new JsonFields(JsonInput.ReadObject(content, source), source);
        DocumentKind.RefuseOtherCredentials(document, source, Expected);
        var client = DocumentKind.ConsoleClient(document) ?? document;
        var id = client.Credential("client_id");
        var secret = client.Secret("client_secret");
        if (id is null && document.Has("refresh_token"))
            throw new InvalidDocumentException($"{source}: a token file without a client was found, {Expected} was expected. Put the client's credentials.json there.");
        if (id is null && secret is null && !client.Has("client_id") && !client.Has("client_secret") && DocumentKind.ConsoleClient(document) is null)
            throw new InvalidDocumentException($"{source}: {Expected} was expected, and none of these fields is there.");
        if (id is null)
            throw client.Wrong("client_id", "the client's identifier, and it is missing or empty");
        return secret is null
            ? throw client.Wrong("client_secret", "the client's secret, and it is missing or empty; create one for this client in the Google console")
            : new OAuthClient(id, secret);
    }

    /// <inheritdoc cref="Read(ReadOnlySpan{byte}, string)"/>
    public static OAuthClient Read(string content, string source) => Read(Encoding.UTF8.GetBytes(content), source);
}
