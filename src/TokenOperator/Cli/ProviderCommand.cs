using Microsoft.Extensions.Configuration;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Net;
using TokenOperator.Core.Settings;
using TokenOperator.Core.Text;
using TokenOperator.Providers;
using TokenOperator.Providers.Catalogue;
using TokenOperator.Providers.Checks;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Cli;

/// <summary><c>token-operator provider</c>: what the operator knows about a provider.</summary>
public static class ProviderCommand
{
    /// <summary>Checks a provider of the settings or of the catalogue.</summary>
    public static async Task<int> CheckAsync(string name, ProviderCheckInput input, CancellationToken cancellationToken)
    {
        var configuration = new ConfigurationBuilder().AddEnvironmentVariables().Build();
        HttpClient.DefaultProxy = EnvironmentProxy.Read(configuration);
        var catalogue = ProviderCatalogue.Read();
        var settings = SettingsReader.Read(configuration, reader => ProviderSettings.ReadDocuments(reader, catalogue));
        var all = ProviderResolver.Resolve(catalogue.Concat(settings));
        if (!all.TryGetValue(name, out var resolved))
        {
            await Console.Error.WriteLineAsync(
                $"token-operator: the provider \"{DisplayText.Of(name, 63)}\" is not known: neither the settings nor the catalogue has it. Known are {DisplayText.List(all.Keys.Order(StringComparer.Ordinal))}. For those of a cluster, run kubectl oauthtoken provider check.");
            return ExitCodes.NotFound;
        }

        return resolved.Provider is { } provider
            ? await ProviderCheckRun.ExecuteAsync(provider, resolved.Source.Origin, input, TimeProvider.System, cancellationToken)
            : throw new InvalidSettingException([.. resolved.Errors.Select(error => $"{resolved.Source.Origin}: {error}")]);
    }
}
