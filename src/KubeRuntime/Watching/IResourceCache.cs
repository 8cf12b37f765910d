namespace KubeRuntime.Watching;

/// <summary>What a cache needs of an item that is no Kubernetes object itself but a small projection of one.</summary>
public interface ICachedItem
{
    /// <summary>Namespace and name of the object.</summary>
    NamespacedName Key { get; }

    /// <summary>The object's <c>metadata.resourceVersion</c>.</summary>
    string ResourceVersion { get; }
}

/// <summary>
/// The objects of one kind as the watch last saw them. All reads are local. Items are shared: never change one.
/// </summary>
/// <typeparam name="TItem">A Kubernetes object or an <see cref="ICachedItem"/>.</typeparam>
public interface IResourceCache<TItem>
    where TItem : class
{
    /// <summary>True once everything that existed at the start is here.</summary>
    bool HasSynced { get; }

    /// <summary>The item, or null.</summary>
    TItem? Get(NamespacedName key);

    /// <summary>All items as they are now, in no order.</summary>
    IReadOnlyCollection<TItem> List();

    /// <summary>The items for which the index function of that name gave <paramref name="value"/>.</summary>
    /// <exception cref="ArgumentException">There is no index of that name.</exception>
    IEnumerable<TItem> ByIndex(string index, string value);

    /// <summary>
    /// Reads your own writes: stores the server's answer to a write unless something newer is known already. When the watch
    /// brings the same version later, that is no change.
    /// </summary>
    /// <param name="item">The answer of the server, projected as the watch projects it.</param>
    /// <param name="by">The entity in whose reconcile this was written: it is not enqueued for its own write, others are.</param>
    void Observe(TItem item, NamespacedName? by = null);

    /// <summary>
    /// The server answered that there is no such object: forgets it as a delete would, whether the watch tells of that later or
    /// has left it out. Nothing happens when <paramref name="item"/> is not what stands here any more.
    /// </summary>
    /// <param name="item">As <see cref="Get"/> gave it before the request.</param>
    void Forget(TItem item);
}
