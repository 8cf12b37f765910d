// The one table of reasons. Pure: no I/O. docs/architecture.md says how to add a reason.
// docs/conditions.md is generated from this table: TOKEN_OPERATOR_WRITE_DOCS=1 make test-one NAME=ReasonInfoTests
using System.Collections.Frozen;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Api;

/// <summary>The names of all reasons, for patterns and comparisons; <see cref="ReasonInfo"/> holds what each one means.</summary>
public static class Reasons
{
#pragma warning disable CS1591 // Each meaning stands in ReasonInfo.All.
    public const string Refreshed = nameof(Refreshed);
    public const string Pending = nameof(Pending);
    public const string SeedMissing = nameof(SeedMissing);
    public const string SeedInvalid = nameof(SeedInvalid);
    public const string ClientSecretMissing = nameof(ClientSecretMissing);
    public const string ClientSecretInvalid = nameof(ClientSecretInvalid);
    public const string PrivateKeyMissing = nameof(PrivateKeyMissing);
    public const string PrivateKeyInvalid = nameof(PrivateKeyInvalid);
    public const string ClientRejected = nameof(ClientRejected);
    public const string RequestRejected = nameof(RequestRejected);
    public const string GrantRejected = nameof(GrantRejected);
    public const string KeyRejected = nameof(KeyRejected);
    public const string NotDelegated = nameof(NotDelegated);
    public const string SubjectRejected = nameof(SubjectRejected);
    public const string InstallationMissing = nameof(InstallationMissing);
    public const string ClockSkewed = nameof(ClockSkewed);
    public const string ReauthorizationRequired = nameof(ReauthorizationRequired);
    public const string SessionPolicyReauth = nameof(SessionPolicyReauth);
    public const string AdminPolicyBlocked = nameof(AdminPolicyBlocked);
    public const string ScopesMissing = nameof(ScopesMissing);
    public const string RateLimited = nameof(RateLimited);
    public const string ProviderUnavailable = nameof(ProviderUnavailable);
    public const string InvalidResponse = nameof(InvalidResponse);
    public const string StoreUnavailable = nameof(StoreUnavailable);
    public const string StoredTokenInvalid = nameof(StoredTokenInvalid);
    public const string SecretConflict = nameof(SecretConflict);
    public const string SecretWriteFailed = nameof(SecretWriteFailed);
    public const string AccountNotAllowed = nameof(AccountNotAllowed);
    public const string NamespaceNotVerified = nameof(NamespaceNotVerified);
    public const string QuotaExceeded = nameof(QuotaExceeded);
    public const string UnknownProvider = nameof(UnknownProvider);
    public const string ProviderNotConfigured = nameof(ProviderNotConfigured);
    public const string ProviderInvalid = nameof(ProviderInvalid);
    public const string ProviderMoved = nameof(ProviderMoved);
    public const string InvalidSpec = nameof(InvalidSpec);
    public const string GrantConflict = nameof(GrantConflict);
    public const string WorkloadIdentityNotAllowed = nameof(WorkloadIdentityNotAllowed);
    public const string TokenExpired = nameof(TokenExpired);
    public const string Suspended = nameof(Suspended);
    public const string Deleting = nameof(Deleting);
    public const string CleanupFailed = nameof(CleanupFailed);
    public const string CleanupAbandoned = nameof(CleanupAbandoned);
    public const string FirstToken = nameof(FirstToken);
    public const string Recovered = nameof(Recovered);
    public const string AccountKept = nameof(AccountKept);
    public const string Revoked = nameof(Revoked);
#pragma warning restore CS1591
}

/// <summary>How bad a reason is; it decides <c>Reconciling</c>, <c>Stalled</c> and the type of the event.</summary>
public enum ReasonSeverity
{
    /// <summary>Nothing is wrong: no condition is abnormal, and an event is <c>Normal</c>.</summary>
    None,

    /// <summary>The operator is at work or retries automatically: <c>Reconciling</c> is True.</summary>
    Retrying,

    /// <summary>Someone must act: <c>Stalled</c> is True.</summary>
    Stalled,
}

