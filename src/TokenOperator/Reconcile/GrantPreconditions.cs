using KubeRuntime.Watching;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Reconcile;

/// <summary>What decides on a grant beside the spec of its object. It asks nobody: the objects are in memory.</summary>
/// <param name="entities">The objects.</param>
/// <param name="workloadIdentity">Who may use the operator's own identity.</param>
public sealed class GrantPreconditions(IResourceCache<V1Beta1OAuthToken> entities, WorkloadIdentityAccess workloadIdentity)
{
    /// <summary>Who may use the operator's own identity.</summary>
    public WorkloadIdentityAccess WorkloadIdentity => workloadIdentity;

    /// <summary>The older objects with the same account, oldest first.</summary>
    public IReadOnlyList<OlderObject> OlderObjectsOf(V1Beta1OAuthToken entity, AccountKey key)
    {
        var others = entities.ByIndex(EntityIndexes.Account, EntityIndexes.AccountValue(key)).ToList();
        // Most accounts have one object.
        if (others.Count < 2)
            return [];
        var own = AgeOf(entity);
        return
        [
            .. others.Where(other => other.Metadata.DeletionTimestamp is null && other.Metadata.Uid != entity.Metadata.Uid && AgeOf(other).CompareTo(own) < 0)
                .OrderBy(AgeOf)
                .Select(other => TokenRequest.From(other, out _))
                .OfType<TokenRequest>()
                .Select(request => new OlderObject(request.Owner, request.GrantInputs)),
        ];
    }

    private static (DateTime, string, string) AgeOf(V1Beta1OAuthToken entity) =>
        (entity.Metadata.CreationTimestamp ?? DateTime.MaxValue, entity.Metadata.NamespaceProperty, entity.Metadata.Name);
}
