using System.Text.Json;
using System.Text.Json.Nodes;
using KubeRuntime;
using KubeRuntime.Watching;
using TokenOperator.Api;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.Registry;

namespace TokenOperator.ProviderSources;

/// <summary>
/// Tells the registry of the ClusterOAuthProviders, from the first list on and on every replica. Queues a ClusterOAuthProvider when an OAuthToken is the
/// first to use it.
/// </summary>
public sealed class ClusterProviderSource
{
    private const int MaxLength = 256 * 1024;

    private readonly IResourceCache<V1Beta1ClusterOAuthProvider> _objects;
    private readonly ProviderRegistry _registry;
    private readonly ProviderChanges _changes;

    /// <summary>Subscribes to the caches.</summary>
    public ClusterProviderSource(
        IResourceCache<V1Beta1ClusterOAuthProvider> objects, IResourceCache<V1Beta1OAuthToken> tokens, ProviderRegistry registry, ProviderChanges changes)
    {
        (_objects, _registry, _changes) = (objects, registry, changes);
        objects.Subscribe(OnChange);
        tokens.Subscribe(OnUse);
    }

    /// <summary>The document of an object.</summary>
    public static SourceDocument ToDocument(V1Beta1ClusterOAuthProvider entity)
    {
        ArgumentNullException.ThrowIfNull(entity);
        var name = entity.Metadata.Name;
        var length = entity.Spec.ValueKind == JsonValueKind.Object ? entity.Spec.GetRawText().Length : 0;
        var error = !ProviderName.IsValid(name) ? ProviderName.Problem("metadata.name", name)
            : length > MaxLength ? $"spec has {length} characters; expected at most {MaxLength}."
            : null;
        var json = error is null && length > 0 ? JsonObject.Create(entity.Spec)! : [];
        return new SourceDocument(name, DocumentSource.Cluster, $"{V1Beta1ClusterOAuthProvider.KindName} {name}", json, error)
        {
            MovesFrom = entity.MovesFrom,
            LastHost = entity.Status?.TokenEndpointHost,
        };
    }

    private void OnChange(V1Beta1ClusterOAuthProvider? old, V1Beta1ClusterOAuthProvider? now)
    {
        if (now is null)
            _changes.Announce(_registry.Remove(DocumentSource.Cluster, old!.Metadata.Name));
        else if (old is null || !IsSameDocument(old, now))
            _changes.Announce(_registry.Set(ToDocument(now)));
    }

    /// <summary>A write of the status does not change the generation. To read a document again costs much more than to look.</summary>
    private static bool IsSameDocument(V1Beta1ClusterOAuthProvider old, V1Beta1ClusterOAuthProvider now) =>
        (old.Metadata.Uid, old.Metadata.Generation, old.MovesFrom, old.Status?.TokenEndpointHost)
        == (now.Metadata.Uid, now.Metadata.Generation, now.MovesFrom, now.Status?.TokenEndpointHost);

    /// <summary>The users of a provider that has some are counted again and again.</summary>
    private void OnUse(V1Beta1OAuthToken? old, V1Beta1OAuthToken? now)
    {
        if (now?.Spec?.Provider is { } provider && provider != old?.Spec?.Provider && _objects.Get(new NamespacedName("", provider)) is { Status: not { UsedBy: > 0 } })
            _changes.AnnounceUse(provider);
    }
}
