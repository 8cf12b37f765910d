// What an operator's author implements: a controller, and a finalizer where something outside the cluster must be undone.
using k8s;
using k8s.Models;

namespace KubeRuntime.Controllers;

/// <summary>
/// Brings the world to what an entity asks for. One instance serves all workers; it is never called for the same
/// key twice at once. The entity is the cache's own copy: read it, never change it.
/// </summary>
/// <typeparam name="TEntity">The kind of object.</typeparam>
public interface IEntityController<TEntity>
    where TEntity : IKubernetesObject<V1ObjectMeta>
{
    /// <summary>
    /// Called when the entity is new or changed in more than its status, when it was enqueued, and at each resync.
    /// An exception counts as a failure and is tried again with backoff.
    /// </summary>
    Task<ReconciliationResult<TEntity>> ReconcileAsync(TEntity entity, CancellationToken cancellationToken);

    /// <summary>
    /// Called with the last known state after the entity is gone, when this process leads and sees it go.
    /// What must not be missed belongs into an <see cref="IEntityFinalizer{TEntity}"/>.
    /// </summary>
    Task<ReconciliationResult<TEntity>> DeletedAsync(TEntity entity, CancellationToken cancellationToken);
}
