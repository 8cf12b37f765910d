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

    /// <summary>Reads the OAuth client.</summary>
    /// <param name="data">The keys of the Secret with their content.</param>
    /// <param name="key">The key that the spec names.</param>
    /// <param name="place">What messages call a key.</param>
    /// <returns>Null if neither the key nor a key for each value exists.</returns>
    /// <exception cref="InvalidDocumentException">The content is not a client.</exception>
    public static OAuthClient? FindClient(IDictionary<string, byte[]> data, string key, Func<string, string> place)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(place);
        // A spec can also name the key with the secret itself.
        if (data.TryGetValue(key, out var document) && !IsNamed(key, ClientId) && !IsNamed(key, ClientSecret))
            return ClientFileReader.Read(document, place(key));
        var (id, secret) = (FindKey(data, ClientId, place), FindKey(data, ClientSecret, place));
        return (id, secret) switch
        {
            (null, null) => null,
            (null, _) => throw new InvalidDocumentException($"{place(secret!)}: a client secret was found, but no key such as client-id. Add it."),
            (_, null) => throw new InvalidDocumentException($"{place(id)}: a client ID was found, but no key such as client-secret. Add it."),
            _ => new OAuthClient(Value(data[id], place(id)), new SecretValue(Value(data[secret], place(secret)))),
        };
    }

    /// <summary>Reads the seed. A key such as <c>refresh-token</c> serves if the key that the spec names does not exist.</summary>
    /// <inheritdoc cref="FindClient"/>
    public static Seed? FindSeed(IDictionary<string, byte[]> data, string key, Func<string, string> place)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(place);
        return (data.ContainsKey(key) ? key : FindKey(data, RefreshToken, place)) is { } found ? SeedFileReader.Read(data[found], place(found)) : null;
    }

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
            : throw new InvalidDocumentException($"{source}: one line of printable ASCII characters was expected: the value itself, without quotation marks or spaces around it.");
    }
}
