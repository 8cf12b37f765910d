// What deletionPolicy says, done before an OAuthToken goes. May touch the account's row and the provider.
using KubeRuntime;
using KubeRuntime.Controllers;
using KubeRuntime.Events;
using KubeRuntime.Watching;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;
using TokenOperator.Providers;
using TokenOperator.Refreshing;

namespace TokenOperator.Reconcile;

/// <summary>Deletes, or revokes and deletes, the account's row. Only objects whose deletionPolicy asks for it carry the finalizer.</summary>
public sealed class OAuthTokenFinalizer(
    AccountImporter accounts, ProviderRegistry providers, IResourceCache<V1Alpha1OAuthToken> entities, EventPublisher events)
    : IEntityFinalizer<V1Alpha1OAuthToken>
{
    /// <summary>As it stands in <c>metadata.finalizers</c>.</summary>
    public const string Identifier = V1Alpha1OAuthToken.GroupName + "/account";

    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(30);

    /// <inheritdoc/>
    public bool IsWanted(V1Alpha1OAuthToken entity) => entity.Spec?.DeletionPolicy is "Delete" or "Revoke";

    /// <inheritdoc/>
    public async Task<ReconciliationResult<V1Alpha1OAuthToken>> FinalizeAsync(V1Alpha1OAuthToken entity, CancellationToken cancellationToken)
    {
        // A spec that never was valid has no row, and must not keep its object from going.
        if (TokenRequest.From(entity, out _) is not { } request || !providers.Names.Contains(request.Key.Provider))
            return ReconciliationResult<V1Alpha1OAuthToken>.Success(entity);
        try
        {
            return await accounts.DeleteAsync(
                request.Key, record => IsToGo(entity, request, record), record => RevokeAsync(entity, request, record, cancellationToken), cancellationToken)
                ? ReconciliationResult<V1Alpha1OAuthToken>.Success(entity)
                : ReconciliationResult<V1Alpha1OAuthToken>.Failure(entity, $"The row of {request.Key} is being refreshed or was changed by somebody else; it is deleted after that.");
        }
        catch (LeadershipLostException e)
        {
            return ReconciliationResult<V1Alpha1OAuthToken>.Failure(entity, e.Message, e, Retry);
        }
        catch (UnreadableRowException e) when (e.Rest?.IsOpenTo(request.Owner.Namespace) == false)
        {
            // As with a row that can be read: it is not this namespace's to delete, nor to know of.
            return ReconciliationResult<V1Alpha1OAuthToken>.Success(entity);
        }
        catch (Exception e) when (e is StoreUnavailableException or UnreadableRowException or RevocationFailedException)
        {
            var message = $"deletionPolicy {entity.Spec.DeletionPolicy} cannot be carried out yet: {e.Message} "
                + "Tried again by itself; to let the object go and keep the row, set spec.deletionPolicy to Retain.";
            events.Publish(entity, "Warning", Reasons.CleanupFailed, "Delete", message);
            return ReconciliationResult<V1Alpha1OAuthToken>.Failure(entity, message, e, Retry);
        }
    }

    private bool IsToGo(V1Alpha1OAuthToken entity, TokenRequest request, AccountRecord record)
    {
        if (!record.IsOpenTo(request.Owner.Namespace))
            return false;
        if (OtherUser(entity, request.Key, record) is not { } other)
            return true;
        events.Publish(entity, "Normal", "AccountKept", "Delete", $"The row of {request.Key} is kept: OAuthToken {other} uses it.");
        return false;
    }

    private async Task RevokeAsync(V1Alpha1OAuthToken entity, TokenRequest request, AccountRecord record, CancellationToken ct)
    {
        if (entity.Spec.DeletionPolicy != "Revoke" || (record.Token.RefreshToken ?? record.Token.AccessToken) is not { } token)
            return;
        var answer = await providers.Find(request.Key.Provider)!.RevokeAsync(token, ct);
        if (!answer.Revoked)
            throw new RevocationFailedException($"The provider did not revoke the grant of {request.Key} ({answer.Detail}).");
        events.Publish(entity, "Normal", "Revoked", "Revoke", $"The grant of {request.Key} is revoked at the provider.");
    }

    // An object in a namespace that may not use the account only names it: it neither keeps the row nor is told of.
    private NamespacedName? OtherUser(V1Alpha1OAuthToken entity, AccountKey key, AccountRecord record) => entities
        .ByIndex(EntityIndexes.Account, EntityIndexes.AccountValue(key))
        .FirstOrDefault(o => o.Metadata.DeletionTimestamp is null && o.Metadata.Uid != entity.Metadata.Uid
            && record.IsOpenTo(o.Metadata.NamespaceProperty))?
        .Key();

    private sealed class RevocationFailedException(string message) : Exception(message);
}
