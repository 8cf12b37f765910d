// Pure policy: no I/O, clock or randomness. Tables test it.
using TokenOperator.Api;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Inputs;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.Registry;
using TokenOperator.ProviderSources;
using TokenOperator.Publishing;
using TokenOperator.Refreshing;

namespace TokenOperator.Reconcile;

/// <summary>Decides from a <see cref="ReconcileInput"/> alone. It asks each check in turn, and the first that has an answer decides.</summary>
public static class ReconcilePolicy
{
    /// <summary>No refresh takes longer: the provider's timeout is 300 s at most. An object whose refresh was lost is reconciled after this.</summary>
    public static readonly TimeSpan MaxRefreshDuration = TimeSpan.FromMinutes(10);

    /// <summary>No reconcile takes longer: the runtime ends it.</summary>
    public static readonly TimeSpan MaxReconcileDuration = TimeSpan.FromMinutes(2);

    /// <summary>How long a problem of the store is reported before the next attempt.</summary>
    public static readonly TimeSpan RetryStore = TimeSpan.FromSeconds(5);

    /// <summary>The object changed while its status was written.</summary>
    public static readonly TimeSpan RetryStale = TimeSpan.FromSeconds(1);

    /// <summary>A refresh or another write of the account is running.</summary>
    public static readonly TimeSpan RetryBusy = TimeSpan.FromSeconds(1);

    /// <summary>The process ends, unless leadership was only in doubt.</summary>
    public static readonly TimeSpan RetryLeadership = TimeSpan.FromSeconds(5);

    /// <summary>A change of the object or of the Secret is noticed at once. A change of a policy, a quota or a right is not.</summary>
    public static readonly TimeSpan RetryDenied = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan RetryConflict = TimeSpan.FromMinutes(1);

    /// <summary>A row that someone fixed sends no notice, nor does a key that is mounted again.</summary>
    private static readonly TimeSpan RetryRow = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan RetryQuota = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan RetryHeldClaim = TimeSpan.FromSeconds(2);

    /// <summary>A user with the right to change an object can change its annotation or its spec many times a second.</summary>
    private static readonly TimeSpan MinBetweenPokes = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan RetryAccepted = TimeSpan.FromHours(1);

    /// <summary>What to do next. All inputs that <see cref="Missing"/> names must have been read.</summary>
    public static Decision Decide(ReconcileInput now) => Check(now) is var decision and not Decision.NeedsInput
        ? decision
        : throw new InvalidOperationException($"An input for {now.Request.Owner} was not read.");

    /// <summary>The input on which the decision depends and that was not read yet, or null.</summary>
    public static InputKind? Missing(ReconcileInput now) => (Check(now) as Decision.NeedsInput)?.Kind;

    /// <summary>
    /// Identifies what an attempt depends on: the provider's document, the client, and the refresh token or the inputs of another grant. After
    /// a failure, others can be tried at once.
    /// </summary>
    public static string InputsFingerprint(TokenRequest request, OAuthClient? client, PrivateKey? key, AccountRecord account, ProviderState provider) =>
        Fingerprint.Of(
            request.Grant.NeedsConsent ? account.Token.GrantToken?.Reveal() : request.GrantInputs, client?.Fingerprint, key?.Fingerprint,
            (provider as ProviderState.Usable)?.Fingerprint);

    /// <summary>True as long as a refresh that was decided on is right for the object. Its turn can come minutes after the decision.</summary>
    /// <param name="entity">The object as it is now.</param>
    /// <param name="key">The account of the decision.</param>
    /// <param name="user">The namespace of the object.</param>
    /// <param name="account">The row as it is now; null if it is not known.</param>
    public static bool MayRefresh(V1Beta1OAuthToken entity, AccountKey key, AccountUser user, AccountRecord? account) =>
        entity.Metadata.DeletionTimestamp is null
        && TokenRequest.From(entity, out _) is { Suspended: false } request && request.Key == key
        && account?.IsOpenTo(user) != false;

    /// <summary>True if an object that is being deleted has waited long enough for its deletionPolicy.</summary>
    public static bool IsCleanupOver(DateTimeOffset deletedAt, TimeSpan limit, DateTimeOffset now) => now - deletedAt >= limit;

