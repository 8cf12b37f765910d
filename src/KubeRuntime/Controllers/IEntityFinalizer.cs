using k8s;
using k8s.Models;

namespace KubeRuntime.Controllers;

/// <summary>Undoes what a controller did outside the cluster before an entity goes.</summary>
/// <typeparam name="TEntity">The kind of object.</typeparam>
public interface IEntityFinalizer<TEntity>
    where TEntity : IKubernetesObject<V1ObjectMeta>
{
    /// <summary>
    /// Whether the entity needs this finalizer as it stands. The runtime adds it before the entity is reconciled, and
    /// takes it away when it is wanted no longer.
    /// </summary>
    bool IsWanted(TEntity entity);

    /// <summary>
    /// Called once the entity is marked for deletion. After a success the finalizer is removed; after a failure it is tried
    /// again, so that it may run more than once.
    /// </summary>
    Task<ReconciliationResult<TEntity>> FinalizeAsync(TEntity entity, CancellationToken cancellationToken);
}
