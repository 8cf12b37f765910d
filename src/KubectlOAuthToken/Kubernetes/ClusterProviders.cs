using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using KubeRuntime.Client;
using TokenOperator.Api;
using TokenOperator.Providers.Documents;

namespace KubectlOAuthToken.Kubernetes;

/// <summary>What a cluster says about a provider.</summary>
/// <param name="Documents">The ClusterOAuthProvider of this name, and those that it extends.</param>
/// <param name="Note">Why there is none, or why one may be missing: a clause; null if all were read.</param>
internal sealed record ClusterDocuments(IReadOnlyList<SourceDocument> Documents, string? Note);

/// <summary>Reads ClusterOAuthProviders, which only administrators write.</summary>
internal static class ClusterProviders
{
    private const string KindName = V1Beta1ClusterOAuthProvider.KindName;
    private const int MaxDepth = 8;

    /// <summary>The names of all ClusterOAuthProviders, in their order; none for a user who cannot list them, and for a cluster without the resource.</summary>
    public static async Task<IReadOnlyList<string>> ListNamesAsync(Cluster cluster, CancellationToken cancellationToken)
    {
        try
        {
            var kind = await cluster.KindAsync<V1Beta1ClusterOAuthProvider>(cancellationToken);
            var all = await cluster.Api.ListAsync<V1Beta1ClusterOAuthProvider>(kind, "", labelSelector: null, cancellationToken);
            return [.. all.Select(entity => entity.Metadata.Name).Order(StringComparer.Ordinal)];
        }
        catch (ApiException e) when (e.StatusCode is HttpStatusCode.Forbidden or HttpStatusCode.NotFound)
        {
            return [];
        }
    }

    /// <summary>The documents for a provider. A user who cannot read them, and a cluster without the resource, have none.</summary>
    public static async Task<ClusterDocuments> ReadAsync(Cluster cluster, string name, CancellationToken cancellationToken)
    {
        var documents = new List<SourceDocument>();
        try
        {
            var kind = await cluster.KindAsync<V1Beta1ClusterOAuthProvider>(cancellationToken);
            for (string? next = name; next is not null && documents.Count < MaxDepth && documents.TrueForAll(known => known.Name != next);)
            {
                if (await cluster.Api.GetAsync<V1Beta1ClusterOAuthProvider>(kind, new("", next), cancellationToken) is not { } entity)
                    break;
                var json = entity.Spec.ValueKind == JsonValueKind.Object ? JsonObject.Create(entity.Spec)! : [];
                documents.Add(new SourceDocument(next, DocumentSource.Cluster, $"{KindName} {next}", json));
                next = json["extends"] is JsonValue value && value.TryGetValue<string>(out var extended) ? extended : null;
            }

            return new ClusterDocuments(documents, documents.Count == 0 ? $"this cluster has no {KindName} of this name" : null);
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Forbidden)
        {
            return new ClusterDocuments(documents, "you have no right to get clusteroauthproviders in this cluster, so those of its administrators were not read. Ask an administrator to bind the ClusterRole token-operator-provider-reader to you, or to run this command");
        }
    }
}
