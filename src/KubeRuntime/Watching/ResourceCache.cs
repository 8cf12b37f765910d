using System.Globalization;
using k8s.Models;

namespace KubeRuntime.Watching;

/// <summary>A change of the cache.</summary>
/// <param name="Key">Of the object.</param>
/// <param name="Old">What was there; null for a new object.</param>
/// <param name="New">What is there now; null for one that is gone.</param>
/// <param name="By">In whose reconcile it was written, when the cache was told by that.</param>
internal readonly record struct CacheChange<TItem>(NamespacedName Key, TItem? Old, TItem? New, NamespacedName? By = null);

/// <summary>
/// The cache behind the reflectors. Versions decide what is newer: a version that a reflector has passed is known already, so neither
/// a late event nor the answer to an own write can bring an old state or a deleted object back.
/// </summary>
internal sealed class ResourceCache<TItem> : IResourceCache<TItem>
    where TItem : class
{
    private readonly Lock _sync = new();
    private readonly Dictionary<NamespacedName, Entry> _entries = [];
    private readonly Dictionary<string, Index> _indexes = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ulong> _passed = new(StringComparer.Ordinal);
    private readonly List<Action<CacheChange<TItem>>> _subscribers = [];
    private readonly TaskCompletionSource _synced = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Func<TItem, (NamespacedName Key, string? Version)> _identify = IdentityOf();
    private readonly HashSet<string> _scopes;

    /// <param name="scopes">The namespaces that are watched; one empty string for all.</param>
    /// <param name="options">The indexes.</param>
    public ResourceCache(IEnumerable<string> scopes, CacheOptions<TItem> options)
    {
        _scopes = scopes.ToHashSet(StringComparer.Ordinal);
        foreach (var (name, values) in options.Indexes) _indexes.Add(name, new Index(values));
    }

    public bool HasSynced => _synced.Task.IsCompleted;

    public Task Synced => _synced.Task;

    /// <summary>Before the reflectors start. A subscriber runs in the watch: it must be quick and must not throw.</summary>
    public void Subscribe(Action<CacheChange<TItem>> subscriber) => _subscribers.Add(subscriber);

    public TItem? Get(NamespacedName key)
    {
        lock (_sync) return _entries.TryGetValue(key, out var entry) ? entry.Item : null;
    }

    public IReadOnlyCollection<TItem> List()
    {
        lock (_sync) return [.. _entries.Values.Select(e => e.Item)];
    }

    public IEnumerable<TItem> ByIndex(string index, string value)
    {
        if (!_indexes.TryGetValue(index, out var found))
        {
            throw new ArgumentException($"The cache of {typeof(TItem).Name} has no index \"{index}\"; it has: {string.Join(", ", _indexes.Keys)}.", nameof(index));
        }

        lock (_sync) return found.Keys.TryGetValue(value, out var keys) ? [.. keys.Select(key => _entries[key].Item)] : [];
    }

    public void Observe(TItem item, NamespacedName? by = null)
    {
        if (Store(item) is { } old) Publish(new(_identify(item).Key, old.Item, item, by));
    }

    public void Forget(TItem item)
    {
        var key = _identify(item).Key;
        lock (_sync)
        {
            if (!_entries.TryGetValue(key, out var entry) || !ReferenceEquals(entry.Item, item)) return;
            Remove(key, item);
        }

        Publish(new(key, item, null));
    }

    /// <summary>As <see cref="Observe"/>, for a write of which nobody needs to hear.</summary>
    public void ObserveSilently(TItem item) => Store(item);

    /// <summary>
    /// The whole of a scope as a LIST found it at <paramref name="version"/>: what it lacks is gone. What it
    /// <paramref name="passedOver"/> is there and stays as it was last understood, as after such an event of a watch.
    /// </summary>
    public void Replace(string scope, IReadOnlyCollection<TItem> items, string version, IEnumerable<NamespacedName>? passedOver = null)
    {
        var changes = new List<CacheChange<TItem>>();
        var listed = Parse(version);
        lock (_sync)
        {
            if (listed < _passed.GetValueOrDefault(scope)) ForgetVersions(scope);
            var found = new HashSet<NamespacedName>(items.Count);
            found.UnionWith(passedOver ?? []);
            foreach (var item in items)
            {
                var (key, itemVersion) = _identify(item);
                found.Add(key);
                if (Put(key, item, Parse(itemVersion)) is { } old) changes.Add(new(key, old.Item, item));
            }

            var gone = _entries.Where(e => !found.Contains(e.Key) && Covers(scope, e.Key) && e.Value.Version <= listed).ToList();
            foreach (var (key, entry) in gone)
            {
                Remove(key, entry.Item);
                changes.Add(new(key, entry.Item, null));
            }

            Pass(scope, listed);
        }

        foreach (var change in changes) Publish(change);
        lock (_sync)
        {
            _scopes.Remove(scope);
            if (_scopes.Count == 0) _synced.TrySetResult();
        }
    }

    /// <summary>One event of a watch; <paramref name="item"/> is null when the object is gone or not to be kept.</summary>
    public void Apply(string scope, NamespacedName key, TItem? item, string? version)
    {
        CacheChange<TItem>? change = null;
        lock (_sync)
        {
            var at = Parse(version);
            if (item is not null)
            {
                if (Put(key, item, at) is { } old) change = new(key, old.Item, item);
            }
            else if (_entries.TryGetValue(key, out var entry) && entry.Version <= at)
            {
                Remove(key, entry.Item);
                change = new(key, entry.Item, null);
            }

            Pass(scope, at);
        }

        if (change is { } happened) Publish(happened);
    }

    /// <summary>A bookmark: the watch has come as far as <paramref name="version"/>.</summary>
    public void Bookmark(string scope, string? version)
    {
        lock (_sync) Pass(scope, Parse(version));
    }

    /// <summary>Throws unless <typeparamref name="TItem"/> tells its key and version.</summary>
    internal static Func<TItem, (NamespacedName Key, string? Version)> IdentityOf()
    {
        if (typeof(IMetadata<V1ObjectMeta>).IsAssignableFrom(typeof(TItem)))
        {
            return item => (((IMetadata<V1ObjectMeta>)item).Key(), ((IMetadata<V1ObjectMeta>)item).Metadata?.ResourceVersion);
        }

        if (typeof(ICachedItem).IsAssignableFrom(typeof(TItem)))
        {
            return item => (((ICachedItem)item).Key, ((ICachedItem)item).ResourceVersion);
        }

        throw new InvalidOperationException($"{typeof(TItem).Name} cannot be cached: implement {nameof(ICachedItem)}.");
    }

    // Versions are numbers that grow over the whole of a resource type; a server that uses something else gets "always newer".
    private static ulong Parse(string? version) =>
        ulong.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : ulong.MaxValue;

    private static bool Covers(string scope, NamespacedName key) => scope.Length == 0 || key.Namespace == scope;

    private Entry? Store(TItem item)
    {
        var (key, version) = _identify(item);
        var at = Parse(version);
        lock (_sync)
        {
            var known = _passed.TryGetValue("", out var all) ? all : _passed.GetValueOrDefault(key.Namespace);
            return at <= known ? null : Put(key, item, at);
        }
    }

    /// <summary>Null when the item is no newer; else what was there before (an empty entry for nothing).</summary>
    private Entry? Put(NamespacedName key, TItem item, ulong version)
    {
        var existed = _entries.TryGetValue(key, out var old);
        if (existed && version <= old!.Version && version != ulong.MaxValue) return null;
        if (existed) Unindex(key, old!.Item!);
        _entries[key] = new(item, version);
        foreach (var index in _indexes.Values)
        {
            foreach (var value in index.Values(item))
            {
                if (!index.Keys.TryGetValue(value, out var keys)) index.Keys[value] = keys = [];
                keys.Add(key);
            }
        }

        return existed ? old : Entry.None;
    }

    private void Remove(NamespacedName key, TItem item)
    {
        _entries.Remove(key);
        Unindex(key, item);
    }

    private void Unindex(NamespacedName key, TItem item)
    {
        foreach (var index in _indexes.Values)
        {
            foreach (var value in index.Values(item))
            {
                if (index.Keys.TryGetValue(value, out var keys) && keys.Remove(key) && keys.Count == 0) index.Keys.Remove(value);
            }
        }
    }

    // The server's history went backwards: its database was restored from a backup, so nothing that is known counts as newer.
    private void ForgetVersions(string scope)
    {
        _passed.Remove(scope);
        foreach (var (key, entry) in _entries.Where(e => Covers(scope, e.Key)).ToList()) _entries[key] = entry with { Version = 0 };
    }

    private void Pass(string scope, ulong version)
    {
        if (version != ulong.MaxValue && version > _passed.GetValueOrDefault(scope)) _passed[scope] = version;
    }

    private void Publish(CacheChange<TItem> change)
    {
        foreach (var subscriber in _subscribers) subscriber(change);
    }

    private sealed record Entry(TItem Item, ulong Version)
    {
        public static readonly Entry None = new(null!, 0);
    }

    private sealed record Index(Func<TItem, IEnumerable<string>> Values)
    {
        public Dictionary<string, HashSet<NamespacedName>> Keys { get; } = new(StringComparer.Ordinal);
    }
}
