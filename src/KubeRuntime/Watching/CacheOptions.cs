namespace KubeRuntime.Watching;

/// <summary>How a cache is laid out.</summary>
/// <typeparam name="TItem">What it holds.</typeparam>
public sealed class CacheOptions<TItem>
    where TItem : class
{
    internal Dictionary<string, Func<TItem, IEnumerable<string>>> Indexes { get; } = new(StringComparer.Ordinal);

    /// <summary>Adds an index for <see cref="IResourceCache{TItem}.ByIndex"/>.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="values">Under which values an item is found; pure, without I/O.</param>
    public CacheOptions<TItem> AddIndex(string name, Func<TItem, IEnumerable<string>> values)
    {
        Indexes.Add(name, values);
        return this;
    }
}