/// <summary>Who must act.</summary>
public enum ReasonActor
{
    /// <summary>Nobody: nothing is wrong, or the operator retries automatically.</summary>
    Nobody,

    /// <summary>The person whose account it is: only they can consent.</summary>
    AccountOwner,

    /// <summary>The person who manages the OAuthToken and its Secrets in the namespace.</summary>
    NamespaceUser,

    /// <summary>The person who runs the operator, its database and the cluster.</summary>
    OperatorAdministrator,

    /// <summary>The administrator of the organization at the provider.</summary>
    ProviderAdministrator,
}

/// <summary>The kind of step that helps; the plugin has a command for each.</summary>
public enum ReasonRemedy
{
    /// <summary>Nothing to do.</summary>
    None,

    /// <summary>Wait, and read the operator's log if it takes long.</summary>
    ReadLogs,

    /// <summary>Check whether the operator runs.</summary>
    Diagnose,

    /// <summary>Consent again; the operator offers <c>status.authorizationURL</c>.</summary>
    Authorize,

    /// <summary>Provide a token file.</summary>
    Seed,

    /// <summary>Correct what the message names; the operator notices the change.</summary>
    Fix,

    /// <summary>Correct what the message names at the provider, then request a refresh: the operator cannot notice the change.</summary>
    FixThenRefresh,

    /// <summary>Have an administrator allow the account for the namespace.</summary>
    AllowAccount,

    /// <summary>Set <c>spec.suspend</c> to false.</summary>
    Resume,

    /// <summary>Set <c>spec.deletionPolicy</c> to <c>Retain</c>, so that the object can be deleted at once.</summary>
    KeepRow,
}

