// Writes the status of an OAuthToken and the events that go with it.
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using KubeRuntime;
using KubeRuntime.Client;
using KubeRuntime.Events;
using KubeRuntime.Watching;
using TokenOperator.Api;
using TokenOperator.Refreshing;
using static TokenOperator.Api.V1Beta1OAuthToken;

namespace TokenOperator.Publishing;

/// <summary>What became of a status.</summary>
public enum StatusWrite
{
    /// <summary>The object has it.</summary>
    Done,

    /// <summary>The object changed or was replaced in the meantime. It must be reconciled again.</summary>
    Stale,

    /// <summary>This process no longer leads, so it wrote nothing.</summary>
    LeadershipLost,
}

/// <summary>Writes a status if it says something new, with one request, and publishes the events that go with the change.</summary>
public sealed class StatusPublisher(ResourceClient api, IResourceCache<V1Beta1OAuthToken> entities, EventPublisher events, ILeadershipGuard guard)
{
    private static readonly ResourceKind Kind = ResourceKind.Of<V1Beta1OAuthToken>();

    /// <summary>
    /// Writes <paramref name="status"/> unless the object has it already. The write is fenced as that of the Secret is, see
    /// <see cref="SecretPublisher"/>.
    /// </summary>
    public async Task<StatusWrite> PublishAsync(V1Beta1OAuthToken entity, EntityStatus status, CancellationToken cancellationToken)
    {
        var before = JsonSerializer.SerializeToUtf8Bytes(entity.Status, OAuthTokenJson.Default.EntityStatus);
        var after = JsonSerializer.SerializeToUtf8Bytes(status, OAuthTokenJson.Default.EntityStatus);
        if (before.AsSpan().SequenceEqual(after))
            return StatusWrite.Done;

        if (!guard.IsLeader)
            return StatusWrite.LeadershipLost;
        try
        {
            // The version is the one on which the status rests, seen before leadership was verified: a write since then, by this
            // process or by one that leads now, rests on newer information. The uid keeps the status off an object that was deleted and created again under the same name in the meantime.
            var body = new JsonObject
            {
                ["apiVersion"] = entity.ApiVersion,
                ["kind"] = entity.Kind,
                ["metadata"] = new JsonObject
                {
                    ["name"] = entity.Metadata.Name,
                    ["namespace"] = entity.Metadata.NamespaceProperty,
                    ["uid"] = entity.Metadata.Uid,
                    ["resourceVersion"] = entity.Metadata.ResourceVersion,
                },
                ["status"] = JsonSerializer.SerializeToNode(status, OAuthTokenJson.Default.EntityStatus),
            };
            var written = await api.ApplyAsync<V1Beta1OAuthToken>(
                Kind, entity.Key(), body, force: true, subresource: "status", cancellationToken);
            entities.Observe(written, entity.Key());
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            // Deleted, and the watch has not reported it yet, or never will.
            entities.Forget(entity);
            return StatusWrite.Stale;
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Conflict)
        {
            // Created again or changed in the meantime, and the watch has not reported it yet.
            return StatusWrite.Stale;
        }

        foreach (var change in StatusEvent.Between(entity.Status, status))
            events.Publish(entity, change.Reason, change.Note);
        return StatusWrite.Done;
    }
}