    /// <summary>What the status says, but for the link.</summary>
    public static StatusInput StatusInputFor(ReconcileInput now, DesiredState desired, SecretResult secret, long? generation, string? requested)
    {
        // What was requested while Postgres is unavailable is done when it is available again.
        var isPending = desired.IsWaiting || desired.PostponedUntil is not null;
        var isHandled = !isPending && desired.Problem?.Reason != Reasons.StoreUnavailable;
        var problem = Worst(desired, secret, now.IsPersisted);
        return new StatusInput(
            isPending ? now.Status?.ObservedGeneration : generation, now.Request.SecretName, desired, now.IsPersisted, secret,
            (isHandled ? requested : null) ?? now.Status?.LastHandledRefreshRequest)
        {
            Problem = problem,
            MayBeReady = problem?.Info.KeepsReady != false && desired.Problem?.Info.KeepsReady != false && HoldsRightToken(now, desired, problem),
        };
    }

    /// <summary>True if the account's owner can help by a consent. An account that the namespace may not use needs none.</summary>
    public static bool OffersConsent(DesiredState desired) => desired is { Account: not null, Problem: { NeedsHuman: true, Info.ConsentHelps: true } };

    /// <summary>The time until the earliest moment at which something can change by time alone; null if nothing can.</summary>
    public static TimeSpan? RequeueAfter(
        DesiredState desired, SecretResult secret, V1Beta1OAuthToken.EntityStatus status, DateTimeOffset? newLinkAt, DateTimeOffset now)
    {
        DateTimeOffset?[] moments =
        [
            desired.IsWaiting ? now + MaxRefreshDuration : desired.NextRefresh,
            desired.PostponedUntil,
            newLinkAt,
            Timestamps.Parse(status.ExpiresAt) is { } end && end > now ? end : null,
            secret.Outcome == SecretOutcome.Failed ? now + RetryStore : null,
            secret.Outcome == SecretOutcome.Conflict ? now + RetryConflict : null,
            desired.Problem is { Reason: Reasons.GrantConflict } ? now + RetryConflict : null,
            secret.Outcome == SecretOutcome.Denied ? now + RetryDenied : null,
            desired.Problem is { NeedsHuman: false, Reason: Reasons.StoreUnavailable } ? now + RetryStore : null,
            desired.Problem is { Reason: Reasons.StoredTokenInvalid } or { NeedsHuman: true, Reason: Reasons.StoreUnavailable } ? now + RetryRow : null,
            desired.Problem is { Reason: Reasons.QuotaExceeded } ? now + RetryQuota : null,
            desired.Problem is { Reason: Reasons.NamespaceNotVerified } ? now + NamespaceReader.RetryDenied : null,
        ];
        return moments.Min() is { } next ? (next > now ? next - now : TimeSpan.Zero) : null;
    }

    /// <summary>A Secret that cannot be written affects the app, whatever else is wrong.</summary>
    private static Problem? Worst(DesiredState desired, SecretResult secret, bool isPersisted) => secret.Outcome switch
    {
        SecretOutcome.Conflict => new Problem(Reasons.SecretConflict, secret.Message),
        SecretOutcome.Failed => new Problem(Reasons.SecretWriteFailed, secret.Message),
        SecretOutcome.Denied => new Problem(Reasons.SecretWriteFailed, secret.Message) { NeedsHuman = true },
        _ => desired.Problem ?? (isPersisted ? null : new Problem(Reasons.StoreUnavailable, ReasonInfo.Of(Reasons.StoreUnavailable).DefaultMessage)),
    };

    /// <summary>Without a row it is not known whose token the Secret holds: the spec may have named another account before.</summary>
    private static bool HoldsRightToken(ReconcileInput now, DesiredState desired, Problem? problem) => desired.Account is { } account
        ? now.MissingScopes(account.Token).Count == 0 && IsForSpec(now, account)
        : problem?.Reason != Reasons.SeedMissing;

    private static Decision Check(ReconcileInput now) =>
        CheckSpec(now)
        ?? CheckProvider(now)
        ?? (Decision?)CheckGrant(now)
        ?? CheckStore(now)
        ?? (now.Account is Lookup<AccountRecord>.Found { Value: var account } ? ForRow(now, account) : ForNoRow(now));

    private static Decision.Publish? CheckSpec(ReconcileInput now) => now.SpecError is { } error ? Human(now, null, Reasons.InvalidSpec, error) : null;

