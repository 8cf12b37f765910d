using System.Diagnostics.CodeAnalysis;
using KubeRuntime.Controllers;
using KubeRuntime.Watching;
using Microsoft.Extensions.DependencyInjection;
using k8s;
using k8s.Models;

namespace KubeRuntime.Hosting;

/// <summary>Says what the operator does. Everything that is added lives as long as the host, one instance each.</summary>
public interface IOperatorBuilder
{
    /// <summary>The services that the operator is added to.</summary>
    IServiceCollection Services { get; }

    /// <summary>
    /// Adds the controller of a kind. Its entities are cached as <see cref="IResourceCache{TItem}"/> and its queue is
    /// <see cref="Queues.IReconcileQueue{TEntity}"/>.
    /// </summary>
    IOperatorBuilder AddController<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TController, TEntity>(Action<CacheOptions<TEntity>>? configure = null)
        where TController : class, IEntityController<TEntity>
        where TEntity : class, IKubernetesObject<V1ObjectMeta>;

    /// <summary>Adds a finalizer of a kind that has a controller.</summary>
    /// <param name="identifier">As it stands in <c>metadata.finalizers</c>: a domain, a slash and a name.</param>
    IOperatorBuilder AddFinalizer<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TFinalizer, TEntity>(string identifier)
        where TFinalizer : class, IEntityFinalizer<TEntity>
        where TEntity : class, IKubernetesObject<V1ObjectMeta>;

    /// <summary>
    /// Watches another kind for the sake of a controller's. The items are cached as <see cref="IResourceCache{TItem}"/>,
    /// so <typeparamref name="TItem"/> must be a type of its own for each watch.
    /// </summary>
    /// <param name="kind">What to watch; needed since <see cref="PartialObjectMetadata"/> can be of any kind.</param>
    /// <param name="project">The little that is kept of an object; null when nothing is.</param>
    /// <param name="map">Which entities a change (old, new; null for absent) concerns. Runs in the watch: no I/O.</param>
    /// <param name="labelSelector">Only objects with these labels.</param>
    /// <param name="configure">Indexes of the cache.</param>
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