/// <summary>What one reason means: status, events, metrics, the plugin and docs/conditions.md take it from <see cref="All"/>.</summary>
/// <param name="Name">One of <see cref="Reasons"/>.</param>
/// <param name="Severity">
/// How bad it is. A decision may raise <see cref="ReasonSeverity.Retrying"/> to <see cref="ReasonSeverity.Stalled"/> for its case, as for
/// <see cref="Reasons.StoreUnavailable"/> when the table is not the operator's.
/// </param>
/// <param name="Actor">Who must act.</param>
/// <param name="Remedy">Which kind of step helps.</param>
/// <param name="Meaning">What it means, for docs/conditions.md.</param>
/// <param name="WhatToDo">What to do, for docs/conditions.md.</param>
public sealed record ReasonInfo(string Name, ReasonSeverity Severity, ReasonActor Actor, ReasonRemedy Remedy, string Meaning, string WhatToDo)
{
    /// <summary>Every reason, in the order of docs/conditions.md.</summary>
    public static IReadOnlyList<ReasonInfo> All { get; } =
    [
        new(Reasons.Refreshed, ReasonSeverity.None, ReasonActor.Nobody, ReasonRemedy.None,
            "Everything works.",
            "Nothing.")
        {
            DefaultMessage = "Nothing to do.",
        },
        new(Reasons.Pending, ReasonSeverity.Retrying, ReasonActor.Nobody, ReasonRemedy.Diagnose,
            "The operator has not tried anything yet.",
            "Wait a second. If the reason does not change, check that the operator is running.")
        {
            DefaultMessage = "The first token has not been written yet.",
        },
        new(Reasons.SeedMissing, ReasonSeverity.Stalled, ReasonActor.NamespaceUser, ReasonRemedy.Seed,
            "No refresh token is stored that the namespace may use, and there is nowhere to import one from.",
            "Consent with `kubectl oauthtoken authorize`. If you have a refresh token already, create the Secret and key that the message names, or run `token-operator seed`.")
        {
            SeedHelps = true,
        },
        new(Reasons.SeedInvalid, ReasonSeverity.Stalled, ReasonActor.NamespaceUser, ReasonRemedy.Seed,
            "The seed Secret cannot be read, or belongs to another OAuth client.",
            "Replace its content with the file that the message asks for.")
        {
            SeedHelps = true,
        },
        new(Reasons.ClientSecretMissing, ReasonSeverity.Stalled, ReasonActor.NamespaceUser, ReasonRemedy.Fix,
            "The client Secret or its key does not exist.",
            "Create it."),
        new(Reasons.ClientSecretInvalid, ReasonSeverity.Stalled, ReasonActor.NamespaceUser, ReasonRemedy.Fix,
            "The client Secret cannot be read.",
            "Replace its content with what the message asks for."),
        new(Reasons.PrivateKeyMissing, ReasonSeverity.Stalled, ReasonActor.NamespaceUser, ReasonRemedy.Fix,
            "The Secret with the private key, or its key, does not exist.",
            "Create it."),
        new(Reasons.PrivateKeyInvalid, ReasonSeverity.Stalled, ReasonActor.NamespaceUser, ReasonRemedy.Fix,
            "The Secret holds no private key that can be used: it is encrypted, of the wrong kind, or another file.",
            "Replace its content with what the message asks for ([grants.md](grants.md))."),
        new(Reasons.ClientRejected, ReasonSeverity.Stalled, ReasonActor.NamespaceUser, ReasonRemedy.FixThenRefresh,
            "The provider rejects the OAuth client. If it rejects it for more than one account, the others of this client wait, too, and try in turn every few minutes.",
            "Compare the client ID and secret with the provider's console. If other accounts of the client work, provide a new refresh token.")
        {
            SeedHelps = true,
            FailureMessage = (request, failure) =>
                $"The provider rejects the OAuth client in {request.Credentials} ({failure.Detail}). {ConditionMessages.NewClient(request)}",
        },
        new(Reasons.RequestRejected, ReasonSeverity.Stalled, ReasonActor.NamespaceUser, ReasonRemedy.FixThenRefresh,
            "The provider rejects the request in its current form, for example because another OAuth client obtained the refresh token.",
            "Check that the client and the token file belong together, or authorize the account again.")
        {
            FailureMessage = (request, failure) =>
                $"The provider rejects the request for {request.ShownAccount} ({failure.Detail}). Check spec.scopes, and that {request.ShownClient} and the token file belong together. {ConditionMessages.NewToken(request)}. To retry without a change: {ConditionMessages.Retry(request)}",
            SeedHelps = true,
        },
        new(Reasons.GrantRejected, ReasonSeverity.Stalled, ReasonActor.NamespaceUser, ReasonRemedy.FixThenRefresh,
            "The provider issues no token for this grant, for example because it refuses an audience or a scope. No consent through the operator helps.",
            "Compare the fields that the message names with the provider's console ([grants.md](grants.md)).")
        {
            FailureMessage = (request, failure) =>
                $"The provider issues no token of the grant {request.Grant.Name} for {request.Key} ({failure.Detail}). Compare {ConditionMessages.GrantFields(request)} with the provider's console. {ConditionMessages.AfterThat(request)}",
        },
        new(Reasons.KeyRejected, ReasonSeverity.Stalled, ReasonActor.NamespaceUser, ReasonRemedy.FixThenRefresh,
            "The provider does not accept the signature of the private key: the key was deleted or disabled there, or belongs to another app or service account.",
            "Create a new key at the provider, and put it in the Secret.")
        {
            FailureMessage = (request, failure) =>
                $"The provider does not accept the signature of the key in {request.Credentials} ({failure.Detail}). The key was deleted or disabled, or is of another app or service account. Create a new one at the provider, and put it in the Secret. {ConditionMessages.AfterThat(request)}",
        },
        new(Reasons.NotDelegated, ReasonSeverity.Stalled, ReasonActor.ProviderAdministrator, ReasonRemedy.FixThenRefresh,
            "The service account may not act for the person in `subject`: nobody has delegated that, or the delegation is for other scopes or names the address of the service account instead of its numeric ID. A new delegation can take up to 24 hours to spread.",
            "Delegate the numeric ID of the service account with exactly the scopes of `spec.scopes`: in the Google Admin console, under Security, API controls, domain-wide delegation. Then wait; the operator retries slowly.")
        {
            FailureMessage = (request, failure) =>
                $"The service account of {request.Key} may not act for the subject of the spec ({failure.Detail}). An administrator must delegate its numeric client ID (not its address) with exactly the scopes of spec.scopes, in the Google Admin console under Security, API controls, domain-wide delegation. "
                + $"A delegation can take up to 24 hours to spread; the operator asks again at intervals that grow from an hour to a day. {ConditionMessages.AfterThat(request)}",
        },
        new(Reasons.SubjectRejected, ReasonSeverity.Stalled, ReasonActor.NamespaceUser, ReasonRemedy.FixThenRefresh,
            "The person or account in `subject` does not exist at the provider.",
            "Correct `subject` in the grant's block of the spec.")
        {
            FailureMessage = (request, failure) =>
                $"The subject of {request.Key} does not exist at the provider ({failure.Detail}). Correct subject in the spec. {ConditionMessages.AfterThat(request)}",
        },
        new(Reasons.InstallationMissing, ReasonSeverity.Stalled, ReasonActor.ProviderAdministrator, ReasonRemedy.FixThenRefresh,
            "The GitHub App is not installed where the spec says, or its installation is suspended.",
            "Install the app there or resume its installation, or correct `spec.githubApp`.")
        {
            FailureMessage = (request, failure) =>
                $"The GitHub App of {request.Key} has no installation that can be used ({failure.Detail}). Install the app for this owner, resume its installation, or correct spec.githubApp. {ConditionMessages.AfterThat(request)}",
        },
        new(Reasons.ClockSkewed, ReasonSeverity.Stalled, ReasonActor.OperatorAdministrator, ReasonRemedy.FixThenRefresh,
            "The provider does not accept the times of an assertion, so the clock of the operator's node is wrong.",
            "Synchronize the clock of the node.")
        {
            FailureMessage = (request, failure) =>
                $"The provider does not accept the times of the assertion for {request.Key} ({failure.Detail}). Synchronize the clock of the operator's node. {ConditionMessages.AfterThat(request)}",
        },
        new(Reasons.ReauthorizationRequired, ReasonSeverity.Stalled, ReasonActor.AccountOwner, ReasonRemedy.Authorize,
            "The refresh token no longer works.",
            "Authorize the account again with `kubectl oauthtoken authorize` or the link in `status.authorizationURL` ([authorize.md](authorize.md)), or put a new token file in the seed Secret.")
        {
            FailureMessage = (request, failure) =>
                $"The refresh token of {request.ShownAccount} no longer works ({failure.Detail}). Someone must consent again. {ConditionMessages.NewToken(request)}.",
            SeedHelps = true,
        },
        new(Reasons.SessionPolicyReauth, ReasonSeverity.Stalled, ReasonActor.AccountOwner, ReasonRemedy.Authorize,
            "The session length that the organization allows has ended.",
            "Sign in again, and have the application exempted.")
        {
            FailureMessage = (request, failure) =>
                $"The session length that the organization allows for {request.ShownAccount} has ended ({failure.Detail}). Someone must sign in again. {ConditionMessages.NewToken(request)}. "
                + "To prevent this, ask the administrator to exempt the application from this policy (at Google: Google Cloud session control).",
            SeedHelps = true,
        },
        new(Reasons.AdminPolicyBlocked, ReasonSeverity.Stalled, ReasonActor.ProviderAdministrator, ReasonRemedy.FixThenRefresh,
            "An administrator blocks the application.",
            "Have the application allowed in the admin console.")
        {
            FailureMessage = (request, failure) =>
                $"An administrator of the organization of {request.ShownAccount} blocks the application ({failure.Detail}). "
                + "Ask the administrator to allow the client (at Google: in the Admin console, under Security, API controls; at GitHub: the address of the cluster in the IP allow list), then retry: " + ConditionMessages.Retry(request),
        },
        new(Reasons.ScopesMissing, ReasonSeverity.Stalled, ReasonActor.AccountOwner, ReasonRemedy.Authorize,
            "The account granted fewer scopes than `spec.scopes` requests. The operator publishes the token that it has.",
            "Authorize the account again with all scopes.")
        {
            SeedHelps = true,
            KeepsReady = false,
            IsAboutRefresh = false,
        },
        new(Reasons.RateLimited, ReasonSeverity.Retrying, ReasonActor.Nobody, ReasonRemedy.ReadLogs,
            "The provider asks for fewer requests.",
            "Nothing. The operator retries automatically.")
        {
            FailureMessage = (request, failure) =>
                $"The provider asks for fewer requests ({failure.Detail}). {ConditionMessages.Retries(failure)}",
        },
        new(Reasons.ProviderUnavailable, ReasonSeverity.Retrying, ReasonActor.Nobody, ReasonRemedy.ReadLogs,
            "The provider cannot be reached or has an error.",
            "Nothing, if the failure is temporary. Otherwise, check the network and the provider's status page.")
        {
            FailureMessage = (request, failure) =>
                $"The provider cannot be reached or has an error ({failure.Detail}). {ConditionMessages.Retries(failure)}",
        },
        new(Reasons.InvalidResponse, ReasonSeverity.Retrying, ReasonActor.Nobody, ReasonRemedy.ReadLogs,
            "The provider's response cannot be understood. If that lasts for a day, `Stalled` is True.",
            "Nothing, if the failure is temporary. Otherwise, look for a proxy between the operator and the provider, and look up the code in the message in the provider's documentation. If the consent has ended, authorize the account again.")
        {
            SeedHelps = true,
            FailureMessage = (request, failure) =>
                $"The provider's response cannot be understood ({failure.Detail}). {ConditionMessages.Retries(failure)}",
        },
        new(Reasons.StoreUnavailable, ReasonSeverity.Retrying, ReasonActor.OperatorAdministrator, ReasonRemedy.ReadLogs,
            "The operator cannot use Postgres. The token in the Secret stays.",
            "Check Postgres.")
        {
            DefaultMessage = "The newest token is published but not yet committed in Postgres. The operator retries until it is. Do not stop it before then, and check Postgres.",
        },
        new(Reasons.StoredTokenInvalid, ReasonSeverity.Stalled, ReasonActor.OperatorAdministrator, ReasonRemedy.Fix,
            "The row in Postgres cannot be read or decrypted.",
            "Follow the message: restore the key that it names, fix the row, or delete the row and seed the account again."),
        new(Reasons.SecretConflict, ReasonSeverity.Stalled, ReasonActor.NamespaceUser, ReasonRemedy.Fix,
            "A Secret of that name exists that the operator did not write, or that belongs to another object.",
            "Delete that Secret, or choose another `secretName`.")
        {
            KeepsReady = false,
            IsAboutRefresh = false,
        },
        new(Reasons.SecretWriteFailed, ReasonSeverity.Retrying, ReasonActor.Nobody, ReasonRemedy.ReadLogs,
            "The API server denied the Secret or is unavailable.",
            "If `Stalled` is True, change what the message names: the Secret is immutable, or a policy, a quota or missing rights deny the write. Otherwise, nothing: the operator retries automatically.")
        {
            IsAboutRefresh = false,
        },
        new(Reasons.AccountNotAllowed, ReasonSeverity.Stalled, ReasonActor.OperatorAdministrator, ReasonRemedy.AllowAccount,
            "The account belongs to other namespaces, or to an earlier namespace of this name, or this namespace was denied access to it. There is no Secret.",
            "Ask an administrator to run `token-operator accounts allow`. If this namespace was created again, a seed with the account's refresh token helps, too.")
        {
            KeepsReady = false,
        },
        new(Reasons.NamespaceNotVerified, ReasonSeverity.Stalled, ReasonActor.OperatorAdministrator, ReasonRemedy.Fix,
            "The operator may not read the namespace, so it cannot tell whether the account belongs to this namespace or to an earlier one of this name. The Secret stays, and its token is not refreshed.",
            "Add the rule that the message names to the operator's role: apply `config/rbac`, or the Role of the namespace."),
        new(Reasons.QuotaExceeded, ReasonSeverity.Stalled, ReasonActor.OperatorAdministrator, ReasonRemedy.FixThenRefresh,
            "The namespace has as many accounts as the setting `MaxAccountsPerNamespace` allows, so no other seed is imported. Accounts whose OAuthTokens were deleted with `deletionPolicy: Retain` count.",
            "Raise the setting, or remove accounts that nobody needs: create their OAuthTokens again with `deletionPolicy: Delete`, and delete them."),
        new(Reasons.UnknownProvider, ReasonSeverity.Stalled, ReasonActor.NamespaceUser, ReasonRemedy.Fix,
            "`spec.provider` does not name a known provider.",
            "Correct the name, or have an administrator [add the provider](providers.md).")
        {
            KeepsReady = false,
        },
        new(Reasons.ProviderNotConfigured, ReasonSeverity.Stalled, ReasonActor.OperatorAdministrator, ReasonRemedy.Fix,
            "The provider needs values that only an administrator can give, such as a tenant.",
            "Create the ClusterOAuthProvider that the message describes ([providers.md](providers.md)).")
        {
            IsAboutRefresh = false,
        },
        new(Reasons.ProviderInvalid, ReasonSeverity.Stalled, ReasonActor.OperatorAdministrator, ReasonRemedy.Fix,
            "The document that describes the provider is not valid. The token in the Secret stays.",
            "Correct the field that the message names.")
        {
            IsAboutRefresh = false,
        },
        new(Reasons.ProviderMoved, ReasonSeverity.Stalled, ReasonActor.OperatorAdministrator, ReasonRemedy.Fix,
            "The token endpoint of the provider is at another host than the one that last issued a token for the account, and no administrator has allowed the move. Nothing is sent to the new host. The token in the Secret stays.",
            "If the move is right, allow it as the message says. Otherwise, restore the address ([providers.md](providers.md#move-a-provider-to-another-host)).")
        {
            IsAboutRefresh = false,
        },
        new(Reasons.InvalidSpec, ReasonSeverity.Stalled, ReasonActor.NamespaceUser, ReasonRemedy.Fix,
            "The spec is not valid.",
            "Correct the field that the message names.")
        {
            KeepsReady = false,
        },
        new(Reasons.GrantConflict, ReasonSeverity.Stalled, ReasonActor.NamespaceUser, ReasonRemedy.Fix,
            "An older OAuthToken has the same provider and account with another grant, other scopes or other inputs of the grant. The oldest object decides what the account's token is for.",
            "Give this object the same inputs as the older one, or create another one with a `spec.account` of its own.")
        {
            KeepsReady = false,
        },
        new(Reasons.WorkloadIdentityNotAllowed, ReasonSeverity.Stalled, ReasonActor.OperatorAdministrator, ReasonRemedy.Fix,
            "The namespace may not use the operator's own identity.",
            "Ask an administrator to add the namespace to the setting `WorkloadIdentityNamespaces` and to set `WorkloadIdentityTokenFile` ([grants.md](grants.md)).")
        {
            KeepsReady = false,
        },
        new(Reasons.TokenExpired, ReasonSeverity.Retrying, ReasonActor.Nobody, ReasonRemedy.Diagnose,
            "The token in the Secret has expired, and refreshes fail.",
            "Find the cause in the condition `Refreshed`.")
        {
            EventAction = "Publish",
        },
        new(Reasons.Suspended, ReasonSeverity.None, ReasonActor.NamespaceUser, ReasonRemedy.Resume,
            "`spec.suspend` is true.",
            "Set it to false.")
        {
            DefaultMessage = ConditionMessages.Suspended,
            IsAboutRefresh = false,
        },
        new(Reasons.Deleting, ReasonSeverity.None, ReasonActor.Nobody, ReasonRemedy.KeepRow,
            "The OAuthToken is being deleted, and the provider has not revoked the grant yet.",
            "Wait. To delete the object at once and keep the row, set `deletionPolicy` to `Retain`.")
        {
            EventAction = "Delete",
        },
        new(Reasons.CleanupFailed, ReasonSeverity.Retrying, ReasonActor.NamespaceUser, ReasonRemedy.KeepRow,
            "The OAuthToken is being deleted, and the operator cannot carry out `deletionPolicy` yet.",
            "Read the message. To delete the object at once and keep the row, set `deletionPolicy` to `Retain`. After `Deletion__GiveUpAfter`, the operator deletes the object and keeps the row.")
        {
            EventAction = "Delete",
        },
        new(Reasons.CleanupAbandoned, ReasonSeverity.Stalled, ReasonActor.NamespaceUser, ReasonRemedy.FixThenRefresh,
            "(Events only.) The OAuthToken is deleted, but `deletionPolicy` could not be carried out. The row is kept, and the grant may still be valid.",
            "Revoke the grant at the provider. To have the operator delete the row, create the OAuthToken again and delete it.")
        {
            EventAction = "Delete",
        },
        new(Reasons.FirstToken, ReasonSeverity.None, ReasonActor.Nobody, ReasonRemedy.None,
            "(Events only.) The Secret holds its first token.",
            "Nothing.")
        {
            EventAction = "Publish",
        },
        new(Reasons.Recovered, ReasonSeverity.None, ReasonActor.Nobody, ReasonRemedy.None,
            "(Events only.) An earlier problem is gone. The message names its reason.",
            "Nothing."),
        new(Reasons.AccountKept, ReasonSeverity.None, ReasonActor.Nobody, ReasonRemedy.None,
            "(Events only.) The OAuthToken is deleted, but the account's row stays because another OAuthToken uses it.",
            "Nothing.")
        {
            EventAction = "Delete",
        },
        new(Reasons.Revoked, ReasonSeverity.None, ReasonActor.Nobody, ReasonRemedy.None,
            "(Events only.) The OAuthToken is deleted, and the provider has revoked the grant.",
            "Nothing.")
        {
            EventAction = "Revoke",
        },
    ];

