// The input of a decision. Values only, no I/O.
using KubeRuntime;
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
    public V1Beta1OAuthToken.EntityStatus? Status { get; init; }

    /// <summary>What the name of the provider means.</summary>
    public required ProviderState ProviderState { get; init; }

    /// <summary>What is known about the account's provider; null if it cannot be used.</summary>
    public ProviderDocument? Provider => (ProviderState as ProviderState.Usable)?.Document;

    /// <summary>The row in Postgres.</summary>
    public Lookup<AccountRecord> Account { get; init; } = new Lookup<AccountRecord>.NotRead();

    /// <summary>The OAuth client.</summary>
    public Lookup<OAuthClient> Client { get; init; } = new Lookup<OAuthClient>.NotRead();

    /// <summary>The private key.</summary>
    public Lookup<PrivateKey> Key { get; init; } = new Lookup<PrivateKey>.NotRead();

    /// <summary>The seed.</summary>
    public Lookup<Seed> Seed { get; init; } = new Lookup<Seed>.NotRead();

    /// <summary>The UID of the object's namespace.</summary>
    public Lookup<NamespaceUid> Namespace { get; init; } = new Lookup<NamespaceUid>.NotRead();

    /// <summary>The namespace as one that asks for the account.</summary>
    public AccountUser User => new(Request.Owner.Namespace, Namespace is Lookup<NamespaceUid>.Found { Value.Value: var uid } ? uid : null);

    /// <summary>Why the provider cannot serve the grant of the spec: the end of a sentence; null if it can.</summary>
    public string? GrantUnsupported { get; init; }

    /// <summary>Who may use the operator's own identity.</summary>
    public WorkloadIdentityAccess WorkloadIdentity { get; init; } = new(IsConfigured: false, []);

    /// <summary>The older objects with the same account, oldest first. The first that may use the account decides what its token is for.</summary>
    public IReadOnlyList<OlderObject> OlderObjects { get; init; } = [];

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

/// <summary>An object that names an account.</summary>
/// <param name="Owner">The object.</param>
/// <param name="GrantInputs">What the token must have been issued for; null for a refresh token.</param>
public sealed record OlderObject(NamespacedName Owner, string? GrantInputs);

/// <summary>Who may use the operator's own identity.</summary>
/// <param name="IsConfigured">True if the operator has one.</param>
/// <param name="Namespaces">The namespaces that an administrator listed.</param>
public sealed record WorkloadIdentityAccess(bool IsConfigured, IReadOnlyList<string> Namespaces);
