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

    /// <summary>What the sources say about the provider of this name.</summary>
    /// <exception cref="PluginException">No source has it. The message names the providers that exist.</exception>
    public async Task<DescribedProvider> FindAsync(Cluster cluster, string name, ParseResult parsed, CancellationToken cancellationToken)
    {
        var inCluster = await ClusterProviders.ReadAsync(cluster, name, cancellationToken);
        List<SourceDocument> described = [.. ProviderCatalogue.Read(), .. inCluster.Documents];
        var settings = ReadSettings(name, parsed, described);
        var all = ProviderResolver.Resolve(described.Concat(settings));
        return all.TryGetValue(name, out var resolved)
            ? new DescribedProvider(
                resolved, inCluster.Note,
                IsOfCluster: inCluster.Documents.Any(document => document.Name == name) && !settings.Any(document => document.Name == name && document.Json["tokenEndpoint"] is not null))
            : throw Unknown(name, all.Keys, await ClusterProviders.ListNamesAsync(cluster, cancellationToken), inCluster.Note);
    }

    private static PluginException Unknown(string name, IEnumerable<string> known, IReadOnlyList<string> inCluster, string? note)
    {
        var shown = DisplayText.Of(name, 63);
        var names = known.Order(StringComparer.Ordinal).ToList();
        return new PluginException(
            $"The provider \"{shown}\" is not known: the environment has no Providers__{shown}__TokenEndpoint, the built-in catalogue has no such provider, and {note}."
            + $"{DidYouMean.Suggest(name, names.Concat(inCluster).Distinct())} Known are {string.Join(", ", names)}{(inCluster.Count == 0 ? "" : $", and in this cluster {DisplayText.List(inCluster)}")}. "
            + "If only the settings of the operator have this provider, set --authorization-endpoint and --token-endpoint to the addresses that the operator uses.",
            ExitCodes.BadInput);
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

/// <summary>A provider that at least one source describes, completely or not.</summary>
/// <param name="Resolved">The document with those that it extends.</param>
/// <param name="Note">Why the cluster has no document of this name, or may have others: a clause; null if all were read.</param>
/// <param name="IsOfCluster">True if the cluster decides where secrets are sent.</param>
internal sealed record DescribedProvider(ResolvedDocument Resolved, string? Note, bool IsOfCluster)
{
    /// <summary>Where the document comes from.</summary>
    public string Origin => Resolved.Source.Origin;

    /// <summary>The document. Says where secrets are sent if the cluster decides that.</summary>
    /// <exception cref="PluginException">The document needs values that nobody has given, or is not valid.</exception>
    public async Task<ProviderDocument> ReadAsync()
    {
        var shown = DisplayText.Of(Resolved.Source.Name, 63);
        if (Resolved.MissingParameters is { Count: > 0 } missing)
        {
            throw new PluginException(
                $"{ConditionMessages.ProviderNotConfigured(shown, Origin, missing)}. This command knows no such values: {Note ?? "the ClusterOAuthProvider does not have them"}.",
                ExitCodes.BadInput);
        }

        if (Resolved.ReadProvider() is not { } provider)
        {
            // Each error has a line of its own.
            throw new InvalidSettingException(
                [$"The provider \"{shown}\" of {Origin} cannot be used:", .. Resolved.Errors, .. Note is { } note ? [$"Also, {note}."] : Array.Empty<string>()]);
        }

        if (IsOfCluster)
            await Console.Error.WriteLineAsync($"The ClusterOAuthProvider {shown} describes the provider. Secrets are sent to {provider.TokenEndpoint.Authority}.");
        return provider;
    }
}
