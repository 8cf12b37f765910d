using KubeRuntime;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Refreshing;

/// <summary>What the provider's answers for its accounts say about a client.</summary>
/// <param name="HeldFor">How long the accounts that have worked with it do not ask; null if nothing is held.</param>
/// <param name="AcceptedAgo">How long ago the provider accepted it for one of its accounts after it had rejected it for another; or null.</param>
public readonly record struct ClientReputation(TimeSpan? HeldFor, TimeSpan? AcceptedAgo);

/// <summary>
/// The clients that a provider rejects. A deleted client breaks all of its accounts, so they need not all ask. But one account proves
/// nothing: <c>invalid_client</c> can be true of one refresh token only. The other accounts wait only after the provider has rejected the client
/// for two different refresh tokens that it had accepted before: anyone can bring refresh tokens that never worked with it. For a grant without a refresh
/// token, what it asks for takes that place. A client with another secret or key is another client. One success ends the wait. An account that waits may ask every few minutes, because only such an account
/// can succeed. It uses the monotonic clock.
/// </summary>
public sealed class RejectedClients(IAccountQueue queue, TimeProvider time)
{
    private const int MinTokens = 2;
    private const int MaxClients = 1000;
    private static readonly TimeSpan FirstHold = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan MaxHold = TimeSpan.FromMinutes(5);

    private readonly Lock _sync = new();
    private readonly Dictionary<(string Provider, string Client), Verdict> _clients = [];

    /// <summary>What is known of the client. <paramref name="owner"/> is reconciled again when the client is no longer rejected.</summary>
    public ClientReputation Look(string provider, OAuthClient client, NamespacedName owner)
    {
        lock (_sync)
        {
            if (!_clients.TryGetValue((provider, client.Fingerprint), out var verdict))
                return default;
            if (verdict.Rejections.Count > 0)
                verdict.Waiting.Add(owner);
            return new ClientReputation(HeldFor(verdict), verdict.AcceptedAt is { } at ? time.GetElapsedTime(at) : null);
        }
    }

    /// <summary>True while the accounts that have worked with the client do not ask.</summary>
    public bool IsHeld(string provider, string fingerprint)
    {
        lock (_sync)
            return _clients.TryGetValue((provider, fingerprint), out var verdict) && HeldFor(verdict) is not null;
    }

    /// <summary>Notes that the client was rejected for the account.</summary>
    public void Reject(AccountRecord account, OAuthClient client)
    {
        lock (_sync)
        {
            var key = (account.Key.Provider, client.Fingerprint);
            if (_clients.Count >= MaxClients && !_clients.ContainsKey(key))
                _clients.Clear();
            if (!_clients.TryGetValue(key, out var verdict))
                _clients[key] = verdict = new Verdict();
            var isHeld = HeldFor(verdict) is not null;
            if (!account.HasWorked)
                return;
            verdict.Rejections[account.Key] = account.Token.GrantInputs ?? Fingerprint.Of(account.Token.GrantToken?.Reveal());
            // Otherwise, accounts that are rejected again and again would keep the others from asking.
            if (!isHeld)
                verdict.At = time.GetTimestamp();
        }
    }

    /// <summary>Notes that the client was accepted for one of its accounts.</summary>
    public void Accept(string provider, OAuthClient client)
    {
        HashSet<NamespacedName> waiting;
        lock (_sync)
        {
            if (!_clients.TryGetValue((provider, client.Fingerprint), out var verdict))
                return;
            verdict.Rejections.Clear();
            verdict.AcceptedAt = time.GetTimestamp();
            waiting = verdict.TakeWaiting();
        }

        foreach (var owner in waiting)
            queue.Enqueue(owner);
    }

    /// <summary>Forgets the rejection of an account that no object names any more.</summary>
    public void Forget(AccountKey account)
    {
        var waiting = new HashSet<NamespacedName>();
        lock (_sync)
        {
            foreach (var verdict in _clients.Values)
            {
                if (verdict.Rejections.Remove(account) && verdict.Tokens < MinTokens)
                    waiting.UnionWith(verdict.TakeWaiting());
            }
        }

        foreach (var owner in waiting)
            queue.Enqueue(owner);
    }

    private TimeSpan? HeldFor(Verdict verdict)
    {
        if (verdict.Tokens < MinTokens)
            return null;
        var hold = FirstHold * Math.Pow(2, Math.Min(verdict.Tokens - MinTokens, 10));
        var left = (hold < MaxHold ? hold : MaxHold) - time.GetElapsedTime(verdict.At);
        return left > TimeSpan.Zero ? left : null;
    }

    private sealed class Verdict
    {
        /// <summary>The refresh tokens, as fingerprints, of the accounts for which the client was rejected since it was last accepted.</summary>
        public Dictionary<AccountKey, string> Rejections { get; } = [];

        public HashSet<NamespacedName> Waiting { get; private set; } = [];

        public long At { get; set; }

        public long? AcceptedAt { get; set; }

        public int Tokens => Rejections.Values.Distinct(StringComparer.Ordinal).Count();

        public HashSet<NamespacedName> TakeWaiting()
        {
            var taken = Waiting;
            Waiting = [];
            return taken;
        }
    }
}
