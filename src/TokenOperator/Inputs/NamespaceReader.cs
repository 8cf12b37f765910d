using System.Collections.Concurrent;
using System.Net;
using KubeRuntime;
using KubeRuntime.Client;
using KubeRuntime.Watching;
using Microsoft.Extensions.Logging;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Inputs;

/// <summary>Identifies a namespace: one that is deleted and created again has another UID.</summary>
/// <param name="Value">Its UID.</param>
public sealed record NamespaceUid(string Value);

/// <summary>
/// Reads the UID of each namespace once for as long as it holds OAuthTokens without a break. A namespace cannot be deleted before its
/// OAuthTokens are, so an OAuthToken in a namespace that was created again never gets the UID of the earlier one.
/// </summary>
public sealed partial class NamespaceReader(ResourceClient api, IResourceCache<V1Beta1OAuthToken> entities, TimeProvider time, ILogger<NamespaceReader> logger)
{
    /// <summary>After this time, a namespace that could not be read is read again.</summary>
    public static readonly TimeSpan RetryDenied = TimeSpan.FromMinutes(1);

    private const int MaxKnown = 10_000;
    private static readonly ResourceKind Kind = new("", "v1", "Namespace", "namespaces");

    private readonly ConcurrentDictionary<string, KnownNamespace> _known = new(StringComparer.Ordinal);

    /// <summary>The UID of the namespace <paramref name="ns"/>, or why the operator may not read it.</summary>
    public async Task<Lookup<NamespaceUid>> ReadAsync(string ns, CancellationToken cancellationToken)
    {
        var presence = entities.PresenceOf(ns);
        if (presence == 0)
        {
            _known.TryRemove(ns, out _);
            return await GetAsync(ns, cancellationToken);
        }

        if (_known.Count > MaxKnown)
            _known.Clear();
        // The request of an earlier presence can end after that presence: it stays in its own entry.
        var known = _known.AddOrUpdate(ns, _ => Begin(ns, presence), (_, old) => old.Presence == presence && !old.Reading.IsFailed() && !IsOver(old) ? old : Begin(ns, presence));
        return await known.Reading.Value.WaitAsync(cancellationToken);
    }

    /// <summary>The namespace as one that asks for an account.</summary>
    public async Task<AccountUser> UserAsync(string ns, CancellationToken cancellationToken) =>
        new(ns, await ReadAsync(ns, cancellationToken) is Lookup<NamespaceUid>.Found { Value: var uid } ? uid.Value : null);

    private KnownNamespace Begin(string ns, long presence) => new(presence, time.GetTimestamp(), new(() => GetAsync(ns, CancellationToken.None)));

    private bool IsOver(KnownNamespace known) =>
        known.Reading is { IsValueCreated: true, Value: { IsCompletedSuccessfully: true, Result: not Lookup<NamespaceUid>.Found } } && time.GetElapsedTime(known.At) > RetryDenied;

    private async Task<Lookup<NamespaceUid>> GetAsync(string ns, CancellationToken cancellationToken)
    {
        try
        {
            return await api.GetAsync<PartialObjectMetadata>(Kind, new NamespacedName("", ns), cancellationToken) is { Metadata.Uid: { } uid }
                ? new Lookup<NamespaceUid>.Found(new NamespaceUid(uid))
                : new Lookup<NamespaceUid>.Faulty(new Problem(Reasons.NamespaceNotVerified, ConditionMessages.NamespaceGone(ns)));
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Forbidden)
        {
            LogForbidden(ns, ConditionMessages.NamespaceRule);
            return new Lookup<NamespaceUid>.Faulty(new Problem(Reasons.NamespaceNotVerified, ConditionMessages.NamespaceForbidden(ns)));
        }
    }

    /// <param name="Presence">The number of <see cref="IResourceCache{TItem}.PresenceOf"/> when it was read.</param>
    /// <param name="At">When the request was planned.</param>
    /// <param name="Reading">The request.</param>
    private sealed record KnownNamespace(long Presence, long At, Lazy<Task<Lookup<NamespaceUid>>> Reading);

    [LoggerMessage(161, LogLevel.Warning, "The operator may not read the namespace {Namespace}, so it cannot tell whether the namespace was deleted and created again. Accounts whose namespace is recorded are not used there. Add to its role: {Rule}")]
    private partial void LogForbidden(string @namespace, string rule);
}