    private static readonly FrozenDictionary<string, ReasonInfo> ByName = All.ToFrozenDictionary(info => info.Name);

    /// <summary>True when someone must act: <c>Stalled</c> is True.</summary>
    public bool NeedsHuman => Severity is ReasonSeverity.Stalled;

    /// <summary>True when a new consent replaces the account's token, so that the status offers <c>authorizationURL</c>.</summary>
    public bool ConsentHelps => Remedy is ReasonRemedy.Authorize;

    /// <summary>True when a new token file in the seed Secret helps, so that the plugin's <c>authorize</c> and <c>seed</c> are of use.</summary>
    public bool SeedHelps { get; init; }

    /// <summary>False when a token in the Secret does not make the object Ready, however long it is still valid.</summary>
    public bool KeepsReady { get; init; } = true;

    /// <summary>False when the reason says nothing about whether a refresh works, so that <c>Refreshed</c> does not take it over.</summary>
    public bool IsAboutRefresh { get; init; } = true;

    /// <summary>What the operator was doing, for events (<c>action</c> of events.k8s.io/v1).</summary>
    public string EventAction { get; init; } = "Refresh";

    /// <summary><c>Normal</c> or <c>Warning</c>, for events.</summary>
    public string EventType => Severity is ReasonSeverity.None ? "Normal" : "Warning";

