using k8s;
using k8s.Models;

namespace KubeRuntime.Watching;

/// <summary>One cache with all that feeds it.</summary>
internal interface IResourceWatch
{
    /// <summary>Completes when the cache holds what existed at the start.</summary>
    Task Synced { get; }

    /// <summary>Runs until cancelled.</summary>
    Task RunAsync(CancellationToken cancellationToken);
}

/// <summary>A cache and its reflectors, one for each namespace.</summary>
internal sealed class ResourceWatch<TResource, TItem>(
    ResourceCache<TItem> cache, IReadOnlyList<Reflector<TResource, TItem>> reflectors) : IResourceWatch
    where TResource : class, IKubernetesObject<V1ObjectMeta>
    where TItem : class
{
    public Task Synced => cache.Synced;

    public Task RunAsync(CancellationToken cancellationToken) => Task.WhenAll(reflectors.Select(r => r.RunAsync(cancellationToken)));
}