    private static Decision.Publish? CheckProvider(ReconcileInput now) => now.ProviderState switch
    {
        ProviderState.Usable => null,
        ProviderState.Unknown unknown => Human(now, null, Reasons.UnknownProvider, ConditionMessages.UnknownProvider(now.Request, unknown.Known)),
        ProviderState.NeedsParameters needs => Human(
            now, null, Reasons.ProviderNotConfigured, ConditionMessages.ProviderNotConfigured(now.Request.Key.Provider, needs.Document.Origin, needs.Parameters)),
        ProviderState.Invalid invalid => Human(now, null, Reasons.ProviderInvalid, ConditionMessages.ProviderInvalid(invalid.Document.Origin, invalid.Errors)),
        ProviderState.Moved moved => Human(now, null, Reasons.ProviderMoved, DocumentMessages.Move(moved.Document, moved.Move)),
        _ => throw new InvalidOperationException($"{now.ProviderState.GetType().Name} is not a known state of a provider."),
    };

    private static Decision.Publish? CheckGrant(ReconcileInput now) => now switch
    {
        { GrantUnsupported: { } why } => Human(now, null, Reasons.InvalidSpec, ConditionMessages.GrantUnsupported(now.Request, why)),
        { Request.Grant: not Grant.WorkloadIdentity } => null,
        _ when !now.WorkloadIdentity.Namespaces.Contains(now.Request.Owner.Namespace) =>
            Human(now, null, Reasons.WorkloadIdentityNotAllowed, ConditionMessages.WorkloadIdentityNotAllowed(now.Request)),
        { WorkloadIdentity.IsConfigured: false } => Human(now, null, Reasons.WorkloadIdentityNotAllowed, ConditionMessages.NoWorkloadIdentity),
        _ => null,
    };

    /// <summary>While Postgres is unavailable, the token that was last seen stays published, and nothing else is attempted.</summary>
    private static Decision? CheckStore(ReconcileInput now)
    {
        if (now.StoreError is not { } error)
            return null;
        var known = (now.Account as Lookup<AccountRecord>.Found)?.Value;
        if (known?.Lists(now.Request.Owner.Namespace) == true && now.Namespace is Lookup<NamespaceUid>.NotRead)
            return new Decision.NeedsInput(InputKind.Namespace);
        return Publish(now, known?.IsOpenTo(now.User) == true ? known : null, new Problem(Reasons.StoreUnavailable, error));
    }

    private static Decision ForNoRow(ReconcileInput now) => now switch
    {
        { Account: Lookup<AccountRecord>.Faulty fault } => Publish(now, null, fault.Problem),
        { Request.Suspended: true } => Publish(now, null, Suspended),
        { Request.Grant.NeedsConsent: false } => CheckConflict(now, null) ?? CheckCredentials(now, null) ?? ReadNamespace(now) ?? (Decision)new Decision.Create(),
        { Request.Seed: null } => Human(now, null, Reasons.SeedMissing, ConditionMessages.NoSeed(now.Request)),
        { Seed: Lookup<Seed>.NotRead } => new Decision.NeedsInput(InputKind.Seed),
        { Seed: Lookup<Seed>.Absent absent } => Human(now, null, Reasons.SeedMissing, absent.Message),
        { Seed: Lookup<Seed>.Faulty fault } => Publish(now, null, fault.Problem),
        { Seed: Lookup<Seed>.Found { Value: var seed } } => CheckSeed(now, seed) ?? ReadNamespace(now) ?? (Decision)new Decision.Import(seed, Replaces: null),
        _ => throw new InvalidOperationException($"There is no decision for {now.Request.Owner}."),
    };

    /// <summary>An annotation or a spec that changes again and again gets one refresh for an interval, not one for each change.</summary>
    private static Decision ForRow(ReconcileInput now, AccountRecord account)
    {
        if (PostponedUntil(now, account) is not { } until)
            return ForUnhurried(now, account);
        var decision = ForUnhurried(now with { RefreshRequested = false, SpecChanged = false }, account);
        return decision is Decision.Publish { DesiredState: var desired } ? new Decision.Publish(desired with { PostponedUntil = until }) : decision;
    }

