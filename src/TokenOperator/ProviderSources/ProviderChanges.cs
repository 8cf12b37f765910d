using KubeRuntime;
using KubeRuntime.Queues;
using KubeRuntime.Watching;
using Microsoft.Extensions.Logging;
using TokenOperator.Api;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.Registry;

namespace TokenOperator.ProviderSources;

/// <summary>Queues everything that a change of documents concerns, and logs documents that are not used.</summary>
public sealed partial class ProviderChanges(
    ProviderRegistry registry, IResourceCache<V1Beta1OAuthToken> entities, IReconcileQueue<V1Beta1OAuthToken> queue, ILogger<ProviderChanges> logger,
    IReconcileQueue<V1Beta1ClusterOAuthProvider>? objects = null)
{
    /// <summary>Queues the OAuthTokens that name one of the providers, and the ClusterOAuthProviders of these names.</summary>
    public void Announce(IReadOnlyList<string> providers)
    {
        ArgumentNullException.ThrowIfNull(providers);
        foreach (var provider in providers)
        {
            Log(provider);
            objects?.Enqueue(new NamespacedName("", provider));
            foreach (var entity in entities.ByIndex(ProviderUsers.Index, provider))
                queue.Enqueue(entity.Key());
        }
    }

    /// <summary>Queues the ClusterOAuthProvider of this name, because it has a user now.</summary>
    public void AnnounceUse(string provider) => objects?.Enqueue(new NamespacedName("", provider));

    /// <summary>Logs what nobody would learn otherwise: only a ClusterOAuthProvider has a status.</summary>
    private void Log(string provider)
    {
        if (registry.FindDocument(provider) is not { } document)
            return;
        foreach (var hidden in document.Hidden.Where(hidden => hidden.Source != DocumentSource.Catalogue))
            LogHidden(provider, hidden.Origin, document.Source.Origin);
        if (document.Source.Source == DocumentSource.Folder && document.Errors.Count > 0 && document.MissingParameters.Count == 0)
            LogInvalid(provider, document.Source.Origin, DocumentMessages.Errors(document.Errors));
    }

    [LoggerMessage(251, LogLevel.Warning, "The provider {Provider} has several documents: {Hidden} is not used, because {Used} takes precedence")]
    private partial void LogHidden(string provider, string hidden, string used);

    [LoggerMessage(252, LogLevel.Warning, "The document of the provider {Provider}, {Origin}, is not valid: {Errors}")]
    private partial void LogInvalid(string provider, string origin, string errors);
}
