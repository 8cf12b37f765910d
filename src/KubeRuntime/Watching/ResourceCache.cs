using System.Globalization;
using k8s.Models;

namespace KubeRuntime.Watching;

/// <summary>A change of the cache.</summary>
/// <param name="Key">The key of the object.</param>
/// <param name="Old">The previous item; null for a new object.</param>
/// <param name="New">The current item; null for a deleted object.</param>
/// <param name="By">The entity whose reconcile made the change, if <see cref="IResourceCache{TItem}.Observe"/> reported it.</param>
internal readonly record struct CacheChange<TItem>(NamespacedName Key, TItem? Old, TItem? New, NamespacedName? By = null);

/// <summary>
/// The cache that the reflectors fill. The resource version decides what is newer: the cache knows every version that a reflector has
/// passed, so neither a late event nor the response to a write can bring back an old state or a deleted object.
/// </summary>
internal sealed class ResourceCache<TItem> : IResourceCache<TItem>
    where TItem : class
{
    private readonly Lock _sync = new();
    private readonly Dictionary<NamespacedName, CachedItem> _entries = [];
    private readonly Dictionary<string, Index> _indexes = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ulong> _passed = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Presence> _present = new(StringComparer.Ordinal);
    private readonly List<Action<CacheChange<TItem>>> _subscribers = [];
    private readonly TaskCompletionSource _synced = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Func<TItem, (NamespacedName Key, string? Version)> _identify = IdentityOf();
    private readonly HashSet<string> _scopes;
    private long _presences;
    private readonly Func<TItem, TItem> _shrink;

    /// <param name="scopes">The watched namespaces; one empty string for all namespaces.</param>
    /// <param name="options">The indexes.</param>
    public ResourceCache(IEnumerable<string> scopes, CacheOptions<TItem> options)
    {
        _scopes = scopes.ToHashSet(StringComparer.Ordinal);
        foreach (var (name, values) in options.Indexes)
            _indexes.Add(name, new Index(values));
        _shrink = options.Shrink ?? (item => item);
        IsOptional = options.IsOptional;
    }

    /// <summary>Completes when the cache holds everything that existed at the start.</summary>
    public Task Synced => _synced.Task;

    /// <summary>Call this before the reflectors start. A subscriber runs in the watch: it must return quickly and must not throw.</summary>
    public void Subscribe(Action<CacheChange<TItem>> subscriber) => _subscribers.Add(subscriber);

    public void Subscribe(Action<TItem?, TItem?> onChange) => Subscribe(change => onChange(change.Old, change.New));

    /// <summary>True if the operator works without the kind.</summary>
    public bool IsOptional { get; }

    /// <summary>Counts a scope as filled that the server does not list. What was listed before stays.</summary>
    public void DoWithout(string scope)
    {
        lock (_sync)
            EndList(scope);
    }

    public TItem? Get(NamespacedName key)
    {
        lock (_sync)
            return _entries.TryGetValue(key, out var entry) ? entry.Item : null;
    }

    public IReadOnlyCollection<TItem> List()
    {
        lock (_sync)
            return [.. _entries.Values.Select(e => e.Item)];
    }

    public IEnumerable<TItem> ByIndex(string index, string value)
    {
        if (!_indexes.TryGetValue(index, out var found))
        {
            throw new ArgumentException($"The cache of {typeof(TItem).Name} has no index \"{index}\"; it has: {string.Join(", ", _indexes.Keys)}.", nameof(index));
        }

        lock (_sync)
            return found.Keys.TryGetValue(value, out var keys) ? [.. keys.Select(key => _entries[key].Item)] : [];
    }

    public long PresenceOf(string ns)
    {
        lock (_sync)
            return _present.TryGetValue(ns, out var present) ? present.Id : 0;
    }

    public void Observe(TItem item, NamespacedName? by = null)
    {
        if (Store(item) is { } old)
            Publish(new(_identify(item).Key, old.Item, item, by));
    }

    public void Forget(TItem item)
    {
        var key = _identify(item).Key;
        lock (_sync)
        {
            if (!_entries.TryGetValue(key, out var entry) || !ReferenceEquals(entry.Item, item))
                return;
            Remove(key, item);
        }

        Publish(new(key, item, null));
    }

    public bool IsSynced => _synced.Task.IsCompleted;

    /// <summary>Reduces an item to what is stored of it.</summary>
    public TItem Shrink(TItem item) => _shrink(item);

    /// <summary>The item of this key if it has exactly this version, or null.</summary>
    public TItem? Unchanged(NamespacedName key, string? version)
    {
        var at = Parse(version);
        lock (_sync)
            return at != ulong.MaxValue && _entries.TryGetValue(key, out var entry) && entry.Version == at ? entry.Item : null;
    }

    /// <summary>As <see cref="Observe"/>, without informing the subscribers.</summary>
    public void ObserveSilently(TItem item) => Store(item);

    /// <summary>
    /// Replaces a whole scope by the result of a LIST at <paramref name="version"/>: objects that are missing from it are deleted.
    /// Objects in <paramref name="skipped"/> exist but could not be read; their last readable state is kept, as after such a watch event.
    /// </summary>
    public void Replace(string scope, IReadOnlyCollection<TItem> items, string version, IEnumerable<NamespacedName>? skipped = null)
    {
        var changes = new List<CacheChange<TItem>>();
        var listed = Parse(version);
        lock (_sync)
        {
            if (listed < _passed.GetValueOrDefault(scope))
                ForgetVersions(scope);
            var found = new HashSet<NamespacedName>(items.Count);
            found.UnionWith(skipped ?? []);
            foreach (var item in items)
            {
                var (key, itemVersion) = _identify(item);
                found.Add(key);
                if (Put(key, item, Parse(itemVersion)) is { } old)
                    changes.Add(new(key, old.Item, item));
            }

            var gone = _entries.Where(e => !found.Contains(e.Key) && Covers(scope, e.Key) && e.Value.Version <= listed).ToList();
            foreach (var (key, entry) in gone)
            {
                Remove(key, entry.Item);
                changes.Add(new(key, entry.Item, null));
            }

            foreach (var ns in _present.Keys.Where(ns => scope.Length == 0 || ns == scope).ToList())
                _present[ns] = _present[ns] with { Id = ++_presences };
            Pass(scope, listed);
        }

        foreach (var change in changes)
            Publish(change);
        lock (_sync)
            EndList(scope);
    }

    /// <summary>Applies one event of a watch; <paramref name="item"/> is null when the object was deleted or is not kept.</summary>
    public void Apply(string scope, NamespacedName key, TItem? item, string? version)
    {
        CacheChange<TItem>? change = null;
        lock (_sync)
        {
            var at = Parse(version);
            if (item is not null)
            {
                if (Put(key, item, at) is { } old)
                    change = new(key, old.Item, item);
            }
            else if (_entries.TryGetValue(key, out var entry) && entry.Version <= at)
            {
                Remove(key, entry.Item);
                change = new(key, entry.Item, null);
            }

            Pass(scope, at);
        }

        if (change is { } happened)
            Publish(happened);
    }

    /// <summary>Applies a bookmark: the watch has reached <paramref name="version"/>.</summary>
    public void Bookmark(string scope, string? version)
    {
        lock (_sync)
            Pass(scope, Parse(version));
    }

    /// <summary>How to read the key and version of an item; throws when <typeparamref name="TItem"/> does not have them.</summary>
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

    // Versions are numbers that increase over all objects of a resource type. A version that is not a number counts as newer than any other.
    private static ulong Parse(string? version) =>
        ulong.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : ulong.MaxValue;

    private static bool Covers(string scope, NamespacedName key) => scope.Length == 0 || key.Namespace == scope;

    private CachedItem? Store(TItem item)
    {
        var (key, version) = _identify(item);
        var at = Parse(version);
        lock (_sync)
        {
            var known = _passed.TryGetValue("", out var all) ? all : _passed.GetValueOrDefault(key.Namespace);
            return at <= known ? null : Put(key, item, at);
        }
    }

    /// <summary>Null when the item is not newer; else the previous entry, or an empty entry when there was none.</summary>
    private CachedItem? Put(NamespacedName key, TItem item, ulong version)
    {
        var existed = _entries.TryGetValue(key, out var old);
        if (existed && version <= old!.Version && version != ulong.MaxValue)
            return null;
        item = _shrink(item);
        if (existed)
            Unindex(key, old!.Item!);
        else
            _present[key.Namespace] = _present.TryGetValue(key.Namespace, out var present) ? present with { Count = present.Count + 1 } : new Presence(++_presences, 1);
        _entries[key] = new(item, version);
        foreach (var index in _indexes.Values)
        {
            foreach (var value in index.Values(item))
            {
                if (!index.Keys.TryGetValue(value, out var keys))
                    index.Keys[value] = keys = [];
                keys.Add(key);
            }
        }

        return existed ? old : CachedItem.None;
    }

    private void Remove(NamespacedName key, TItem item)
    {
        if (_entries.Remove(key) && _present.TryGetValue(key.Namespace, out var present))
        {
            if (present.Count > 1)
                _present[key.Namespace] = present with { Count = present.Count - 1 };
            else
                _present.Remove(key.Namespace);
        }

        Unindex(key, item);
    }

    private void Unindex(NamespacedName key, TItem item)
    {
        foreach (var index in _indexes.Values)
        {
            foreach (var value in index.Values(item))
            {
                if (index.Keys.TryGetValue(value, out var keys) && keys.Remove(key) && keys.Count == 0)
                    index.Keys.Remove(value);
            }
        }
    }

    // The server's history went backwards, because its database was restored from a backup: no known version counts as newer.
    private void ForgetVersions(string scope)
    {
        _passed.Remove(scope);
        foreach (var (key, entry) in _entries.Where(e => Covers(scope, e.Key)).ToList())
            _entries[key] = entry with { Version = 0 };
    }

    private void EndList(string scope)
    {
        _scopes.Remove(scope);
        if (_scopes.Count == 0)
            _synced.TrySetResult();
    }

    private void Pass(string scope, ulong version)
    {
        if (version != ulong.MaxValue && version > _passed.GetValueOrDefault(scope))
            _passed[scope] = version;
    }

    private void Publish(CacheChange<TItem> change)
    {
        foreach (var subscriber in _subscribers)
            subscriber(change);
    }

    /// <param name="Id">See <see cref="PresenceOf"/>.</param>
    /// <param name="Count">The number of items.</param>
    private readonly record struct Presence(long Id, int Count);

    private sealed record CachedItem(TItem Item, ulong Version)
    {
        public static readonly CachedItem None = new(null!, 0);
    }

    private sealed record Index(Func<TItem, IEnumerable<string>> Values)
    {
        public Dictionary<string, HashSet<NamespacedName>> Keys { get; } = new(StringComparer.Ordinal);
    }
}
