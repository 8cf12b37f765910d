using TokenOperator.Controller;
using TokenOperator.Entities;
using TokenOperator.Refreshing;
using TokenOperator.Runtime;
using TokenOperator.Runtime.Queues;
using TokenOperator.Runtime.Watching;
using TokenOperator.Tokens;

namespace TokenOperator.Commands;

/// <summary>Queues every OAuthToken that names the account.</summary>
public sealed class AccountQueue(IResourceCache<V1Alpha1OAuthToken> entities, IReconcileQueue<V1Alpha1OAuthToken> queue) : IAccountQueue
{
    /// <inheritdoc/>
    public void Enqueue(AccountKey key)
    {
        foreach (var entity in entities.ByIndex(EntityIndexes.Account, EntityIndexes.AccountValue(key)))
            queue.Enqueue(entity.Key());
    }
}