    /// <summary>What a failed refresh of this kind means and what to do; null if the reason is not a <see cref="FailureKind"/>.</summary>
    public Func<TokenRequest, RefreshFailure, string>? FailureMessage { get; init; }

    /// <summary>The message where a decision has nothing more exact to say.</summary>
    public string DefaultMessage { get => field ?? Meaning; init; }

    /// <summary>The entry of <paramref name="reason"/>.</summary>
    /// <exception cref="ArgumentException">There is no such reason.</exception>
    public static ReasonInfo Of(string reason) => Find(reason) ?? throw new ArgumentException($"\"{reason}\" is not declared in ReasonInfo.All.", nameof(reason));

    /// <summary>The entry of <paramref name="reason"/>, or null for one that another version of the operator wrote.</summary>
    public static ReasonInfo? Find(string? reason) => reason is not null && ByName.TryGetValue(reason, out var info) ? info : null;
}

/// <summary>What is wrong.</summary>
/// <param name="Reason">One of <see cref="Reasons"/>.</param>
/// <param name="Message">What is wrong, where, and what to do.</param>
public sealed record Problem(string Reason, string Message)
{
    /// <summary>The entry of the reason.</summary>
    public ReasonInfo Info => ReasonInfo.Of(Reason);

    /// <summary>False if the operator retries automatically. As the reason's entry says, unless the case is worse than the reason usually is.</summary>
    public bool NeedsHuman { get; init; } = ReasonInfo.Of(Reason).NeedsHuman;
}
