using System.Text;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Core.Documents;

/// <summary>
/// Reads a client or a seed from the data of a Secret: from a document under one key, or from one key for each value, such as
/// <c>client-id</c> and <c>client-secret</c>. Case, hyphens, underscores and a prefix of such a key do not matter.
/// </summary>
public static class SecretDataReader
{
    private const string ClientId = "clientid";
    private const string ClientSecret = "clientsecret";
    private const string RefreshToken = "refreshtoken";
    private const string AccessToken = "accesstoken";

    /// <summary>The second names are those of a Secret of the type kubernetes.io/tls.</summary>
    private static readonly string[] PrivateKey = ["privatekey", "tlskey"];

    private static readonly string[] Certificate = ["certificate", "tlscrt"];
    private const string KeyId = "keyid";

    private static readonly string[] ClientParts = [ClientId, ClientSecret, KeyId, .. PrivateKey, .. Certificate];

    /// <summary>What a Secret with a client must have, for messages.</summary>
    /// <param name="credential">What the provider expects beside the identifier.</param>
    /// <param name="key">The key that the spec names.</param>
    public static string ExpectedClient(ClientCredential credential, string key) => credential switch
    {
        ClientCredential.Secret => $"the keys client-id and client-secret, or a client file (credentials.json) as the key {key}",
        ClientCredential.None => $"the key client-id, or a client file (credentials.json) as the key {key}",
        ClientCredential.RsaKey or ClientCredential.EllipticCurveKey => "the keys client-id and private-key",
        _ => "the keys client-id, private-key and certificate",
    };

    /// <summary>Reads the OAuth client.</summary>
    /// <param name="data">The keys of the Secret with their content.</param>
    /// <param name="key">The key that the spec names.</param>
    /// <param name="place">What messages call a key.</param>
    /// <param name="credential">What the provider expects beside the identifier.</param>
    /// <returns>Null if neither the key nor a key for each value exists.</returns>
    /// <exception cref="InvalidDocumentException">The content is not a client.</exception>
    public static OAuthClient? FindClient(IDictionary<string, byte[]> data, string key, Func<string, string> place, ClientCredential credential = ClientCredential.Secret)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(place);
        // A spec can also name the key with one of the values itself.
        var found = data.TryGetValue(key, out var document) && !ClientParts.Any(name => IsNamed(key, name))
            ? ClientFileReader.Read(document, place(key), needsSecret: credential == ClientCredential.Secret)
            : FindParts(data, place, credential);
        return credential switch
        {
            ClientCredential.Secret => found,
            ClientCredential.None => found is null ? null : new OAuthClient(found.ClientId, null),
            _ => found is null ? null : new OAuthClient(found.ClientId, null, ReadKey(data, key, place, credential)),
        };
    }

    private static OAuthClient? FindParts(IDictionary<string, byte[]> data, Func<string, string> place, ClientCredential credential)
    {
        var (id, secret) = (FindKey(data, ClientId, place), FindKey(data, ClientSecret, place));
        return (id, secret) switch
        {
            (null, null) => null,
            (null, _) => throw new InvalidDocumentException($"{place(secret!)}: a client secret was found, but no key such as client-id. Add it."),
            (_, null) when credential == ClientCredential.Secret => throw new InvalidDocumentException($"{place(id)}: a client ID was found, but no key such as client-secret. Add it."),
            _ => new OAuthClient(Value(data[id], place(id)), credential == ClientCredential.Secret ? new SecretValue(Value(data[secret!], place(secret!))) : null),
        };
    }

    private static ClientKey ReadKey(IDictionary<string, byte[]> data, string key, Func<string, string> place, ClientCredential credential)
    {
        var needsCertificate = credential is ClientCredential.RsaCertificate or ClientCredential.EllipticCurveCertificate;
        var privateKey = FindAny(data, PrivateKey, place)
            ?? throw new InvalidDocumentException($"{place(key)}: the Secret has no key such as private-key or tls.key, and the provider expects a client that signs with its private key. Add it.");
        var certificate = FindAny(data, Certificate, place);
        if (needsCertificate && certificate is null)
            throw new InvalidDocumentException($"{place(privateKey)}: a private key was found, but no key such as certificate or tls.crt. Add the certificate that the provider knows.");
        var keyId = FindKey(data, KeyId, place);
        return ClientKeyReader.Read(
            (data[privateKey], place(privateKey)), needsCertificate ? (data[certificate!], place(certificate!)) : null, keyId is null ? null : Value(data[keyId], place(keyId)),
            credential is ClientCredential.EllipticCurveKey or ClientCredential.EllipticCurveCertificate ? PrivateKeyKind.EllipticCurve : PrivateKeyKind.Rsa);
    }

    /// <summary>Reads the seed. A key such as <c>refresh-token</c> serves if the key that the spec names does not exist.</summary>
    /// <param name="data">The keys of the Secret with their content.</param>
    /// <param name="key">The key that the spec names.</param>
    /// <param name="place">What messages call a key.</param>
    /// <param name="takesAccessToken">True for a provider with access tokens that never expire: one of them is a seed, too, also alone.</param>
    /// <returns>Null if there is no such key.</returns>
    /// <exception cref="InvalidDocumentException">The content is not a seed.</exception>
    public static Seed? FindSeed(IDictionary<string, byte[]> data, string key, Func<string, string> place, bool takesAccessToken = false)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(place);
        if (!data.ContainsKey(key) && FindKey(data, RefreshToken, place) is { } refreshToken)
            return SeedFileReader.Read(data[refreshToken], place(refreshToken));
        var found = data.ContainsKey(key) ? key : takesAccessToken ? FindKey(data, AccessToken, place) : null;
        return found is null ? null : SeedFileReader.Read(data[found], place(found), takesAccessToken);
    }

    private static string? FindAny(IDictionary<string, byte[]> data, IEnumerable<string> names, Func<string, string> place) =>
        names.Select(name => FindKey(data, name, place)).FirstOrDefault(key => key is not null);

    private static string? FindKey(IDictionary<string, byte[]> data, string name, Func<string, string> place)
    {
        string[] keys = [.. data.Keys.Where(key => IsNamed(key, name)).Order(StringComparer.Ordinal)];
        return keys.Length > 1
            ? throw new InvalidDocumentException($"{place(keys[0])}: the Secret also has the key {keys[1]}, which could be meant as well. Keep one of them.")
            : keys.FirstOrDefault();
    }

    private static bool IsNamed(string key, string name) =>
        string.Concat(key.Where(char.IsAsciiLetterOrDigit)).EndsWith(name, StringComparison.OrdinalIgnoreCase);

    private static string Value(ReadOnlySpan<byte> content, string source)
    {
        var text = Encoding.UTF8.GetString(content).TrimEnd('\r', '\n');
        return CredentialSyntax.IsValid(text)
            ? text
            : throw new InvalidDocumentException(
                $"{source}: {Found(text)}, and one line of printable ASCII characters was expected: the value itself, without quotation marks or spaces around it.");
    }

    private static string Found(string text) =>
        text.Length == 0 ? "it is empty"
        : text.AsSpan().IndexOfAny('\r', '\n') >= 0 ? $"it has {text.AsSpan().Count('\n') + 1} lines"
        : "it has a character that is not allowed";
}