    private static Decision ForUnhurried(ReconcileInput now, AccountRecord account) =>
        CheckNamespace(now, account)
        ?? CheckSuspended(now, account)
        ?? CheckConflict(now, account)
        ?? CheckHost(now, account)
        ?? CheckFresh(now, account)
        ?? CheckDeadToken(now, account)
        ?? CheckLostAnswer(now, account)
        ?? CheckCredentials(now, account)
        ?? CheckBackoff(now, account)
        ?? CheckEndedRefresh(now)
        ?? (Decision)new Decision.Refresh(account, ClientOf(now), Meanwhile(now, account)) { Key = KeyOf(now) };

    /// <summary>
    /// A row that belongs to no namespace goes to the one that holds the same refresh token. An administrator gives away any other, also
    /// one that was denied to this namespace: its seed is most likely still there.
    /// </summary>
    private static Decision? CheckNamespace(ReconcileInput now, AccountRecord account) => (account.Namespaces, now) switch
    {
        _ when account.Lists(now.Request.Owner.Namespace) => CheckUid(now, account),
        (_, { Request.Grant.NeedsConsent: false }) => ForeignGrant(now),
        _ when account.DeniedNamespaces.Contains(now.Request.Owner.Namespace) => NotAllowed(now),
        ({ }, _) => Foreign(now),
        _ => CheckProof(now, account) ?? NotAllowed(now),
    };

    /// <summary>
    /// A namespace that was deleted and created again is another one, unless it holds the same refresh token. The first namespace that uses
    /// an account is recorded. If the operator may not read namespaces, an account for which one is recorded is not used.
    /// </summary>
    private static Decision? CheckUid(ReconcileInput now, AccountRecord account) => (account.UidOf(now.Request.Owner.Namespace), now.Namespace) switch
    {
        (_, Lookup<NamespaceUid>.NotRead) => new Decision.NeedsInput(InputKind.Namespace),
        (null, Lookup<NamespaceUid>.Found) => new Decision.RecordNamespace(),
        (null, _) => null,
        ({ } recorded, Lookup<NamespaceUid>.Found { Value.Value: var uid }) => recorded == uid ? null
            : CheckProof(now, account) ?? Human(now, null, Reasons.AccountNotAllowed, ConditionMessages.NamespaceCreatedAgain(now.Request)),
        (_, Lookup<NamespaceUid>.Faulty fault) => Publish(now, null, fault.Problem),
        _ => throw new InvalidOperationException($"There is no decision for {now.Request.Owner}."),
    };

    /// <summary>The next step for a namespace that may hold the same refresh token in its seed; null if it does not.</summary>
    private static Decision? CheckProof(ReconcileInput now, AccountRecord account) => now switch
    {
        { Request.Seed: not null, Seed: Lookup<Seed>.NotRead } => new Decision.NeedsInput(InputKind.Seed),
        { Seed: Lookup<Seed>.Found { Value.Token.GrantToken: { } proof } } when proof.Equals(account.Token.GrantToken) => ReadNamespace(now) ?? (Decision)new Decision.Allow(),
        _ => null,
    };

    private static Decision.NeedsInput? ReadNamespace(ReconcileInput now) => now.Namespace is Lookup<NamespaceUid>.NotRead ? new Decision.NeedsInput(InputKind.Namespace) : null;

    /// <summary>
    /// Step by step the answers of <see cref="ForNoRow"/>, so that another namespace's account is indistinguishable from a missing one.
    /// Only a namespace that brings a token file of its own, and would otherwise import it, must learn that the name is taken.
    /// </summary>
    private static Decision Foreign(ReconcileInput now) =>
        now is { Request: { Suspended: false, Seed: not null }, Seed: Lookup<Seed>.Found { Value: var seed } }
            ? CheckSeed(now, seed) ?? NotAllowed(now)
            : ForNoRow(now with { Account = new Lookup<AccountRecord>.Absent("") });

    /// <summary>The same for a grant without a seed: the answers of <see cref="ForNoRow"/> to the point where the row would be created.</summary>
    private static Decision ForeignGrant(ReconcileInput now) =>
        ForNoRow(now with { Account = new Lookup<AccountRecord>.Absent("") }) is var decision and not Decision.Create ? decision : NotAllowed(now);

