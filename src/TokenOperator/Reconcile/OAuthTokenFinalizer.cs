// Carries out deletionPolicy before an OAuthToken is deleted. It may use the account's row and the provider.
using System.Collections.Concurrent;
using KubeRuntime;
using KubeRuntime.Controllers;
using KubeRuntime.Events;
using KubeRuntime.Queues;
using KubeRuntime.Watching;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using TokenOperator.Inputs;
using TokenOperator.Providers;
using TokenOperator.Publishing;
using TokenOperator.Refreshing;

namespace TokenOperator.Reconcile;

/// <summary>
/// Deletes, or revokes and deletes, the account's row. Only objects whose deletionPolicy asks for it carry the finalizer. A grant is
/// revoked within the provider's share of the work, so that no worker waits for the provider.
/// </summary>
public sealed class OAuthTokenFinalizer(
    AccountDeleter accounts, RefreshScheduler scheduler, ProviderRegistry providers, InputReader inputs, IResourceCache<V1Alpha1OAuthToken> entities,
    IReconcileQueue<V1Alpha1OAuthToken> queue, EventPublisher events, DeletionReporter reporter) : IEntityFinalizer<V1Alpha1OAuthToken>
{
    /// <summary>The name in <c>metadata.finalizers</c>.</summary>
    public const string Identifier = V1Alpha1OAuthToken.GroupName + "/account";

    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan RetryBusy = TimeSpan.FromSeconds(2);

    /// <summary>A revocation that takes longer is reported in the status.</summary>
    private static readonly TimeSpan QuickRevocation = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<string, Task<DeletionOutcome>> _revocations = new();

    /// <inheritdoc/>
    public bool IsWanted(V1Alpha1OAuthToken entity) => entity.Spec?.DeletionPolicy is "Delete" or "Revoke";

    /// <inheritdoc/>
    public async Task<ReconciliationResult<V1Alpha1OAuthToken>> FinalizeAsync(V1Alpha1OAuthToken entity, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(entity);
        // A spec that was never valid has no row, and must not block the deletion of its object. A policy that was changed to Retain keeps the row.
        if (!IsWanted(entity) || TokenRequest.From(entity, out _) is not { } request || !providers.Names.Contains(request.Key.Provider))
        {
            _revocations.TryRemove(entity.Metadata.Uid, out _);
            return ReconciliationResult<V1Alpha1OAuthToken>.Success(entity);
        }

        if (_revocations.TryGetValue(entity.Metadata.Uid, out var running))
            return await ConcludeRevocationAsync(entity, request, running, cancellationToken);
        return entity.Spec.DeletionPolicy == "Revoke"
            ? BeginRevocation(entity, request)
            : await ConcludeAsync(entity, request, await DeleteAsync(entity, request, cancellationToken), cancellationToken);
    }

    private ReconciliationResult<V1Alpha1OAuthToken> BeginRevocation(V1Alpha1OAuthToken entity, TokenRequest request)
    {
        var outcome = new TaskCompletionSource<DeletionOutcome>(TaskCreationOptions.RunContinuationsAsynchronously);
        _revocations[entity.Metadata.Uid] = outcome.Task;
        scheduler.Run(request.Key, request.Owner.Namespace, async () =>
        {
            try
            {
                outcome.SetResult(await DeleteAsync(entity, request, CancellationToken.None));
            }
#pragma warning disable CA1031 // Whatever went wrong is reported by the reconcile that follows.
            catch (Exception e)
            {
                outcome.SetException(e);
            }
#pragma warning restore CA1031

            queue.Enqueue(entity.Key());
        });
        return ReconciliationResult<V1Alpha1OAuthToken>.Success(entity, QuickRevocation);
    }

    private async Task<ReconciliationResult<V1Alpha1OAuthToken>> ConcludeRevocationAsync(
        V1Alpha1OAuthToken entity, TokenRequest request, Task<DeletionOutcome> running, CancellationToken cancellationToken)
    {
        if (!running.IsCompleted)
            return await reporter.WaitAsync(entity, request, cancellationToken);
        _revocations.TryRemove(entity.Metadata.Uid, out _);
        return running.Exception?.InnerException is { } fault
            ? await reporter.FailAsync(entity, request, $"Revoking the grant failed: {fault.Message}", Retry, cancellationToken)
            : await ConcludeAsync(entity, request, await running, cancellationToken);
    }

    private Task<DeletionOutcome> DeleteAsync(V1Alpha1OAuthToken entity, TokenRequest request, CancellationToken cancellationToken) =>
        accounts.DeleteAsync(request.Key, record => ShouldDelete(entity, request, record), record => RevokeAsync(entity, request, record), cancellationToken);

    private async Task<ReconciliationResult<V1Alpha1OAuthToken>> ConcludeAsync(
        V1Alpha1OAuthToken entity, TokenRequest request, DeletionOutcome outcome, CancellationToken cancellationToken)
    {
        switch (outcome)
        {
            case DeletionOutcome.Done:
            // As with a row that can be read: this namespace may neither delete it nor learn of it.
            case DeletionOutcome.Failed { Rest: { } rest } when !rest.IsOpenTo(request.Owner.Namespace):
                return ReconciliationResult<V1Alpha1OAuthToken>.Success(entity);
            case DeletionOutcome.Busy:
                return await reporter.FailAsync(
                    entity, request, "The row is being refreshed, or someone else changed it. The operator deletes it afterwards.", RetryBusy, cancellationToken);
            case DeletionOutcome.LeadershipLost:
                return ReconciliationResult<V1Alpha1OAuthToken>.Failure(entity, $"This process no longer leads. The leader deletes the row of {request.Key}.", requeueAfter: Retry);
            case DeletionOutcome.Failed failed:
                return await reporter.FailAsync(entity, request, failed.Message, Retry, cancellationToken);
            default:
                throw new InvalidOperationException($"{outcome.GetType().Name} is not a known result of a deletion.");
        }
    }

    private bool ShouldDelete(V1Alpha1OAuthToken entity, TokenRequest request, AccountRecord record)
    {
        if (!record.IsOpenTo(request.Owner.Namespace) || !IsWanted(Current(entity)))
            return false;
        if (OtherUser(entity, request.Key, record) is not { } other)
            return true;
        events.Publish(entity, Reasons.AccountKept, $"The row of {request.Key} is kept: OAuthToken {other} uses it.");
        return false;
    }

    /// <summary>Revokes the grant if the policy says so. Returns null, or why it could not.</summary>
    private async Task<string?> RevokeAsync(V1Alpha1OAuthToken entity, TokenRequest request, AccountRecord record)
    {
        if (Current(entity).Spec.DeletionPolicy != "Revoke" || (record.Token.RefreshToken ?? record.Token.AccessToken) is null)
            return null;
        var provider = providers.Find(request.Key.Provider)!;
        var client = provider.Document.Revocation is { Authenticates: true }
            ? await inputs.ReadClientAsync(request.Client, provider.Document.ClientAuthentication.Credential, CancellationToken.None)
            : null;
        var response = await provider.RevokeAsync((client as Lookup<OAuthClient>.Found)?.Value, record.Token, CancellationToken.None);
        if (!response.Revoked)
            return $"The provider did not revoke the grant of {request.Key} ({response.Detail}).";
        events.Publish(entity, Reasons.Revoked, $"The grant of {request.Key} is revoked at the provider.");
        return null;
    }

    /// <summary>The current object: its policy can change while a revocation waits for the provider's share.</summary>
    private V1Alpha1OAuthToken Current(V1Alpha1OAuthToken entity) =>
        entities.Get(entity.Key()) is { } current && current.Metadata.Uid == entity.Metadata.Uid ? current : entity;

    // An object in a namespace that may not use the account only names it: it neither keeps the row nor appears in a message.
    private NamespacedName? OtherUser(V1Alpha1OAuthToken entity, AccountKey key, AccountRecord record) => entities
        .ByIndex(EntityIndexes.Account, EntityIndexes.AccountValue(key))
        .FirstOrDefault(o => o.Metadata.DeletionTimestamp is null && o.Metadata.Uid != entity.Metadata.Uid
            && record.IsOpenTo(o.Metadata.NamespaceProperty))?
        .Key();
}
