using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using KubeRuntime;
using KubeRuntime.Client;
using KubeRuntime.Watching;
using TokenOperator.Api;
using TokenOperator.Refreshing;
using static TokenOperator.Api.V1Beta1ClusterOAuthProvider;

namespace TokenOperator.ProviderSources;

/// <summary>Writes the status of a ClusterOAuthProvider if it says something new, with one request, and only while this process leads.</summary>
public sealed class ProviderStatusPublisher(ResourceClient api, IResourceCache<V1Beta1ClusterOAuthProvider> objects, ILeadershipGuard guard)
{
    private static readonly ResourceKind Kind = ResourceKind.Of<V1Beta1ClusterOAuthProvider>();

    /// <summary>Writes <paramref name="status"/>. If the object has changed in the meantime, nothing is written: it is reconciled again then.</summary>
    /// <returns>True if it was written.</returns>
    public async Task<bool> PublishAsync(V1Beta1ClusterOAuthProvider entity, EntityStatus status, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(entity);
        if (!guard.IsLeader)
            return false;
        var body = new JsonObject
        {
            ["apiVersion"] = Kind.ApiVersion,
            ["kind"] = Kind.Kind,
            ["metadata"] = new JsonObject
            {
                ["name"] = entity.Metadata.Name,
                ["uid"] = entity.Metadata.Uid,
                ["resourceVersion"] = entity.Metadata.ResourceVersion,
            },
            ["status"] = JsonSerializer.SerializeToNode(status, ClusterOAuthProviderJson.Default.EntityStatus),
        };
        try
        {
            var written = await api.ApplyAsync<V1Beta1ClusterOAuthProvider>(Kind, entity.Key(), body, force: true, subresource: "status", cancellationToken);
            objects.Observe(written, entity.Key());
            return true;
        }
        catch (ApiException e) when (e.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Conflict)
        {
            return false;
        }
    }
}