    /// <summary>
    /// One account has one token, so one object decides what it is for: the oldest of those that may use the account. Two objects that
    /// replaced each other's tokens would never come to rest.
    /// </summary>
    private static Decision.Publish? CheckConflict(ReconcileInput now, AccountRecord? account)
    {
        var oldest = now.OlderObjects.FirstOrDefault(elder => account?.Lists(elder.Owner.Namespace) ?? elder.Owner.Namespace == now.Request.Owner.Namespace);
        return oldest is null || oldest.GrantInputs == now.Request.GrantInputs
            ? null
            : Human(now, null, Reasons.GrantConflict, ConditionMessages.GrantConflict(now.Request, oldest.Owner));
    }

    /// <summary>False for a token that was issued for other inputs of the grant: it is replaced, however long it is still valid.</summary>
    private static bool IsForSpec(ReconcileInput now, AccountRecord account) => account.Token.AccessToken is null || account.Token.GrantInputs == now.Request.GrantInputs;

    private static Decision.Publish NotAllowed(ReconcileInput now) => Human(now, null, Reasons.AccountNotAllowed, ConditionMessages.NotAllowed(now.Request));

    private static Problem Suspended { get; } = new(Reasons.Suspended, ConditionMessages.Suspended);

    private static Decision.Publish? CheckSuspended(ReconcileInput now, AccountRecord account) => now.Request.Suspended ? Publish(now, account, Suspended) : null;

    /// <summary>
    /// What an account last sent to one host is sent to another only if an administrator allows it. A seed that came from the other host needs
    /// no permission.
    /// </summary>
    private static Decision? CheckHost(ReconcileInput now, AccountRecord account)
    {
        if (now.ProviderState is not ProviderState.Usable { Source: var source } provider || provider.MoveFrom(account.Token.TokenHost) is not { } move)
            return null;
        var isOfOtherHost = now.Seed is Lookup<Seed>.Found { Value.Token.TokenHost: var host } && host != move.To;
        return (isOfOtherHost ? null : NewSeed(now, account, next: null))
            ?? Publish(now, account, new Problem(Reasons.ProviderMoved, DocumentMessages.Move(source, move)));
    }

    private static Decision? CheckFresh(ReconcileInput now, AccountRecord account)
    {
        var due = DueAt(now, account);
        if (now.RefreshRequested || IsAbandoned(now, account) || account.Failure is not null || due <= now.Now || !IsForSpec(now, account))
            return null;

        var missing = now.MissingScopes(account.Token);
        return missing.Count == 0
            ? LaterSeed(now, account, due) ?? Publish(now, account, problem: null, due)
            : WiderSeed(now, account, due)
                ?? Publish(now, account, new Problem(Reasons.ScopesMissing, ConditionMessages.ScopesMissing(now.Request, missing)), due);
    }

    /// <summary>When the token is refreshed or checked, as far as its lifetime and the least interval of the provider decide.</summary>
    private static DateTimeOffset DueAt(ReconcileInput now, AccountRecord account)
    {
        var expiry = now.Provider?.Expiry ?? new ExpiryRules();
        // Only a provider whose document says so issues tokens that never expire. A row can claim it of any.
        var token = expiry.Never ? account.Token : account.Token with { NeverExpires = false };
        var due = RefreshPolicy.DueAt(account.Key, token, now.Request.RefreshBefore, now.Now, expiry.CheckEndpoint is null ? null : expiry.CheckInterval);
        return account.Token.IsValidAt(now.Now) && NextPermitted(now, account) is { } permitted && permitted > due ? permitted : due;
    }

    /// <summary>When the provider's least interval between two refreshes of an account is over; null if it has none.</summary>
    private static DateTimeOffset? NextPermitted(ReconcileInput now, AccountRecord account) =>
        now.Provider?.Limits.MinInterval is { } interval && interval > TimeSpan.Zero && account.LastRefreshAt <= now.Now ? account.LastRefreshAt + interval : null;

    /// <summary>A consent that ends soon is replaced by a new one. It still works, so a seed that may be older does not replace it.</summary>
    private static Decision? LaterSeed(ReconcileInput now, AccountRecord account, DateTimeOffset due) =>
        !RefreshPolicy.ConsentEndsSoon(account.Token.RefreshTokenExpiresAt, now.Now)
        || (now.Seed is Lookup<Seed>.Found { Value.Token: var token } && MayBeOlder(token, account.Token))
            ? null
            : NewSeed(now, account, due);

