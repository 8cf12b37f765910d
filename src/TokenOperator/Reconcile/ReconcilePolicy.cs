// The heart: which step comes next. Pure: no I/O, no clock, no dice; tested by tables.
using TokenOperator.Api;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Reconcile;

/// <summary>Decides from a <see cref="ReconcileInput"/> alone. Each step is asked in turn; the first that has an answer decides.</summary>
public static class ReconcilePolicy
{
    /// <summary>The next step.</summary>
    public static Decision Decide(ReconcileInput now) =>
        CheckProvider(now)
        ?? (Decision?)CheckStore(now)
        ?? (now.Account is Lookup<AccountRecord>.Found { Value: var account } ? ForRow(now, account) : ForNoRow(now));

    private static Decision.Publish? CheckProvider(ReconcileInput now) =>
        now.Providers.Contains(now.Request.Key.Provider)
            ? null
            : Human(null, Reasons.UnknownProvider, ConditionMessages.UnknownProvider(now.Request, now.Providers));

    /// <summary>While Postgres is away, the token that was last seen goes on being published, and nothing else is tried.</summary>
    private static Decision.Publish? CheckStore(ReconcileInput now) => now.StoreError is not { } error
        ? null
        : Publish(
            now.Account is Lookup<AccountRecord>.Found { Value: var account } && account.IsOpenTo(now.Request.Owner.Namespace) ? account : null,
            Reasons.StoreUnavailable, error, needsHuman: false);

    private static Decision ForNoRow(ReconcileInput now) => now switch
    {
        { Account: Lookup<AccountRecord>.NotLooked } => new Decision.LookUpAccount(),
        { Account: Lookup<AccountRecord>.Faulty fault } => Publish(null, fault.Reason, fault.Message, fault.NeedsHuman),
        { Request.Suspended: true } => Publish(null, Reasons.Suspended, ConditionMessages.Suspended, needsHuman: false),
        { Request.Seed: null } => Human(null, Reasons.SeedMissing, ConditionMessages.NoSeed(now.Request)),
        { Seed: Lookup<Seed>.NotLooked } => new Decision.ReadSeed(),
        { Seed: Lookup<Seed>.Absent absent } => Human(null, Reasons.SeedMissing, absent.Message),
        { Seed: Lookup<Seed>.Faulty fault } => Publish(null, fault.Reason, fault.Message, fault.NeedsHuman),
        { Seed: Lookup<Seed>.Found { Value: var seed } } => CheckSeed(now, seed) ?? new Decision.Import(seed, Replaces: null),
        _ => throw new InvalidOperationException($"No decision for {now.Request.Owner}."),
    };

    private static Decision ForRow(ReconcileInput now, AccountRecord account) =>
        CheckNamespace(now, account)
        ?? CheckSuspended(now, account)
        ?? CheckFresh(now, account)
        ?? CheckDeadToken(now, account)
        ?? CheckClient(now, account)
        ?? CheckBackoff(now, account)
        ?? (Decision?)CheckPermit(now, account)
        ?? new Decision.Refresh(account, ((Lookup<OAuthClient>.Found)now.Client).Value);

    /// <summary>
    /// A row of nobody goes to the namespace that holds the same refresh token; any other must be given it by an administrator,
    /// and so must one that was denied it: its seed is most likely there still.
    /// </summary>
    private static Decision? CheckNamespace(ReconcileInput now, AccountRecord account) => (account.Namespaces, now) switch
    {
        _ when account.IsOpenTo(now.Request.Owner.Namespace) => null,
        _ when account.DeniedNamespaces.Contains(now.Request.Owner.Namespace) => NotAllowed(now),
        ({ }, _) => Foreign(now),
        (null, { Request.Seed: not null, Seed: Lookup<Seed>.NotLooked }) => new Decision.ReadSeed(),
        (null, { Seed: Lookup<Seed>.Found { Value.Token.RefreshToken: { } proof } }) when proof.Equals(account.Token.RefreshToken) => new Decision.Allow(),
        _ => NotAllowed(now),
    };

    /// <summary>
    /// Step by step the answers of <see cref="ForNoRow"/>, so that nobody learns of an account of others; only a namespace
    /// that brings a token file of its own, and would otherwise import it, must be told that the name is taken.
    /// </summary>
    private static Decision Foreign(ReconcileInput now) =>
        now is { Request: { Suspended: false, Seed: not null }, Seed: Lookup<Seed>.Found { Value: var seed } }
            ? CheckSeed(now, seed) ?? NotAllowed(now)
            : ForNoRow(now with { Account = new Lookup<AccountRecord>.Absent("") });

    private static Decision.Publish NotAllowed(ReconcileInput now) => Human(null, Reasons.AccountNotAllowed, ConditionMessages.NotAllowed(now.Request));

    private static Decision.Publish? CheckSuspended(ReconcileInput now, AccountRecord account) =>
        now.Request.Suspended
            ? new Decision.Publish(new DesiredState(account, new Problem(Reasons.Suspended, ConditionMessages.Suspended, NeedsHuman: false), NextRefresh: null))
            : null;

    private static Decision? CheckFresh(ReconcileInput now, AccountRecord account)
    {
        var due = RefreshPolicy.DueAt(account.Key, account.Token, now.Request.RefreshBefore, now.Now);
        if (now.RefreshRequested || IsAbandoned(now, account) || account.Failure is not null || due <= now.Now)
            return null;

        var missing = RefreshPolicy.MissingScopes(now.Request.Scopes, account.Token);
        return missing.Count == 0
            ? new Decision.Publish(new DesiredState(account, Problem: null, due))
            : WiderSeed(now, account) ?? new Decision.Publish(new DesiredState(
                account, new Problem(Reasons.ScopesMissing, ConditionMessages.ScopesMissing(now.Request, missing), NeedsHuman: true), due));
    }

