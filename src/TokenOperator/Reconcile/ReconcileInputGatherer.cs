using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using TokenOperator.Inputs;
using TokenOperator.Providers.Registry;
using TokenOperator.Refreshing;

namespace TokenOperator.Reconcile;

/// <summary>Gathers the input of a decision, from memory where possible, and only what the decision depends on.</summary>
public sealed class ReconcileInputGatherer(
    AccountRepository accounts, RefreshScheduler refreshes, RejectedClients rejected, ProviderRegistry providers, ILeadershipGuard guard, InputReader inputs,
    NamespaceReader namespaces, GrantPreconditions grants)
{
    /// <summary>Gathers the input for <paramref name="entity"/>.</summary>
    public async Task<ReconcileInput> GatherAsync(V1Beta1OAuthToken entity, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(entity);
        var request = TokenRequest.From(entity, out var error) ?? TokenRequest.Invalid(entity);
        var input = Begin(entity, request) with { SpecError = error.Length > 0 ? error : null };
        if (input.SpecError is null && input.Provider is not null)
            input = await WithAccountAsync(input, cancellationToken);
        while (ReconcilePolicy.Missing(input) is { } missing)
            input = await ReadAsync(input, missing, cancellationToken);
        return input;
    }

    /// <summary>The value of the annotation that requests a refresh, or null.</summary>
    internal static string? RefreshRequestOf(V1Beta1OAuthToken entity) =>
        entity.Metadata.Annotations is { } annotations && annotations.TryGetValue(V1Beta1OAuthToken.RefreshRequestedAnnotation, out var value)
            ? value
            : null;

    private ReconcileInput Begin(V1Beta1OAuthToken entity, TokenRequest request)
    {
        var refresh = refreshes.Find(request.Key, request.Owner);
        // An earlier object of the same name had causes of its own.
        if (refresh is RefreshState.Ended { Attended: { } cause } ended && cause.Uid != entity.Metadata.Uid)
            refresh = ended with { Attended = null };
        var attended = (refresh as RefreshState.Ended)?.Attended;
        var (requested, generation) = (RefreshRequestOf(entity), entity.Metadata.Generation);
        return new ReconcileInput
        {
            Now = accounts.Now(request.Key),
            Request = request,
            Status = entity.Status,
            ProviderState = providers.Look(request.Key.Provider),
            GrantUnsupported = providers.Find(request.Key.Provider)?.FindUnsupported(request.Grant),
            WorkloadIdentity = grants.WorkloadIdentity,
            OlderObjects = grants.OlderObjectsOf(entity, request.Key),
            Refresh = refresh,
            IsPersisted = !accounts.IsPending(request.Key),
            Leader = (guard.Scope, guard.Holder),
            RefreshRequested = requested is not null && requested != entity.Status?.LastHandledRefreshRequest && requested != attended?.Annotation,
            SpecChanged = entity.Status?.ObservedGeneration != generation && !(attended is { Generation: var seen } && seen == generation),
        };
    }

    private async Task<ReconcileInput> WithAccountAsync(ReconcileInput input, CancellationToken cancellationToken)
    {
        var (key, ns) = (input.Request.Key, input.Request.Owner.Namespace);
        var lookup = input.Refresh is RefreshState.Ended { Outcome: RefreshOutcome.NotStored { Lookup: var failure }, Age: var age } && age < ReconcilePolicy.RetryStore
            ? failure
            : await accounts.FindAsync(key, ns, cancellationToken);
        // The last known row can still be published.
        var known = accounts.TryGet(key)?.Record;
        if (lookup is AccountLookup.Unreadable { Rest: { } part } && part.Lists(ns))
            input = await ReadAsync(input, InputKind.Namespace, cancellationToken);
        return lookup switch
        {
            AccountLookup.Found found => input with { Account = new Lookup<AccountRecord>.Found(found.Record), Now = accounts.Now(key) },
            AccountLookup.Absent => input with { Account = new Lookup<AccountRecord>.Absent($"No row of {key} is stored.") },
            AccountLookup.Unavailable unavailable => input with
            {
                StoreError = unavailable.Message,
                Account = known is null ? input.Account : new Lookup<AccountRecord>.Found(known),
            },
            AccountLookup.WrongSchema schema => input with { Account = new Lookup<AccountRecord>.Faulty(new Problem(Reasons.StoreUnavailable, schema.Message) { NeedsHuman = true }) },
            AccountLookup.OverQuota quota => input with { Account = new Lookup<AccountRecord>.Faulty(new Problem(Reasons.QuotaExceeded, ConditionMessages.QuotaExceeded(quota.Namespace, quota.Count, quota.Max))) },
            // Never disclose another namespace's row: it is decided on as any row of others.
            AccountLookup.Unreadable { Rest: { } rest } when rest.IsClosedTo(input.User) => input with { Account = new Lookup<AccountRecord>.Found(rest) },
            AccountLookup.Unreadable unreadable => input with { Account = new Lookup<AccountRecord>.Faulty(new Problem(Reasons.StoredTokenInvalid, unreadable.Message)) },
            _ => throw new InvalidOperationException($"{lookup.GetType().Name} is not a known result of a lookup."),
        };
    }

    private async Task<ReconcileInput> ReadAsync(ReconcileInput input, InputKind kind, CancellationToken cancellationToken)
    {
        if (kind == InputKind.Seed)
            return input with { Seed = await inputs.ReadSeedAsync(input.Request.Seed!.Value, input.Provider?.Expiry.Never == true, cancellationToken) };
        if (kind == InputKind.Namespace)
            return input with { Namespace = await namespaces.ReadAsync(input.Request.Owner.Namespace, cancellationToken) };
        if (kind == InputKind.Key)
            return input with { Key = await inputs.ReadKeyAsync(input.Request.SigningKey!.Value, cancellationToken) };
        var client = await inputs.ReadClientAsync(input.Request.Client!.Value, input.Provider?.ClientAuthentication.Credential ?? ClientCredential.Secret, cancellationToken);
        var known = client is Lookup<OAuthClient>.Found { Value: var found } ? rejected.Look(input.Request.Key.Provider, found, input.Request.Owner) : default;
        return input with { Client = client, ClientRejectedUntil = input.Now + known.HeldFor, ClientAcceptedAt = input.Now - known.AcceptedAgo };
    }
}
