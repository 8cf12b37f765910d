using System.Text.Json.Nodes;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using TokenOperator.Core.Settings;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Catalogue;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.Registry;

namespace TokenOperator.Providers.OAuth2;

/// <summary>Registers the providers.</summary>
public static class OAuth2ServiceCollectionExtensions
{
    /// <summary>Adds <see cref="ProviderRegistry"/> with the catalogue and every provider that <paramref name="configuration"/> names.</summary>
    /// <exception cref="InvalidSettingException">A setting is not valid.</exception>
    public static IServiceCollection AddTokenProviders(this IServiceCollection services, IConfiguration configuration) =>
        SettingsReader.Read(configuration, services.AddTokenProviders);

    /// <summary>The same; records what is wrong in <paramref name="reader"/>.</summary>
    public static IServiceCollection AddTokenProviders(this IServiceCollection services, SettingsReader reader)
    {
        services.AddMetrics();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<IProviderUsers, UnknownUsers>();
        services.AddSingleton<ProviderMetrics>().AddSingleton<TokenEndpointClient>().AddSingleton<ITokenProviderFactory, OAuth2TokenProviderFactory>();
        List<SourceDocument> documents = [.. ProviderCatalogue.Read(), .. ProviderSettings.Read(reader).Where(options => options != ProviderOptions.Google).Select(ToDocument)];
        if (FolderOf(reader) is { } folder)
        {
            services.AddSingleton(folder);
            documents.AddRange(folder.Read() ?? []);
        }

        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<ProviderRegistry>(provider, (IEnumerable<SourceDocument>)documents));
        return services;
    }

    private static ProviderFolder? FolderOf(SettingsReader reader) => reader.Get(ProviderSettings.Folder) is { } path ? new ProviderFolder(path) : null;

    // TEMPORARY until the settings are documents.
    private static SourceDocument ToDocument(ProviderOptions options)
    {
        var json = new JsonObject
        {
            ["tokenEndpoint"] = options.TokenEndpoint.OriginalString,
            ["allowInsecureHttp"] = true,
            ["scopes"] = new JsonObject { ["consent"] = new JsonArray([.. options.ConsentScopes.Select(scope => (JsonNode)scope)]) },
            ["identity"] = new JsonObject { ["issuers"] = new JsonArray([.. options.Issuers.Select(scope => (JsonNode)scope)]) },
            ["timeout"] = DurationText.Format(options.Timeout),
            ["rotation"] = new JsonObject { ["mode"] = options.RotatesRefreshTokens ? "sometimes" : "never" },
            ["limits"] = new JsonObject { ["requestsPerSecond"] = options.Rate.PerSecond, ["burst"] = options.Rate.Burst },
        };
        if (options.AuthorizationEndpoint is { } authorization)
            json["authorizationEndpoint"] = authorization.OriginalString;
        if (options.RevocationEndpoint is { } revocation)
            json["revocation"] = new JsonObject { ["endpoint"] = revocation.OriginalString, ["authenticate"] = false };
        return new SourceDocument(options.Name, DocumentSource.Settings, $"the settings Providers__{options.Name}__*", json);
    }

    /// <summary>Stands in where nothing counts the users: documents can still be used.</summary>
    private sealed class UnknownUsers : IProviderUsers
    {
        public bool AreKnown => true;

        public int Count(string provider) => 1;
    }
}

/// <summary>Makes providers that speak OAuth 2.0.</summary>
internal sealed class OAuth2TokenProviderFactory(IServiceProvider services) : ITokenProviderFactory
{
    public ITokenProvider Create(ProviderDocument document) => ActivatorUtilities.CreateInstance<OAuth2TokenProvider>(services, new ProviderOptions
    {
        Name = document.Name,
        TokenEndpoint = document.TokenEndpoint,
        AuthorizationEndpoint = document.AuthorizationEndpoint,
        ConsentScopes = document.Scopes.Consent,
        Issuers = document.Identity.Issuers,
        RevocationEndpoint = document.Revocation?.Endpoint,
        Timeout = document.Timeout,
        Rate = document.Limits.Rate,
        RotatesRefreshTokens = document.Rotation.CanRotate,
    });
}