    /// <summary>True if the seed says that its consent ends earlier, or that its access token had expired before the current one was issued.</summary>
    private static bool MayBeOlder(TokenSet seed, TokenSet current) =>
        seed.RefreshTokenExpiresAt is { } end ? end <= current.RefreshTokenExpiresAt : seed.ExpiresAt <= current.IssuedAt;

    /// <summary>A token that works is replaced only by a seed that says that it has all of the scopes.</summary>
    private static Decision? WiderSeed(ReconcileInput now, AccountRecord account, DateTimeOffset due) =>
        now.Seed is Lookup<Seed>.Found { Value.Token: var token }
        && (token.Scopes.Count == 0 || now.MissingScopes(token).Count > 0)
            ? null
            : NewSeed(now, account, due);

    /// <summary>A refresh token that is missing or dead is replaced by a seed that holds another one. An unchanged seed is the dead token itself.</summary>
    private static Decision? CheckDeadToken(ReconcileInput now, AccountRecord account)
    {
        if (!now.Request.Grant.NeedsConsent || !RefreshPolicy.TakesNewToken(account))
            return null;
        if (account.Token.GrantToken is null)
            return NewSeed(now, account, next: null) ?? Human(now, account, Reasons.SeedMissing, ConditionMessages.NoRefreshToken(now.Request));
        var next = account.Failure is { } failure ? RetryAt(now, failure) : (DateTimeOffset?)null;
        // A seed that cannot be used does not stop the retries: the provider's answer can be wrong.
        return NewSeed(now, account, next) is { } step && !(step is Decision.Publish && CheckBackoff(now, account) is null) ? step : null;
    }

    /// <summary>The next step towards a seed that was not imported yet, or null if there is none.</summary>
    /// <param name="now">What is known.</param>
    /// <param name="account">The row that the seed would replace.</param>
    /// <param name="next">When the row is refreshed next if the seed cannot be used.</param>
    private static Decision? NewSeed(ReconcileInput now, AccountRecord account, DateTimeOffset? next) => now switch
    {
        { Request.Seed: not null, Seed: Lookup<Seed>.NotRead } => new Decision.NeedsInput(InputKind.Seed),
        { Seed: Lookup<Seed>.Found { Value: var seed } }
            when !account.SeedFingerprints.Contains(seed.Fingerprint) && !seed.Token.GrantToken!.Equals(account.Token.GrantToken) =>
            CheckSeed(now, seed, account, next) ?? new Decision.Import(seed, account),
        _ => null,
    };

    /// <summary>A refresh token works only with the client that obtained it. A file that names another one is a mistake that Google only calls invalid.</summary>
    private static Decision? CheckSeed(ReconcileInput now, Seed seed, AccountRecord? account = null, DateTimeOffset? next = null) => (seed.ClientId, now.Client) switch
    {
        (null, _) => null,
        (_, Lookup<OAuthClient>.NotRead) => new Decision.NeedsInput(InputKind.Client),
        ({ } id, Lookup<OAuthClient>.Found { Value: var client }) when client.ClientId != id =>
            Publish(now, account, new Problem(Reasons.SeedInvalid, ConditionMessages.SeedOfAnotherClient(now.Request, id, client.ClientId)), next),
        _ => null,
    };

    private static Decision? CheckCredentials(ReconcileInput now, AccountRecord? account) =>
        (now.Request.Client is null ? null : CheckRead(now, account, now.Client, InputKind.Client, Reasons.ClientSecretMissing))
        ?? (now.Request.SigningKey is null ? null : CheckRead(now, account, now.Key, InputKind.Key, Reasons.PrivateKeyMissing));

    private static Decision? CheckRead<T>(ReconcileInput now, AccountRecord? account, Lookup<T> input, InputKind kind, string missing)
        where T : class => input switch
        {
            Lookup<T>.NotRead => new Decision.NeedsInput(kind),
            Lookup<T>.Absent absent => Human(now, account, missing, absent.Message),
            Lookup<T>.Faulty fault => Publish(now, account, fault.Problem),
            _ => null,
        };

