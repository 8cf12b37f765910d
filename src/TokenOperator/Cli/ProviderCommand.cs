using Microsoft.Extensions.Configuration;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Net;
using TokenOperator.Core.Settings;
using TokenOperator.Core.Text;
using TokenOperator.Providers;
using TokenOperator.Providers.Catalogue;
using TokenOperator.Providers.Checks;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.Registry;

namespace TokenOperator.Cli;

/// <summary><c>token-operator provider</c>: what the operator knows about a provider.</summary>
public static class ProviderCommand
{
    /// <summary>Checks a provider of the settings, of the folder with documents, or of the catalogue.</summary>
    public static async Task<int> CheckAsync(string name, ProviderCheckInput input, CancellationToken cancellationToken)
    {
        var configuration = new ConfigurationBuilder().AddEnvironmentVariables().Build();
        HttpClient.DefaultProxy = EnvironmentProxy.Read(configuration);
        var all = ReadAll(configuration);
        if (!all.TryGetValue(name, out var resolved))
        {
            await Console.Error.WriteLineAsync(
                $"token-operator: the provider \"{DisplayText.Of(name, 63)}\" is not known: neither the settings, the folder of the setting ProviderFolder, nor the catalogue has it. Known are {DisplayText.List(all.Keys.Order(StringComparer.Ordinal))}. For those of a cluster, run kubectl oauthtoken provider check.");
            return ExitCodes.NotFound;
        }

        return resolved.ReadProvider() is { } provider
            ? await ProviderCheckRun.ExecuteAsync(provider, resolved.Source.Origin, input, TimeProvider.System, cancellationToken)
            : throw new InvalidSettingException([.. resolved.Errors.Select(error => $"{resolved.Source.Origin}: {error}")]);
    }

    /// <summary>The providers that the settings, the folder and the catalogue describe, by name.</summary>
    /// <exception cref="InvalidSettingException">A setting is not valid.</exception>
    internal static IReadOnlyDictionary<string, ResolvedDocument> ReadAll(IConfiguration configuration) => ProviderResolver.Resolve(SettingsReader.Read(configuration, ReadAll));

    private static IReadOnlyList<SourceDocument> ReadAll(SettingsReader reader)
    {
        var documents = ProviderCatalogue.Read().ToList();
        if (reader.Get(ProviderSettings.Folder) is { } path)
            documents.AddRange(new ProviderFolder(path).Read() ?? []);
        return [.. documents, .. ProviderSettings.ReadDocuments(reader, documents)];
    }
}
