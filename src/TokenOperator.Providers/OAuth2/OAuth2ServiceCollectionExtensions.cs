using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using TokenOperator.Core.Settings;
using TokenOperator.Providers.Catalogue;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.Registry;

namespace TokenOperator.Providers.OAuth2;

/// <summary>Registers the providers.</summary>
public static class OAuth2ServiceCollectionExtensions
{
    /// <summary>Adds <see cref="ProviderRegistry"/> with the catalogue, the folder with documents and every provider that <paramref name="configuration"/> names.</summary>
    /// <exception cref="InvalidSettingException">A setting is not valid.</exception>
    public static IServiceCollection AddTokenProviders(this IServiceCollection services, IConfiguration configuration) =>
        SettingsReader.Read(configuration, services.AddTokenProviders);

    /// <summary>The same; records what is wrong in <paramref name="reader"/>. Without an <see cref="IProviderUsers"/>, every provider counts as used.</summary>
    public static IServiceCollection AddTokenProviders(this IServiceCollection services, SettingsReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        services.AddMetrics();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(new WorkloadIdentityFile(null));
        services.TryAddSingleton<IProviderUsers, UncountedUsers>();
        services.AddSingleton<ProviderMetrics>().AddSingleton<TokenEndpointClient>().AddSingleton<ITokenProviderFactory, OAuth2TokenProviderFactory>();
        var documents = ProviderCatalogue.Read().ToList();
        if (reader.Get(ProviderSettings.Folder) is { } path)
        {
            var folder = new ProviderFolder(path);
            services.AddSingleton(folder);
            documents.AddRange(Read(folder, reader));
        }

        documents.AddRange(ProviderSettings.ReadValidDocuments(reader, documents));
        services.AddSingleton(provider => new ProviderRegistry(documents, provider.GetRequiredService<ITokenProviderFactory>(), provider.GetRequiredService<IProviderUsers>()));
        return services;
    }

    private static IReadOnlyList<SourceDocument> Read(ProviderFolder folder, SettingsReader reader)
    {
        try
        {
            return folder.Read() ?? [];
        }
        catch (InvalidSettingException e)
        {
            reader.Reject(e.Message);
            return [];
        }
    }

    private sealed class UncountedUsers : IProviderUsers
    {
        public bool AreKnown => true;

        public int Count(string provider) => 1;
    }
}
