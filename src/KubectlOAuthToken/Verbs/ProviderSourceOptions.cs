using System.CommandLine;
using KubectlOAuthToken.Kubernetes;
using KubectlOAuthToken.Output;
using Microsoft.Extensions.Configuration;
using TokenOperator.Api;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Settings;
using TokenOperator.Core.Text;
using TokenOperator.Providers;
using TokenOperator.Providers.Catalogue;
using TokenOperator.Providers.Documents;

namespace KubectlOAuthToken.Verbs;

/// <summary>
/// The options that describe a provider, and the provider that they and other sources describe. In order: the command line, the
/// environment, the ClusterOAuthProviders of the cluster, the built-in catalogue. Nothing that a namespace can write decides where a
/// secret is sent.
/// </summary>
internal sealed class ProviderSourceOptions
{
    private readonly Option<string?> _authorization = new("--authorization-endpoint") { Description = "The provider's authorization endpoint. Default: Providers__NAME__AuthorizationEndpoint in the environment, then the cluster's ClusterOAuthProvider, then the built-in catalogue." };
    private readonly Option<string?> _token = new("--token-endpoint") { Description = "The provider's token endpoint, which receives the client secret. Default: as for the authorization endpoint." };
    private readonly Option<string?> _device = new("--device-authorization-endpoint") { Description = "The provider's device authorization endpoint. Default: as for the authorization endpoint." };

    /// <summary>Adds the options to <paramref name="command"/>.</summary>
    public void AddTo(Command command)
    {
        command.Options.Add(_authorization);
        command.Options.Add(_token);
        command.Options.Add(_device);
    }

    /// <inheritdoc cref="FindWithOriginAsync"/>
    public async Task<ProviderDocument> FindAsync(Cluster cluster, string name, ParseResult parsed, CancellationToken cancellationToken) =>
        (await FindWithOriginAsync(cluster, name, parsed, cancellationToken)).Provider;

    /// <summary>The provider of this name, and where its document comes from. Says where secrets are sent if the cluster decides that.</summary>
    /// <exception cref="PluginException">No source describes the provider completely.</exception>
    public async Task<(ProviderDocument Provider, string Origin)> FindWithOriginAsync(
        Cluster cluster, string name, ParseResult parsed, CancellationToken cancellationToken)
    {
        var shown = DisplayText.Of(name, 63);
        var inCluster = await ClusterProviders.ReadAsync(cluster, name, cancellationToken);
        List<SourceDocument> described = [.. ProviderCatalogue.Read(), .. inCluster.Documents];
        var settings = ReadSettings(name, parsed, described);
        var resolved = ProviderResolver.Resolve(described.Concat(settings)).GetValueOrDefault(name)
            ?? throw new PluginException(
                $"The provider \"{shown}\" is not known: the environment has no Providers__{shown}__TokenEndpoint, the built-in catalogue has no such provider, and {inCluster.Note}. "
                + "Set --authorization-endpoint and --token-endpoint to the addresses that the operator uses.",
                ExitCodes.BadInput);
        if (resolved.MissingParameters is { Count: > 0 } missing)
        {
            throw new PluginException(
                $"{ConditionMessages.ProviderNotConfigured(shown, resolved.Source.Origin, missing)}. This command knows no such values: {inCluster.Note ?? "the ClusterOAuthProvider does not have them"}.",
                ExitCodes.BadInput);
        }

        if (resolved.ReadProvider() is not { } provider)
        {
            throw new PluginException(
                $"The provider \"{shown}\" of {resolved.Source.Origin} cannot be used: {string.Join(" ", resolved.Errors)}{(inCluster.Note is { } note ? $" Also, {note}." : "")}",
                ExitCodes.BadInput);
        }

        if (inCluster.Documents.Any(document => document.Name == name) && !settings.Any(document => document.Name == name && document.Json["tokenEndpoint"] is not null))
            await Console.Error.WriteLineAsync($"The ClusterOAuthProvider {shown} describes the provider. Secrets are sent to {provider.TokenEndpoint.Authority}.");
        return (provider, resolved.Source.Origin);
    }

    private List<SourceDocument> ReadSettings(string name, ParseResult parsed, List<SourceDocument> described)
    {
        var configuration = new ConfigurationBuilder().AddEnvironmentVariables().AddInMemoryCollection(
            new Dictionary<string, string?>
            {
                [$"Providers:{name}:AuthorizationEndpoint"] = parsed.GetValue(_authorization),
                [$"Providers:{name}:TokenEndpoint"] = parsed.GetValue(_token),
                [$"Providers:{name}:DeviceAuthorizationEndpoint"] = parsed.GetValue(_device),
            }.Where(setting => setting.Value is not null)).Build();
        try
        {
            return SettingsReader.Read(configuration, reader => ProviderSettings.ReadDocuments(reader, described)).ToList();
        }
        catch (InvalidSettingException e)
        {
            throw new PluginException(e.Message, ExitCodes.BadInput);
        }
    }
}
