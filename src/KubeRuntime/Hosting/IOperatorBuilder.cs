using System.Diagnostics.CodeAnalysis;
using k8s;
using k8s.Models;
using KubeRuntime.Controllers;
using KubeRuntime.Watching;
using Microsoft.Extensions.DependencyInjection;

namespace KubeRuntime.Hosting;

/// <summary>Configures what the operator does. Everything that you add is a singleton that lives as long as the host.</summary>
public interface IOperatorBuilder
{
    /// <summary>The services that the operator is added to.</summary>
    IServiceCollection Services { get; }

    /// <summary>
    /// Adds the controller of a kind. Registers a cache of the entities as <see cref="IResourceCache{TItem}"/> and their queue as
    /// <see cref="Queues.IReconcileQueue{TEntity}"/>.
    /// </summary>
    IOperatorBuilder AddController<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TController, TEntity>(Action<CacheOptions<TEntity>>? configure = null)
        where TController : class, IEntityController<TEntity>
        where TEntity : class, IKubernetesObject<V1ObjectMeta>;

    /// <summary>Adds a finalizer of a kind that has a controller.</summary>
    /// <param name="identifier">The entry in <c>metadata.finalizers</c>: a domain, a slash and a name.</param>
    IOperatorBuilder AddFinalizer<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TFinalizer, TEntity>(string identifier)
        where TFinalizer : class, IEntityFinalizer<TEntity>
        where TEntity : class, IKubernetesObject<V1ObjectMeta>;

    /// <summary>
    /// Watches another kind and reconciles the entities that its changes affect. Registers a cache of the items as
    /// <see cref="IResourceCache{TItem}"/>, so each watch needs its own type <typeparamref name="TItem"/>.
    /// </summary>
    /// <param name="kind">The kind to watch, because <see cref="PartialObjectMetadata"/> can be of any kind.</param>
    /// <param name="project">Returns the part of an object to keep; null to keep nothing.</param>
    /// <param name="map">Returns the entities that a change affects, from the old and the new item (null when absent). Runs in the watch: no I/O.</param>
    /// <param name="labelSelector">Watches only objects with these labels.</param>
    /// <param name="configure">Adds indexes to the cache.</param>
    IOperatorBuilder AddWatch<TResource, TItem, TEntity>(
        ResourceKind kind,
        Func<TResource, TItem?> project,
        Func<TItem?, TItem?, IResourceCache<TEntity>, IEnumerable<NamespacedName>> map,
        string? labelSelector = null,
        Action<CacheOptions<TItem>>? configure = null)
        where TResource : class, IKubernetesObject<V1ObjectMeta>
        where TItem : class
        where TEntity : class, IKubernetesObject<V1ObjectMeta>;
}

/// <summary>
/// Work outside of the workers, to be finished while this process still leads. The lease is released only afterwards. Register each
/// implementation as a service of this type.
/// </summary>
public interface IDrain
{
    /// <summary>Starts no more work. It is called when the stop starts, before the workers have finished, and does not wait.</summary>
    void Close();

    /// <summary>Finishes the work in progress, after the workers have stopped. Does not throw.</summary>
    /// <param name="timeout">How long to wait at most. Zero if the workers took all of <see cref="OperatorOptions.DrainTimeout"/>.</param>
    /// <returns>False if work is still in progress. The next leader then waits until the lease expires.</returns>
    Task<bool> DrainAsync(TimeSpan timeout);
}
