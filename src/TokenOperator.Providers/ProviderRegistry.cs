using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TokenOperator.Core.Settings;
using TokenOperator.Providers.OAuth2;

namespace TokenOperator.Providers;

/// <summary>The providers that <c>spec.provider</c> can mean. Fixed at start.</summary>
public sealed class ProviderRegistry(IEnumerable<ITokenProvider> providers)
{
    private readonly Dictionary<string, ITokenProvider> _providers = providers.ToDictionary(provider => provider.Name, StringComparer.Ordinal);

    /// <summary>All names, sorted, for messages.</summary>
    public IReadOnlyList<string> Names => [.. _providers.Keys.Order(StringComparer.Ordinal)];

    /// <summary>The provider of exactly this name, or null.</summary>
    public ITokenProvider? Find(string name) => _providers.GetValueOrDefault(name);
}

/// <summary>Wires the providers up.</summary>
public static class ProviderServices
{
    /// <summary>Adds <see cref="ProviderRegistry"/> with Google and every provider that <paramref name="configuration"/> names.</summary>
    /// <exception cref="InvalidSettingException">A setting is not valid.</exception>
    public static IServiceCollection AddTokenProviders(this IServiceCollection services, IConfiguration configuration) =>
        SettingsReader.Read(configuration, services.AddTokenProviders);

    /// <summary>The same; records what is wrong in <paramref name="reader"/>.</summary>
    public static IServiceCollection AddTokenProviders(this IServiceCollection services, SettingsReader reader)
    {
        services.AddMetrics();
        services.AddSingleton<ProviderMetrics>();
        foreach (var options in ProviderSettings.Read(reader))
        {
            services.AddSingleton<ITokenProvider>(scope => new OAuth2TokenProvider(
                options,
                scope.GetService<TimeProvider>() ?? TimeProvider.System,
                scope.GetRequiredService<ILogger<OAuth2TokenProvider>>(),
                scope.GetRequiredService<ProviderMetrics>()));
        }

        return services.AddSingleton<ProviderRegistry>();
    }
}
