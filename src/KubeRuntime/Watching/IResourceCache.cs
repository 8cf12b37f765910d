namespace KubeRuntime.Watching;

/// <summary>An item of a cache that is not a Kubernetes object but a small projection of one.</summary>
public interface ICachedItem
{
    /// <summary>The namespace and name of the object.</summary>
    NamespacedName Key { get; }

    /// <summary>The object's <c>metadata.resourceVersion</c>.</summary>
    string ResourceVersion { get; }
}

/// <summary>
/// The objects of one kind as the watch last saw them. All reads are local. Items are shared: do not change them.
/// </summary>
/// <typeparam name="TItem">A Kubernetes object or an <see cref="ICachedItem"/>.</typeparam>
public interface IResourceCache<TItem>
    where TItem : class
{
    /// <summary>True when the cache holds everything that existed at the start.</summary>
    bool IsSynced { get; }

    /// <summary>The item; null when there is none.</summary>
    TItem? Get(NamespacedName key);

    /// <summary>All current items, in no particular order.</summary>
    IReadOnlyCollection<TItem> List();

    /// <summary>The items for which the index function of that name returned <paramref name="value"/>.</summary>
    /// <exception cref="ArgumentException">There is no index of that name.</exception>
    IEnumerable<TItem> ByIndex(string index, string value);

    /// <summary>
    /// Identifies the time for which the cache has held items of a namespace without a break: another number after the last of them
    /// disappeared, and after a list, which does not say what happened before it. 0 when there are none. What you learn of a namespace holds
    /// for its items as long as this number does.
    /// </summary>
    long PresenceOf(string ns);

    /// <summary>
    /// Lets you read your own writes: stores the server's response to a write, unless the cache has a newer version already. The same
    /// version from the watch is no further change.
    /// </summary>
    /// <param name="item">The response of the server, projected as the watch projects it.</param>
    /// <param name="by">The entity whose reconcile wrote the item: its own write does not enqueue it, but it does enqueue other entities.</param>
    void Observe(TItem item, NamespacedName? by = null);

    /// <summary>
    /// Removes an object of which the server says that it does not exist, as if the watch had reported its deletion. Does nothing when
    /// the cache holds something other than <paramref name="item"/> by now.
    /// </summary>
    /// <param name="item">The item that <see cref="Get"/> returned before the request.</param>
    void Forget(TItem item);

    /// <summary>
    /// Calls <paramref name="onChange"/> with the old and the new item (null when absent) on each change, on every replica and from the first
    /// list on. Subscribe before the host starts. The function runs in the watch: it returns quickly, does no I/O and does not throw.
    /// </summary>
    void Subscribe(Action<TItem?, TItem?> onChange);
}

/// <summary>The settings of a cache.</summary>
/// <typeparam name="TItem">A Kubernetes object or an <see cref="ICachedItem"/>.</typeparam>
public sealed class CacheOptions<TItem>
    where TItem : class
{
    internal Dictionary<string, Func<TItem, IEnumerable<string>>> Indexes { get; } = new(StringComparer.Ordinal);

    internal Func<TItem, TItem>? Shrink { get; private set; }

    internal bool IsClusterScoped { get; private set; }

    internal bool IsOptional { get; private set; }

    /// <summary>The kind has no namespaces: all of its objects are watched, whichever namespaces the operator watches.</summary>
    public CacheOptions<TItem> ClusterScoped()
    {
        IsClusterScoped = true;
        return this;
    }

    /// <summary>
    /// The operator works without this kind. If the API server does not serve it or denies the list, the cache counts as filled, and the list is tried
    /// again every few minutes.
    /// </summary>
    public CacheOptions<TItem> Optional()
    {
        IsOptional = true;
        return this;
    }

    /// <summary>
    /// Reduces each item to what its readers need before it is stored: others determine how large an object is. The function may change the
    /// item itself.
    /// </summary>
    public CacheOptions<TItem> KeepOnly(Func<TItem, TItem> shrink)
    {
        Shrink = shrink;
        return this;
    }

    /// <summary>Adds an index for <see cref="IResourceCache{TItem}.ByIndex"/>.</summary>
    /// <param name="name">The name of the index.</param>
    /// <param name="values">The values under which an item is found; a pure function without I/O.</param>
    public CacheOptions<TItem> AddIndex(string name, Func<TItem, IEnumerable<string>> values)
    {
        Indexes.Add(name, values);
        return this;
    }
}
