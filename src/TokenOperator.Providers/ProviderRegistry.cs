namespace TokenOperator.Providers;

/// <summary>The providers that <c>spec.provider</c> can name. Fixed at start.</summary>
public sealed class ProviderRegistry(IEnumerable<ITokenProvider> providers)
{
    private readonly Dictionary<string, ITokenProvider> _providers = providers.ToDictionary(provider => provider.Name, StringComparer.Ordinal);

    /// <summary>All names, sorted, for messages.</summary>
    public IReadOnlyList<string> Names => [.. _providers.Keys.Order(StringComparer.Ordinal)];

    /// <summary>The provider with exactly this name, or null.</summary>
    public ITokenProvider? Find(string name) => _providers.GetValueOrDefault(name);
}
