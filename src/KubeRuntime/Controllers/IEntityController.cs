// What the author of an operator implements: a controller and, where something outside the cluster must be undone, a finalizer.
using k8s;
using k8s.Models;

namespace KubeRuntime.Controllers;

/// <summary>
/// Moves the actual state to the state that an entity asks for. One instance serves all workers; it is never called twice at once for
/// the same key. The entity is the copy in the cache: read it, never change it.
/// </summary>
/// <typeparam name="TEntity">The kind of object.</typeparam>
public interface IEntityController<TEntity>
    where TEntity : IKubernetesObject<V1ObjectMeta>
{
    /// <summary>
    /// Called when the entity was created, when more than its status changed, when it was enqueued, and at each resync. An exception
    /// counts as a failure and is retried with backoff.
    /// </summary>
    Task<ReconciliationResult<TEntity>> ReconcileAsync(TEntity entity, CancellationToken cancellationToken);

    /// <summary>
    /// Called with the last known state after the entity was deleted, if this process leads and sees the deletion. Work that must not
    /// be missed belongs in an <see cref="IEntityFinalizer{TEntity}"/>.
    /// </summary>
    Task<ReconciliationResult<TEntity>> DeletedAsync(TEntity entity, CancellationToken cancellationToken);
}

/// <summary>Undoes what a controller did outside the cluster, before an entity is deleted.</summary>
/// <typeparam name="TEntity">The kind of object.</typeparam>
public interface IEntityFinalizer<TEntity>
    where TEntity : IKubernetesObject<V1ObjectMeta>
{
    /// <summary>
    /// Whether the entity in its current state needs this finalizer. The runtime adds the finalizer before the entity is reconciled,
    /// and removes it when it is no longer wanted.
    /// </summary>
    bool IsWanted(TEntity entity);

    /// <summary>
    /// Called when the entity is being deleted. After a success the runtime removes the finalizer; after a failure it retries, so the
    /// method can run more than once.
    /// </summary>
    Task<ReconciliationResult<TEntity>> FinalizeAsync(TEntity entity, CancellationToken cancellationToken);
}
