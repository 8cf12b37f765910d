// Writes the status of an OAuthToken and tells its story in events.
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using KubeRuntime;
using KubeRuntime.Client;
using KubeRuntime.Events;
using KubeRuntime.Watching;
using TokenOperator.Api;
using TokenOperator.Refreshing;
using static TokenOperator.Api.V1Alpha1OAuthToken;

namespace TokenOperator.Publishing;

/// <summary>Writes a status when it says something new, with one request, and publishes the events that go with the change.</summary>
public sealed class StatusPublisher(ResourceClient api, IResourceCache<V1Alpha1OAuthToken> entities, EventPublisher events, ILeadershipGuard fence)
{
    private static readonly ResourceKind Kind = ResourceKind.Of<V1Alpha1OAuthToken>();

    /// <summary>
    /// Writes <paramref name="status"/> unless it is what stands there already; fenced as the Secret is, see <see cref="SecretPublisher"/>.
    /// False when the object is another by now, so that it has to be looked at again.
    /// </summary>
    public async Task<bool> PublishAsync(V1Alpha1OAuthToken entity, EntityStatus status, CancellationToken ct)
    {
        var before = JsonSerializer.SerializeToUtf8Bytes(entity.Status, OAuthTokenJson.Default.EntityStatus);
        var after = JsonSerializer.SerializeToUtf8Bytes(status, OAuthTokenJson.Default.EntityStatus);
        if (before.AsSpan().SequenceEqual(after))
            return true;

        // Seen first, and only then is leadership made sure of: whoever leads by the time of the write has made it another.
        var known = entities.Get(entity.Key()) ?? entity;
        var version = known.Metadata.ResourceVersion;
        fence.ThrowIfLost();
        try
        {
            // The uid keeps a status off an object that was deleted and created again under the same name meanwhile.
            var body = new JsonObject
            {
                ["apiVersion"] = entity.ApiVersion,
                ["kind"] = entity.Kind,
                ["metadata"] = new JsonObject
                {
                    ["name"] = entity.Metadata.Name,
                    ["namespace"] = entity.Metadata.NamespaceProperty,
                    ["uid"] = entity.Metadata.Uid,
                    ["resourceVersion"] = version,
                },
                ["status"] = JsonSerializer.SerializeToNode(status, OAuthTokenJson.Default.EntityStatus),
            };
            var written = await api.ApplyAsync<V1Alpha1OAuthToken>(
                Kind, entity.Key(), body, force: true, subresource: "status", ct);
            entities.Observe(written, entity.Key());
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            // Deleted, and the watch has not told of it yet, or never will.
            entities.Forget(known);
            return false;
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Conflict)
        {
            // Created anew or changed meanwhile, and the watch has not told of it yet.
            return false;
        }

        foreach (var story in StatusEvent.Between(entity.Status, status))
            events.Publish(entity, story.Type, story.Reason, story.Action, story.Note);
        return true;
    }
}