    /// <summary>A token that works is replaced only by a seed that says that it has all of the scopes.</summary>
    private static Decision? WiderSeed(ReconcileInput now, AccountRecord account) =>
        now.Seed is Lookup<Seed>.Found { Value.Token: var token }
        && (token.Scopes.Count == 0 || RefreshPolicy.MissingScopes(now.Request.Scopes, token).Count > 0)
            ? null
            : NewSeed(now, account);

    /// <summary>A refresh token that is missing or dead is replaced by a seed that is another one; an unchanged seed is the dead token itself.</summary>
    private static Decision? CheckDeadToken(ReconcileInput now, AccountRecord account)
    {
        var dead = account.Token.RefreshToken is null || account.Failure?.Kind.NeedsHuman() == true;
        if (!dead)
            return null;
        return NewSeed(now, account)
            ?? (account.Token.RefreshToken is null ? Human(account, Reasons.SeedMissing, ConditionMessages.NoRefreshToken(now.Request)) : null);
    }

    /// <summary>The next step towards a seed that was not imported yet, or null when there is none.</summary>
    private static Decision? NewSeed(ReconcileInput now, AccountRecord account) => now switch
    {
        { Request.Seed: not null, Seed: Lookup<Seed>.NotLooked } => new Decision.ReadSeed(),
        { Seed: Lookup<Seed>.Found { Value: var seed } }
            when !account.SeedFingerprints.Contains(seed.Fingerprint) && !seed.Token.RefreshToken!.Equals(account.Token.RefreshToken) =>
            CheckSeed(now, seed) ?? new Decision.Import(seed, account),
        _ => null,
    };

    /// <summary>A refresh token works only with the client that obtained it; a file that names another one is a mistake that Google would only call invalid.</summary>
    private static Decision? CheckSeed(ReconcileInput now, Seed seed) => (seed.ClientId, now.Client) switch
    {
        (null, _) => null,
        (_, Lookup<OAuthClient>.NotLooked) => new Decision.ReadClient(),
        ({ } id, Lookup<OAuthClient>.Found { Value: var client }) when client.ClientId != id =>
            Human(null, Reasons.SeedInvalid, ConditionMessages.SeedOfAnotherClient(now.Request, id, client.ClientId)),
        _ => null,
    };

    private static Decision? CheckClient(ReconcileInput now, AccountRecord account) => now.Client switch
    {
        Lookup<OAuthClient>.NotLooked => new Decision.ReadClient(),
        Lookup<OAuthClient>.Absent absent => Human(account, Reasons.ClientSecretMissing, absent.Message),
        Lookup<OAuthClient>.Faulty fault => Publish(account, fault.Reason, fault.Message, fault.NeedsHuman),
        _ => null,
    };

    private static Decision.Publish? CheckBackoff(ReconcileInput now, AccountRecord account)
    {
        if (now.RefreshRequested || IsAbandoned(now, account))
            return null;

        var client = ((Lookup<OAuthClient>.Found)now.Client).Value;
        if (account.Failure is { } failure
            && RefreshPolicy.RetryAt(failure, now.Now) is var retryAt && retryAt > now.Now
            && !now.SpecChanged
            && failure.InputsFingerprint == InputsFingerprint(client, account))
        {
            return new Decision.Publish(new DesiredState(account, Describe(now.Request, failure), retryAt));
        }

        return now.ClientRejectedUntil is { } until && until > now.Now
            ? new Decision.Publish(new DesiredState(
                account, new Problem(Reasons.ClientRejected, ConditionMessages.ClientRejectedElsewhere(now.Request), NeedsHuman: true), until))
            : null;
    }

    /// <summary>While the rate limit of the provider makes it wait, all is as it was; only who has no token at all hears of it.</summary>
    private static Decision.Publish? CheckPermit(ReconcileInput now, AccountRecord account) => now.PermitAt is not { } at
        ? null
        : new Decision.Publish(new DesiredState(account, WhileWaiting(now, account), at) { IsWaiting = true });

    private static Problem? WhileWaiting(ReconcileInput now, AccountRecord account) =>
        account.Failure is { } failure ? Describe(now.Request, failure)
        : account.Token.IsValidAt(now.Now) ? null
        : new Problem(Reasons.Pending, ConditionMessages.WaitsForRateLimit(now.Request), NeedsHuman: false);

    /// <summary>Somebody died in the middle of a refresh: the old refresh token is tried while it may still be good, whatever else was planned.</summary>
    private static bool IsAbandoned(ReconcileInput now, AccountRecord account) =>
        account.OpenClaim?.IsAbandoned(now.Leader.Scope, now.Leader.Holder) == true;

    /// <summary>Names the client and refresh token that an attempt is made with: after a failure, others may be tried at once.</summary>
    public static string InputsFingerprint(OAuthClient client, AccountRecord account) =>
        Fingerprint.Of(client.Fingerprint, account.Token.RefreshToken?.Reveal());

    private static Problem Describe(TokenRequest request, RefreshFailure failure) =>
        new(failure.Kind.ToString(), ConditionMessages.Failure(request, failure), failure.Kind.NeedsHuman());

    private static Decision.Publish Human(AccountRecord? account, string reason, string message) =>
        Publish(account, reason, message, needsHuman: true);

    private static Decision.Publish Publish(AccountRecord? account, string reason, string message, bool needsHuman) =>
        new(new DesiredState(account, new Problem(reason, message, needsHuman), NextRefresh: null));
}
