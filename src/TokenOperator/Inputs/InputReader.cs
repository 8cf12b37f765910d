// Reads the Secrets that users provide: the OAuth client and the seed. The only place that sees their data.
using System.Collections.Concurrent;
using k8s.Models;
using KubeRuntime;
using KubeRuntime.Client;
using KubeRuntime.Watching;
using TokenOperator.Api;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Publishing;

namespace TokenOperator.Inputs;

/// <summary>
/// Reads input Secrets one by one when they are needed. The watch knows each Secret's version, so a Secret that is not
/// there costs no request, and a client that many objects name is read once for each of its versions.
/// </summary>
public sealed class InputReader(ResourceClient api, IResourceCache<SecretInfo> secrets)
{
    private const int MostClients = 1000;
    private static readonly ResourceKind Kind = ResourceKind.Of<V1Secret>();

    private readonly ConcurrentDictionary<SecretKey, (string Version, Lazy<Task<Lookup<OAuthClient>>> Reading)> _clients = new();

    /// <summary>The OAuth client there.</summary>
    public async Task<Lookup<OAuthClient>> ReadClientAsync(SecretKey where, CancellationToken ct)
    {
        if (secrets.Get(where.Secret) is not { } known)
        {
            _clients.TryRemove(where, out _);
            return NoSecret<OAuthClient>(where, "the OAuth client (credentials.json from the Google console)");
        }

        if (_clients.Count > MostClients)
            _clients.Clear();
        // Many objects at once ask for the same client after a restart: one request answers them all, whoever gives up waiting.
        var entry = _clients.AddOrUpdate(
            where,
            _ => (known.ResourceVersion, Begin(where)),
            (_, old) => old.Version == known.ResourceVersion && !old.Reading.IsFailed() ? old : (known.ResourceVersion, Begin(where)));
        return await entry.Reading.Value.WaitAsync(ct);
    }

    /// <summary>The seed there. Never kept: it is needed once.</summary>
    public async Task<Lookup<Seed>> ReadSeedAsync(SecretKey where, CancellationToken ct) =>
        secrets.Get(where.Secret) is null
            ? NoSecret<Seed>(where, "the token file to import")
            : await ReadAsync(where, Reasons.SeedMissing, Reasons.SeedInvalid, SeedFileReader.Read, ct);

    private Lazy<Task<Lookup<OAuthClient>>> Begin(SecretKey where) => new(() =>
        ReadAsync(where, Reasons.ClientSecretMissing, Reasons.ClientSecretInvalid, ClientFileReader.Read, CancellationToken.None));

    private async Task<Lookup<T>> ReadAsync<T>(
        SecretKey where, string missing, string invalid, Reader<T> read, CancellationToken ct)
        where T : class
    {
        var secret = await api.GetAsync<V1Secret>(Kind, where.Secret, ct);
        if (secret?.Data is null || !secret.Data.TryGetValue(where.Key, out var content))
        {
            var keys = secret?.Data is { Count: > 0 } data ? string.Join(", ", data.Keys.Order(StringComparer.Ordinal)) : "no keys";
            return new Lookup<T>.Faulty(missing, $"{where} is not there; the Secret has {keys}. Add the key, or name the right one in the spec.", NeedsHuman: true);
        }

        try
        {
            return new Lookup<T>.Found(read(content, where.ToString()));
        }
        catch (InvalidDocumentException e)
        {
            return new Lookup<T>.Faulty(invalid, e.Message, NeedsHuman: true);
        }
    }

    private delegate T Reader<out T>(ReadOnlySpan<byte> content, string source);

    private static Lookup<T> NoSecret<T>(SecretKey where, string what)
        where T : class =>
        new Lookup<T>.Absent($"Secret {where.Secret} does not exist. Create it with the key {where.Key} holding {what}.");
}

/// <summary>Tells a reading that failed from one that goes on or is done.</summary>
internal static class LazyTasks
{
    /// <summary>True when the task was begun and threw.</summary>
    public static bool IsFailed<T>(this Lazy<Task<T>> lazy) => lazy is { IsValueCreated: true, Value: { IsFaulted: true } or { IsCanceled: true } };
}
