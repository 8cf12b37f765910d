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
    private const int MaxClients = 1000;
    private static readonly ResourceKind Kind = ResourceKind.Of<V1Secret>();

    private readonly ConcurrentDictionary<(SecretKey Where, ClientCredential Credential), (string Version, Lazy<Task<Lookup<OAuthClient>>> Reading)> _clients = new();

    /// <summary>Reads the OAuth client.</summary>
    /// <param name="where">Where it is.</param>
    /// <param name="credential">What its provider expects beside the identifier.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    public async Task<Lookup<OAuthClient>> ReadClientAsync(SecretKey where, ClientCredential credential, CancellationToken cancellationToken)
    {
        if (secrets.Get(where.Secret) is not { } known)
        {
            _clients.TryRemove((where, credential), out _);
            return NoSecret<OAuthClient>(where, "the OAuth client (credentials.json from the Google console)");
        }

        if (_clients.Count > MaxClients)
            _clients.Clear();
        // After a restart, many objects need the same client at once. One request serves all of them, even if one stops waiting.
        var entry = _clients.AddOrUpdate(
            (where, credential),
            _ => (known.ResourceVersion, Begin(where, credential)),
            (_, old) => old.Version == known.ResourceVersion && !old.Reading.IsFailed() ? old : (known.ResourceVersion, Begin(where, credential)));
        return await entry.Reading.Value.WaitAsync(cancellationToken);
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

    private Lazy<Task<Lookup<OAuthClient>>> Begin(SecretKey where, ClientCredential credential) => new(() =>
        ReadAsync(
            where, Reasons.ClientSecretMissing, Reasons.ClientSecretInvalid, (data, key, place) => SecretDataReader.FindClient(data, key, place, credential),
            credential switch
            {
                ClientCredential.Secret => "the client's credentials.json as this key, or the keys client-id and client-secret",
                ClientCredential.None => "the key client-id",
                ClientCredential.RsaKey or ClientCredential.EllipticCurveKey => "the keys client-id and private-key",
                _ => "the keys client-id, private-key and certificate",
            },
            CancellationToken.None));

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
            return new Lookup<T>.Faulty(new Problem(missing, $"The key {where} does not exist. The Secret has {keys}. Add {expected}, or name the correct key in the spec."));
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

/// <summary>Distinguishes a read that failed from one that runs or succeeded.</summary>
internal static class LazyTasks
{
    /// <summary>True if the task was started and threw.</summary>
    public static bool IsFailed<T>(this Lazy<Task<T>> lazy) => lazy is { IsValueCreated: true, Value: { IsFaulted: true } or { IsCanceled: true } };
}