    /// <summary>
    /// The provider may have replaced the refresh token without this process knowing the new one. Where the use of the old one ends the grant, and with
    /// it the access token, it is used only after that has expired, or when someone requests it.
    /// </summary>
    private static Decision? CheckLostAnswer(ReconcileInput now, AccountRecord account)
    {
        var lost = account.Failure?.UnansweredSince ?? (account.OpenClaim is { } claim && claim.IsAbandoned(now.Leader.Scope, now.Leader.Holder) ? claim.At : null);
        if (lost is not { } since || now.RefreshRequested || !now.Request.Grant.NeedsConsent || account.Token.ExpiresAt is not { } end || end <= now.Now)
            return null;
        if (now.Provider?.Rotation.MayReplay(now.Now - since) != false)
            return null;

        return NewSeed(now, account, end) ?? Publish(now, account, account.Failure is null ? null : Describe(now.Request, account), end);
    }

    /// <summary>Whatever changes is tried at once: a request, the spec, the client, the refresh token, the provider's document.</summary>
    private static Decision? CheckBackoff(ReconcileInput now, AccountRecord account) => (account.Failure, now) switch
    {
        (_, { RefreshRequested: true } or { SpecChanged: true }) => null,
        _ when IsAbandoned(now, account) => null,
        ({ } failure, _) when failure.InputsFingerprint != InputsFingerprint(now.Request, ClientOf(now), KeyOf(now), account, now.ProviderState) => null,
        ({ } failure, _) when RetryAt(now, failure) is var retryAt && retryAt > now.Now => Publish(now, account, Describe(now.Request, account), retryAt),
        (_, { ClientRejectedUntil: { } until }) when until > now.Now && YieldsToRejection(now, account) =>
            NewSeed(now, account, until) ?? Publish(now, account, RejectedElsewhere(now, account, until), until),
        _ => null,
    };

    /// <summary>A rejection of the client that was followed by a success of another account may be over. It is tried again, but once an hour at most.</summary>
    private static DateTimeOffset RetryAt(ReconcileInput now, RefreshFailure failure)
    {
        var planned = RefreshPolicy.RetryAt(failure, now.Now);
        var accepted = failure.Kind == FailureKind.ClientRejected && now.ClientAcceptedAt > failure.At ? failure.At + RetryAccepted : planned;
        return accepted < planned ? accepted : planned;
    }

    /// <summary>
    /// True if the account waits while the provider rejects its client for others: its last request with the client succeeded, and nothing
    /// has changed. Any other, such as a new seed, is tried whatever the others say.
    /// </summary>
    public static bool YieldsToRejection(ReconcileInput now, AccountRecord account) =>
        now is { RefreshRequested: false, SpecChanged: false }
        && account is { HasWorked: true, Failure: null or { Kind: not FailureKind.ClientRejected } };

    private static Problem RejectedElsewhere(ReconcileInput now, AccountRecord account, DateTimeOffset until) =>
        new(Reasons.ClientRejected, ConditionMessages.ClientRejectedElsewhere(now.Request)) { NeedsHuman = !account.Token.IsValidAt(until) };

    /// <summary>A refresh that ended without asking the provider is tried again after a while.</summary>
    private static Decision.Wait? CheckEndedRefresh(ReconcileInput now) => now.Refresh switch
    {
        RefreshState.Ended { Outcome: RefreshOutcome.ClaimHeld, Age: var age } when age < RetryHeldClaim => new Decision.Wait(RetryHeldClaim - age),
        RefreshState.Ended { Outcome: RefreshOutcome.LeadershipLost, Age: var age } when age < RetryLeadership => new Decision.Wait(RetryLeadership - age),
        RefreshState.Ended { Outcome: RefreshOutcome.Withdrawn, Age: var age } when age < RetryBusy => new Decision.Wait(RetryBusy - age),
        RefreshState.Ended { Outcome: RefreshOutcome.Faulted, Age: var age } when age < RetryStore => new Decision.Wait(RetryStore - age),
        _ => null,
    };

    /// <summary>True if a refresh is done only because someone changed the object: a request, or a spec that ends a backoff.</summary>
    public static bool IsPoked(ReconcileInput now, AccountRecord account) => now.RefreshRequested || (now.SpecChanged && account.Failure is not null);

    private static DateTimeOffset? PostponedUntil(ReconcileInput now, AccountRecord account) =>
        !IsPoked(now, account) ? null
        : NextPermitted(now, account) is { } permitted && permitted > now.Now ? permitted
        : now.Refresh is RefreshState.Ended { Attended.IsPoked: true, Age: var age } && age < MinBetweenPokes ? now.Now + (MinBetweenPokes - age)
        : null;

