// Reads the Secrets that users provide: the OAuth client and the seed. No other folder sees their data.
using System.Collections.Concurrent;
using k8s.Models;
using KubeRuntime;
using KubeRuntime.Client;
using KubeRuntime.Watching;
using TokenOperator.Api;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;
using TokenOperator.Publishing;

namespace TokenOperator.Inputs;

/// <summary>
/// Reads each input Secret when it is needed. The watch knows each Secret's version, so a Secret that does not exist
/// costs no request, and a client that many objects name is read once for each of its versions.
/// </summary>
public sealed class InputReader(ResourceClient api, IResourceCache<SecretInfo> secrets)
{
    private static readonly ResourceKind Kind = ResourceKind.Of<V1Secret>();

    private readonly InputCache<(SecretKey Where, ClientCredential Credential), OAuthClient> _clients = new();
    private readonly InputCache<SecretKey, PrivateKey> _keys = new();

    /// <summary>Reads the OAuth client.</summary>
    /// <param name="where">Where it is.</param>
    /// <param name="credential">What its provider expects beside the identifier.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    public async Task<Lookup<OAuthClient>> ReadClientAsync(SecretKey where, ClientCredential credential, CancellationToken cancellationToken)
    {
        if (secrets.Get(where.Secret) is { } known)
            return await _clients.GetAsync((where, credential), known.ResourceVersion, BeginClient).WaitAsync(cancellationToken);
        _clients.Remove((where, credential));
        return new Lookup<OAuthClient>.Absent($"Secret {where.Secret} does not exist. Create it with {SecretDataReader.ExpectedClient(credential, where.Key)}.");
    }

    /// <summary>Reads the private key.</summary>
    public async Task<Lookup<PrivateKey>> ReadKeyAsync(SecretKey where, CancellationToken cancellationToken)
    {
        if (secrets.Get(where.Secret) is { } known)
            return await _keys.GetAsync(where, known.ResourceVersion, BeginKey).WaitAsync(cancellationToken);
        _keys.Remove(where);
        return NoSecret<PrivateKey>(where, "the private key, in PEM or as the JSON key of a service account");
    }

    /// <summary>Reads the seed. It is not cached, because it is needed once.</summary>
    /// <param name="where">Where it is.</param>
    /// <param name="takesAccessToken">True for a provider with access tokens that never expire.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    public async Task<Lookup<Seed>> ReadSeedAsync(SecretKey where, bool takesAccessToken, CancellationToken cancellationToken) =>
        secrets.Get(where.Secret) is null
            ? NoSecret<Seed>(where, "the token file to import")
            : await ReadAsync(where, Reasons.SeedMissing, Reasons.SeedInvalid, (data, key, place) => SecretDataReader.FindSeed(data, key, place, takesAccessToken),
                "a token file, or a refresh token alone, as this key or as refresh-token", cancellationToken);

    private Task<Lookup<OAuthClient>> BeginClient((SecretKey Where, ClientCredential Credential) key) =>
        ReadAsync(
            key.Where, Reasons.ClientSecretMissing, Reasons.ClientSecretInvalid, (data, name, place) => SecretDataReader.FindClient(data, name, place, key.Credential),
            SecretDataReader.ExpectedClient(key.Credential, key.Where.Key), CancellationToken.None);

    private Task<Lookup<PrivateKey>> BeginKey(SecretKey where) =>
        ReadAsync(where, Reasons.PrivateKeyMissing, Reasons.PrivateKeyInvalid, FindKey, "the private key as this key", CancellationToken.None);

    private static PrivateKey? FindKey(IDictionary<string, byte[]> data, string key, Func<string, string> place) =>
        data.TryGetValue(key, out var content) ? PrivateKeyReader.Read(content, place(key)) : null;

    private async Task<Lookup<T>> ReadAsync<T>(
        SecretKey where, string missing, string invalid, Func<IDictionary<string, byte[]>, string, Func<string, string>, T?> find, string expected, CancellationToken cancellationToken)
        where T : class
    {
        var secret = await api.GetAsync<V1Secret>(Kind, where.Secret, cancellationToken);
        try
        {
            if (secret?.Data is { } data && find(data, where.Key, key => (where with { Key = key }).ToString()) is { } found)
                return new Lookup<T>.Found(found);
            var keys = DisplayText.List(secret?.Data?.Keys.Order(StringComparer.Ordinal) ?? Enumerable.Empty<string>(), none: "no keys");
            return new Lookup<T>.Faulty(new Problem(missing, $"Secret {where.Secret} has no key {where.Key}. It has {keys}. Add {expected}, or name the correct key in the spec."));
        }
        catch (InvalidDocumentException e)
        {
            return new Lookup<T>.Faulty(new Problem(invalid, e.Message));
        }
    }

    private static Lookup<T> NoSecret<T>(SecretKey where, string what)
        where T : class =>
        new Lookup<T>.Absent($"Secret {where.Secret} does not exist. Create it with the key {where.Key} holding {what}.");
}

/// <summary>
/// Remembers what Secrets held, by their versions. After a restart, many objects need the same Secret at once. One request serves all of
/// them, even if one stops waiting.
/// </summary>
internal sealed class InputCache<TKey, T>
    where TKey : struct
    where T : class
{
    private const int MaxEntries = 1000;

    private readonly ConcurrentDictionary<TKey, (string Version, Lazy<Task<Lookup<T>>> Reading)> _entries = new();

    /// <summary>The content of this version.</summary>
    public Task<Lookup<T>> GetAsync(TKey where, string version, Func<TKey, Task<Lookup<T>>> read)
    {
        if (_entries.Count > MaxEntries)
            _entries.Clear();
        (string, Lazy<Task<Lookup<T>>>) Begin() => (version, new Lazy<Task<Lookup<T>>>(() => read(where)));
        return _entries.AddOrUpdate(where, _ => Begin(), (_, old) => old.Version == version && !old.Reading.IsFailed() ? old : Begin()).Reading.Value;
    }

    /// <summary>Forgets a Secret that is gone.</summary>
    public void Remove(TKey where) => _entries.TryRemove(where, out _);
}

/// <summary>Distinguishes a read that failed from one that runs or succeeded.</summary>
internal static class LazyTasks
{
    /// <summary>True if the task was started and threw.</summary>
    public static bool IsFailed<T>(this Lazy<Task<T>> lazy) => lazy is { IsValueCreated: true, Value: { IsFaulted: true } or { IsCanceled: true } };
}
