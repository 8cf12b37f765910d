using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using TokenOperator.Core.Settings;

namespace TokenOperator.Providers.OAuth2;

/// <summary>Registers the providers.</summary>
public static class OAuth2ServiceCollectionExtensions
{
    /// <summary>Adds <see cref="ProviderRegistry"/> with Google and every provider that <paramref name="configuration"/> names.</summary>
    /// <exception cref="InvalidSettingException">A setting is not valid.</exception>
    public static IServiceCollection AddTokenProviders(this IServiceCollection services, IConfiguration configuration) =>
        SettingsReader.Read(configuration, services.AddTokenProviders);

    /// <summary>The same; records what is wrong in <paramref name="reader"/>.</summary>
    public static IServiceCollection AddTokenProviders(this IServiceCollection services, SettingsReader reader)
    {
        services.AddMetrics();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(new WorkloadIdentityFile(null));
        services.AddSingleton<ProviderMetrics>().AddSingleton<TokenEndpointClient>().AddSingleton<ProviderRegistry>();
        foreach (var document in ProviderSettings.Read(reader))
            services.AddSingleton<ITokenProvider>(provider => ActivatorUtilities.CreateInstance<OAuth2TokenProvider>(provider, document));
        return services;
    }
}
