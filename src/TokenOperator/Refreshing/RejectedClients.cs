using System.Collections.Concurrent;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Refreshing;

/// <summary>
/// Clients that a provider refused. <c>invalid_client</c> breaks every account of a client alike, so one refusal stops
/// them all, until the client Secret changes (another fingerprint), a day has passed or somebody asks.
/// </summary>
public sealed class RejectedClients
{
    private readonly ConcurrentDictionary<(string Provider, string Client), DateTimeOffset> _until = new();

    /// <summary>Do not ask with this client before the moment given; null when it may be asked.</summary>
    public DateTimeOffset? Until(string provider, OAuthClient client) =>
        _until.TryGetValue((provider, client.Fingerprint), out var until) ? until : null;

    /// <summary>Notes a refusal.</summary>
    public void Reject(string provider, OAuthClient client, DateTimeOffset until) => _until[(provider, client.Fingerprint)] = until;

    /// <summary>Notes that the client is accepted.</summary>
    public void Accept(string provider, OAuthClient client) => _until.TryRemove((provider, client.Fingerprint), out _);
}