    /// <summary>
    /// A refresh that takes less than a second needs no status of its own. During a longer one everything stays as it was, and only an
    /// object without a token says what it waits for. A token that expires in the meantime is always reported.
    /// </summary>
    private static DesiredState? Meanwhile(ReconcileInput now, AccountRecord account)
    {
        var running = now.Refresh as RefreshState.Running;
        var hasExpired = now.Status?.Find(ConditionTypes.Ready)?.IsTrue == true && Timestamps.Parse(now.Status.ExpiresAt) <= now.Now;
        if (running is not { IsSlow: true } && !hasExpired)
            return null;
        var next = running?.WaitsForRate is { Longest: var wait } ? now.Now + wait
            : account.Failure is { } failure ? RefreshPolicy.RetryAt(failure, now.Now)
            : account.Token.AccessToken is null ? (DateTimeOffset?)null
            : DueAt(now, account);
        return StateFor(now, account, WhileWaiting(now, account, running), next) with { IsWaiting = true };
    }

    private static Problem? WhileWaiting(ReconcileInput now, AccountRecord account, RefreshState.Running? running) =>
        account.Failure is not null ? Describe(now.Request, account)
        : account.Token.IsValidAt(now.Now) ? null
        : new Problem(Reasons.Pending, running?.WaitsForRate switch
        {
            null => ConditionMessages.WaitsForProvider(now.Request),
            { IsOfClient: true } => ConditionMessages.WaitsForClientLimit(now.Request, PlaceOf(now, "limits.clientRequestsPerSecond")),
            _ => ConditionMessages.WaitsForRateLimit(now.Request, PlaceOf(now, "limits.requestsPerSecond")),
        });

    private static string PlaceOf(ReconcileInput now, string field) => now.Provider?.PlaceOf(field) ?? field;

    /// <summary>
    /// A process ended in the middle of a refresh: the old refresh token is tried while it may still work, whatever else was planned. Where
    /// that could end the grant, and the access token with it, the refresh takes place when it is due. The request may have been sent as early as
    /// the claim was taken.
    /// </summary>
    private static bool IsAbandoned(ReconcileInput now, AccountRecord account) =>
        account.OpenClaim is { } claim && claim.IsAbandoned(now.Leader.Scope, now.Leader.Holder)
        && (!now.Request.Grant.NeedsConsent || now.Provider?.Rotation.MayReplay(now.Now - claim.At) != false);

    private static OAuthClient? ClientOf(ReconcileInput now) => (now.Client as Lookup<OAuthClient>.Found)?.Value;

    private static PrivateKey? KeyOf(ReconcileInput now) => (now.Key as Lookup<PrivateKey>.Found)?.Value;

    private static Problem Describe(TokenRequest request, AccountRecord account)
    {
        var needsHuman = RefreshPolicy.NeedsHuman(account);
        return new Problem(account.Failure!.Kind.ToString(), ConditionMessages.Failure(request, account.Failure, needsHuman)) { NeedsHuman = needsHuman };
    }

    private static Decision.Publish Human(ReconcileInput now, AccountRecord? account, string reason, string message) =>
        Publish(now, account, new Problem(reason, message));

    private static Decision.Publish Publish(ReconcileInput now, AccountRecord? account, Problem? problem, DateTimeOffset? next = null) =>
        new(StateFor(now, account, problem, next == DateTimeOffset.MaxValue ? null : next));

    private static DesiredState StateFor(ReconcileInput now, AccountRecord? account, Problem? problem, DateTimeOffset? next) => new(account, problem, next)
    {
        // A Secret that the namespace may not use is deleted even while the object is suspended.
        Secret = problem?.Reason is Reasons.AccountNotAllowed or Reasons.WorkloadIdentityNotAllowed ? SecretAction.Withdraw
            : !now.Request.Suspended && account?.Token.IsValidAt(now.Now) == true && IsForSpec(now, account) ? SecretAction.Write
            : SecretAction.Keep,
        Exports = account is not null && now.Provider is { } provider ? provider.MergeExports(account.Token.Exports, TokenSet.NoExports) : TokenSet.NoExports,
    };
}
