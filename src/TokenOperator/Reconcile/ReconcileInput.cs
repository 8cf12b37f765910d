// The input of a decision. Values only, no I/O.
using TokenOperator.Api;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Inputs;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.Registry;
using TokenOperator.Refreshing;

namespace TokenOperator.Reconcile;

/// <summary>Everything that is known of one OAuthToken at one moment.</summary>
public sealed record ReconcileInput
{
    /// <summary>The moment, by the account's own time.</summary>
    public required DateTimeOffset Now { get; init; }

    /// <summary>What the object asks for.</summary>
    public required TokenRequest Request { get; init; }

    /// <summary>What is wrong with the spec, or null.</summary>
    public string? SpecError { get; init; }

    /// <summary>The current status, or null.</summary>
    public V1Alpha1OAuthToken.EntityStatus? Status { get; init; }

    /// <summary>What the name of the provider means.</summary>
    public required ProviderState ProviderState { get; init; }

    /// <summary>What is known about the account's provider; null if it cannot be used.</summary>
    public ProviderDocument? Provider => (ProviderState as ProviderState.Usable)?.Document;

    /// <summary>The row in Postgres.</summary>
    public Lookup<AccountRecord> Account { get; init; } = new Lookup<AccountRecord>.NotRead();

    /// <summary>The OAuth client.</summary>
    public Lookup<OAuthClient> Client { get; init; } = new Lookup<OAuthClient>.NotRead();

    /// <summary>The seed.</summary>
    public Lookup<Seed> Seed { get; init; } = new Lookup<Seed>.NotRead();

    /// <summary>The moment before which the client is not used, because the provider rejected it for several accounts; or null.</summary>
    public DateTimeOffset? ClientRejectedUntil { get; init; }

    /// <summary>When the provider accepted the client for one of its accounts after it had rejected it for another; or null.</summary>
    public DateTimeOffset? ClientAcceptedAt { get; init; }

    /// <summary>Why Postgres cannot be used now, or null.</summary>
    public string? StoreError { get; init; }

    /// <summary>What is known of the account's refresh.</summary>
    public RefreshState Refresh { get; init; } = RefreshState.Idle.Instance;

    /// <summary>False while the account's newest token is in memory only.</summary>
    public bool IsPersisted { get; init; } = true;

    /// <summary>The scope and the name under which this process leads.</summary>
    public (string Scope, string Holder) Leader { get; init; }

    /// <summary>True if an annotation requests a refresh that has not been attempted yet.</summary>
    public bool RefreshRequested { get; init; }

    /// <summary>True if the spec has changed since the last attempt: one attempt needs no backoff.</summary>
    public bool SpecChanged { get; init; }

    /// <summary>The scopes of the spec that <paramref name="token"/> lacks; none if the provider never named the granted scopes.</summary>
    public IReadOnlyList<string> MissingScopes(TokenSet token) => (Provider?.Scopes ?? new ScopeRules()).Missing(Request.Scopes, token.Scopes);
}
