// Carries out deletionPolicy before an OAuthToken is deleted. It may use the account's row and the provider.
using System.Collections.Concurrent;
using KubeRuntime;
using KubeRuntime.Controllers;
using KubeRuntime.Queues;
using KubeRuntime.Watching;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using TokenOperator.Inputs;
using TokenOperator.Providers.Registry;
using TokenOperator.Refreshing;

namespace TokenOperator.Reconcile;

/// <summary>
/// Deletes, or revokes and deletes, the account's row. Only objects whose deletionPolicy asks for it carry the finalizer. A grant is
/// revoked within the provider's share of the work, so that no worker waits for the provider.
/// </summary>
public sealed class OAuthTokenFinalizer(
    AccountDeleter accounts, RefreshScheduler scheduler, ProviderRegistry providers, InputReader inputs, NamespaceReader namespaces,
    IResourceCache<V1Beta1OAuthToken> entities, IReconcileQueue<V1Beta1OAuthToken> queue, DeletionReporter reporter) : IEntityFinalizer<V1Beta1OAuthToken>
{
    /// <summary>The name in <c>metadata.finalizers</c>.</summary>
    public const string Identifier = V1Beta1OAuthToken.GroupName + "/account";

    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan RetryBusy = TimeSpan.FromSeconds(2);

    /// <summary>A revocation that takes longer is reported in the status.</summary>
    private static readonly TimeSpan QuickRevocation = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<string, (Task<DeletionOutcome> Outcome, long StartedAt)> _revocations = new();

    /// <inheritdoc/>
    public bool IsWanted(V1Beta1OAuthToken entity) => entity.Spec?.DeletionPolicy is "Delete" or "Revoke";

    /// <inheritdoc/>
    public async Task<ReconciliationResult<V1Beta1OAuthToken>> FinalizeAsync(V1Beta1OAuthToken entity, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(entity);
        var used = TokenRequest.WithUsedAccount(entity);
        var request = TokenRequest.From(used, out var error);
        // A spec that was never valid has no row, and must not block the deletion of its object. A policy that was changed to Retain keeps the row.
        if (!IsWanted(entity) || (request is null && entity.Status?.Account is null))
        {
            _revocations.TryRemove(entity.Metadata.Uid, out _);
            return ReconciliationResult<V1Beta1OAuthToken>.Success(entity);
        }

        // The client that the spec names for another provider must not be sent to the one that issued the token.
        if (entity.Spec.DeletionPolicy == "Revoke" && entity.Spec.Provider != used.Spec.Provider)
            request = TokenRequest.From(entity, out error);
        if (request is null)
            return await reporter.FailAsync(entity, TokenRequest.Invalid(entity) with { Key = TokenRequest.UsedKey(entity) }, error, Retry, cancellationToken);

        if (_revocations.TryGetValue(entity.Metadata.Uid, out var running))
            return await ConcludeRevocationAsync(entity, request, running.Outcome, running.StartedAt, cancellationToken);
        // A provider that is gone has no share of the work. Its accounts still have rows.
        return entity.Spec.DeletionPolicy == "Revoke" && providers.Look(request.Key.Provider) is not ProviderState.Unknown
            ? BeginRevocation(entity, request)
            : await ConcludeAsync(entity, request, await DeleteAsync(entity, request, cancellationToken), cancellationToken);
    }

    private ReconciliationResult<V1Beta1OAuthToken> BeginRevocation(V1Beta1OAuthToken entity, TokenRequest request)
    {
        var outcome = new TaskCompletionSource<DeletionOutcome>(TaskCreationOptions.RunContinuationsAsynchronously);
        _revocations[entity.Metadata.Uid] = (outcome.Task, reporter.Begin());
        scheduler.Run(request.Key, request.Owner.Namespace, async () =>
        {
            try
            {
                // The object no longer waits if its policy has changed, or if it has waited too long.
                outcome.SetResult(_revocations.ContainsKey(entity.Metadata.Uid) ? await DeleteAsync(entity, request, CancellationToken.None) : new DeletionOutcome.Done());
            }
#pragma warning disable CA1031 // Whatever went wrong is reported by the reconcile that follows.
            catch (Exception e)
            {
                outcome.SetException(e);
            }
#pragma warning restore CA1031

            queue.Enqueue(entity.Key());
        });
        return ReconciliationResult<V1Beta1OAuthToken>.Success(entity, QuickRevocation);
    }

    private async Task<ReconciliationResult<V1Beta1OAuthToken>> ConcludeRevocationAsync(
        V1Beta1OAuthToken entity, TokenRequest request, Task<DeletionOutcome> running, long startedAt, CancellationToken cancellationToken)
    {
        var isOver = reporter.IsOver(entity, startedAt);
        if (!running.IsCompleted && !isOver)
            return await reporter.WaitAsync(entity, request, cancellationToken);
        _revocations.TryRemove(entity.Metadata.Uid, out _);
        if (!running.IsCompleted)
            return await reporter.FailAsync(entity, request, "The provider has not answered.", Retry, cancellationToken);
        return running.Exception?.InnerException is { } fault
            ? await reporter.FailAsync(entity, request, $"Revoking the grant failed: {fault.Message}", Retry, cancellationToken)
            : await ConcludeAsync(entity, request, await running, cancellationToken);
    }

    private async Task<DeletionOutcome> DeleteAsync(V1Beta1OAuthToken entity, TokenRequest request, CancellationToken cancellationToken)
    {
        var users = new Dictionary<string, Lookup<NamespaceUid>>(StringComparer.Ordinal);
        foreach (var ns in Naming(request.Key).Select(other => other.Metadata.NamespaceProperty).Append(request.Owner.Namespace).Distinct(StringComparer.Ordinal))
            users[ns] = await namespaces.ReadAsync(ns, cancellationToken);
        string? unverified = null;
        var outcome = await accounts.DeleteAsync(
            request.Key,
            record =>
            {
                // Whose row it is must be certain before it is deleted, and before the object goes without it.
                if (record.Lists(request.Owner.Namespace) && record.UidOf(request.Owner.Namespace) is not null && users[request.Owner.Namespace] is Lookup<NamespaceUid>.Faulty { Problem: var problem })
                    unverified = problem.Message;
                return unverified is null && ShouldDelete(entity, request, record, users);
            },
            record => RevokeAsync(entity, request, record), cancellationToken);
        return unverified is null ? outcome
            : outcome is DeletionOutcome.Done ? new DeletionOutcome.Failed(unverified)
            : outcome;
    }

    private async Task<ReconciliationResult<V1Beta1OAuthToken>> ConcludeAsync(
        V1Beta1OAuthToken entity, TokenRequest request, DeletionOutcome outcome, CancellationToken cancellationToken)
    {
        switch (outcome)
        {
            case DeletionOutcome.Done:
            // As with a row that can be read: this namespace may neither delete it nor learn of it.
            case DeletionOutcome.Failed { Rest: { } rest } when !rest.IsOpenTo(await namespaces.UserAsync(request.Owner.Namespace, cancellationToken)):
                return ReconciliationResult<V1Beta1OAuthToken>.Success(entity);
            case DeletionOutcome.Busy:
                return await reporter.FailAsync(
                    entity, request, "The row is being refreshed, or someone else changed it. The operator deletes it afterwards.", RetryBusy, cancellationToken);
            case DeletionOutcome.LeadershipLost:
                return ReconciliationResult<V1Beta1OAuthToken>.Failure(entity, $"This process no longer leads. The leader deletes the row of {request.ShownAccount}.", requeueAfter: Retry);
            case DeletionOutcome.Failed failed:
                return await reporter.FailAsync(entity, request, failed.Message, Retry, cancellationToken);
            default:
                throw new InvalidOperationException($"{outcome.GetType().Name} is not a known result of a deletion.");
        }
    }

    private bool ShouldDelete(V1Beta1OAuthToken entity, TokenRequest request, AccountRecord record, Dictionary<string, Lookup<NamespaceUid>> users)
    {
        if (!record.IsOpenTo(UserOf(request.Owner.Namespace, users)) || !IsWanted(Current(entity)))
            return false;
        if (OtherUser(entity, request.Key, record, users) is not { } other)
            return true;
        reporter.Announce(entity, Reasons.AccountKept, $"The row of {request.ShownAccount} is kept: OAuthToken {other} uses it.");
        return false;
    }

    /// <summary>Revokes the grant if the policy says so. Returns null, or why it could not.</summary>
    private async Task<string?> RevokeAsync(V1Beta1OAuthToken entity, TokenRequest request, AccountRecord record)
    {
        if (Current(entity).Spec.DeletionPolicy != "Revoke" || (record.Token.RefreshToken ?? record.Token.AccessToken) is null)
            return null;
        if (providers.Find(request.Key.Provider) is not { } provider)
            return $"The document that describes the provider {request.Key.Provider} cannot be used, so the grant of {request.ShownAccount} is not revoked.";
        if (!provider.Document.TakesAccountsFrom(record.Token.TokenHost))
            return ConditionMessages.NotRevokedAfterMove(request, record.Token.TokenHost!, provider.Document.TokenHost);
        var client = provider.Document.Revocation is { NeedsClient: true } && request.Client is { } where
            ? await inputs.ReadClientAsync(where, provider.Document.ClientAuthentication.Credential, CancellationToken.None)
            : null;
        var response = await provider.RevokeAsync((client as Lookup<OAuthClient>.Found)?.Value, record.Token, CancellationToken.None);
        if (!response.Revoked)
            return $"The provider did not revoke the grant of {request.ShownAccount} ({response.Detail}).";
        reporter.Announce(entity, Reasons.Revoked, $"The grant of {request.ShownAccount} is revoked at the provider.");
        return null;
    }

    /// <summary>The current object: its policy can change while a revocation waits for the provider's share.</summary>
    private V1Beta1OAuthToken Current(V1Beta1OAuthToken entity) =>
        entities.Get(entity.Key()) is { } current && current.Metadata.Uid == entity.Metadata.Uid ? current : entity;

    private IEnumerable<V1Beta1OAuthToken> Naming(AccountKey key) => entities.ByIndex(EntityIndexes.Account, EntityIndexes.AccountValue(key));

    // An object in a namespace that may not use the account only names it: it neither keeps the row nor appears in a message. One in a
    // namespace that cannot be read keeps the row.
    private NamespacedName? OtherUser(V1Beta1OAuthToken entity, AccountKey key, AccountRecord record, Dictionary<string, Lookup<NamespaceUid>> users) => Naming(key)
        .FirstOrDefault(o => o.Metadata.DeletionTimestamp is null && o.Metadata.Uid != entity.Metadata.Uid
            && (users.GetValueOrDefault(o.Metadata.NamespaceProperty) is Lookup<NamespaceUid>.Found
                ? record.IsOpenTo(UserOf(o.Metadata.NamespaceProperty, users))
                : record.Lists(o.Metadata.NamespaceProperty)))?
        .Key();

    private static AccountUser UserOf(string ns, Dictionary<string, Lookup<NamespaceUid>> users) =>
        new(ns, users.GetValueOrDefault(ns) is Lookup<NamespaceUid>.Found { Value.Value: var uid } ? uid : null);
}
