using KubeRuntime;
using KubeRuntime.Queues;
using KubeRuntime.Watching;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using TokenOperator.Refreshing;

namespace TokenOperator.Reconcile;

/// <summary>Queues the OAuthTokens that name an account.</summary>
public sealed class AccountQueue(IResourceCache<V1Beta1OAuthToken> entities, IReconcileQueue<V1Beta1OAuthToken> queue) : IAccountQueue
{
    /// <inheritdoc/>
    public void Enqueue(AccountKey key)
    {
        foreach (var entity in entities.ByIndex(EntityIndexes.Account, EntityIndexes.AccountValue(key)))
            queue.Enqueue(entity.Key());
    }

    /// <inheritdoc/>
    public bool KnowsAll => entities.IsSynced;

    /// <inheritdoc/>
    public bool IsNamed(AccountKey key) => entities.ByIndex(EntityIndexes.Account, EntityIndexes.AccountValue(key)).Any();

    /// <inheritdoc/>
    public void Enqueue(NamespacedName owner) => queue.Enqueue(owner);
}
