using System.Text.Json;
using System.Text.Json.Nodes;
using KubeRuntime.Watching;
using TokenOperator.Api;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.Registry;

namespace TokenOperator.ProviderSources;

/// <summary>Tells the registry of the ClusterOAuthProviders, from the first list on and on every replica.</summary>
public sealed class ClusterProviderSource
{
    private const int MaxLength = 256 * 1024;

    private readonly ProviderRegistry _registry;
    private readonly ProviderChanges _changes;

    /// <summary>Subscribes to the cache.</summary>
    public ClusterProviderSource(IResourceCache<V1Alpha1ClusterOAuthProvider> objects, ProviderRegistry registry, ProviderChanges changes)
    {
        (_registry, _changes) = (registry, changes);
        objects.Subscribe(OnChange);
    }

    /// <summary>The document of an object.</summary>
    public static SourceDocument ToDocument(V1Alpha1ClusterOAuthProvider entity)
    {
        ArgumentNullException.ThrowIfNull(entity);
        var name = entity.Metadata.Name;
        var length = entity.Spec.ValueKind == JsonValueKind.Object ? entity.Spec.GetRawText().Length : 0;
        var error = !ProviderName.IsValid(name) ? ProviderName.Problem("metadata.name", name)
            : length > MaxLength ? $"spec has {length} characters; expected at most {MaxLength}."
            : null;
        var json = error is null && length > 0 ? JsonObject.Create(entity.Spec)! : [];
        return new SourceDocument(name, DocumentSource.Cluster, $"{V1Alpha1ClusterOAuthProvider.KindName} {name}", json, error)
        {
            MovesFrom = entity.MovesFrom,
            LastHost = entity.Status?.TokenEndpointHost,
        };
    }

    private void OnChange(V1Alpha1ClusterOAuthProvider? old, V1Alpha1ClusterOAuthProvider? now) =>
        _changes.Announce(now is null ? _registry.Remove(DocumentSource.Cluster, old!.Metadata.Name) : _registry.Set(ToDocument(now)));
}
