using System.Text;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Core.Documents;

/// <summary>
/// Reads the OAuth client from a <c>credentials.json</c> of the Google console (<c>installed</c> or <c>web</c>; with both,
/// <c>installed</c> takes precedence, as in Google's own library), or from any document with client_id and client_secret at its top level.
/// Addresses in it are ignored: no file decides where secrets are sent.
/// </summary>
public static class ClientFileReader
{
    private const string Expected = "an OAuth client file (credentials.json, with installed or web), or a document with client_id and client_secret,";

    /// <summary>Reads <paramref name="content"/>. Messages call it <paramref name="source"/>.</summary>
    /// <param name="content">The file.</param>
    /// <param name="source">What messages call it.</param>
    /// <param name="needsSecret">False for a client that has no secret.</param>
    /// <exception cref="InvalidDocumentException">It has no client.</exception>
    public static OAuthClient Read(ReadOnlySpan<byte> content, string source, bool needsSecret = true)
    {
        var document = new JsonFields(JsonInput.ReadObject(content, source), source);
        DocumentKind.RejectOtherCredentials(document, source, Expected);
        var client = DocumentKind.ConsoleClient(document) ?? document;
        var id = client.Credential("client_id");
        var secret = client.Secret("client_secret");
        if (id is null && document.Has("refresh_token"))
            throw new InvalidDocumentException($"{source}: a token file without a client was found, {Expected} was expected. Put the client's credentials.json there.");
        if (id is null && secret is null && !client.Has("client_id") && !client.Has("client_secret") && DocumentKind.ConsoleClient(document) is null)
            throw new InvalidDocumentException($"{source}: {Expected} was expected, but none of these fields is present.");
        if (id is null)
            throw client.Wrong("client_id", "the client's identifier, but it is missing or empty");
        return secret is null && needsSecret
            ? throw client.Wrong("client_secret", "the client's secret, but it is missing or empty; create one for this client in the provider's console")
            : new OAuthClient(id, secret);
    }

    /// <inheritdoc cref="Read(ReadOnlySpan{byte}, string, bool)"/>
    public static OAuthClient Read(string content, string source) => Read(Encoding.UTF8.GetBytes(content), source);
}
