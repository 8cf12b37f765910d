using System.Net;
using k8s;
using k8s.Models;
using KubeRuntime.Client;
using KubeRuntime.Watching;

namespace KubeRuntime.Controllers;

/// <summary>A finalizer and its identifier.</summary>
internal sealed record NamedFinalizer<TEntity>(string Identifier, IEntityFinalizer<TEntity> Finalizer)
    where TEntity : IKubernetesObject<V1ObjectMeta>;

/// <summary>
/// Adds finalizers to entities and removes them. Each write is a JSON patch that tests the resourceVersion, so it applies only to the
/// state that was read. The finalizers of other controllers are left unchanged.
/// </summary>
internal sealed class EntityFinalizers<TEntity>(
    IEnumerable<NamedFinalizer<TEntity>> finalizers, ResourceClient client, ResourceCache<TEntity> cache)
    where TEntity : class, IKubernetesObject<V1ObjectMeta>
{
    private readonly NamedFinalizer<TEntity>[] _known = [.. finalizers];

    /// <summary>
    /// Adds the finalizers that are wanted and removes those that no longer are, in at most one write. Null when the entity has
    /// changed or was deleted meanwhile: the watch reports the new state.
    /// </summary>
    public Task<TEntity?> AdjustAsync(TEntity entity, CancellationToken cancellationToken)
    {
        if (_known.Length == 0)
            return Task.FromResult<TEntity?>(entity);
        var present = entity.Metadata.Finalizers ?? [];
        var wanted = present.ToList();
        foreach (var (identifier, finalizer) in _known)
        {
            var isPresent = present.Contains(identifier);
            if (finalizer.IsWanted(entity) == isPresent)
                continue;
            if (isPresent)
                wanted.Remove(identifier);
            else
                wanted.Add(identifier);
        }

        return wanted.SequenceEqual(present) ? Task.FromResult<TEntity?>(entity) : WriteAsync(entity, wanted, cancellationToken);
    }

    /// <summary>
    /// Runs the registered finalizers of an entity that is being deleted, wherever they are in its list, and removes each one that
    /// succeeds. Stops at the first failure.
    /// </summary>
    public async Task<ReconciliationResult<TEntity>> FinalizeAsync(TEntity entity, CancellationToken cancellationToken)
    {
        foreach (var (identifier, finalizer) in _known)
        {
            if (entity.Metadata.Finalizers?.Contains(identifier) != true)
                continue;
            var result = await finalizer.FinalizeAsync(entity, cancellationToken);
            // A finalizer that asks to be called again has not finished.
            if (!result.IsSuccess || result.RequeueAfter is not null)
                return result;
            var left = entity.Metadata.Finalizers.Where(f => f != identifier).ToList();
            if (await WriteAsync(entity, left, cancellationToken) is not { } written)
            {
                return ReconciliationResult<TEntity>.Failure(entity, $"the entity changed before finalizer {identifier} could be removed");
            }

            entity = written;
        }

        return ReconciliationResult<TEntity>.Success(entity);
    }

    private async Task<TEntity?> WriteAsync(TEntity entity, List<string> finalizers, CancellationToken cancellationToken)
    {
        JsonPatchOperation[] patch =
        [
            new("test", "/metadata/resourceVersion", entity.Metadata.ResourceVersion),
            new("add", "/metadata/finalizers", finalizers),
        ];
        try
        {
            var written = await client.JsonPatchAsync<TEntity>(ResourceKind.Of<TEntity>(), entity.Key(), patch, null, cancellationToken);
            // No subscriber needs this change: the test in the patch proves that nothing else has changed.
            cache.ObserveSilently(written);
            return written;
        }
        catch (ApiException e) when (e.StatusCode is HttpStatusCode.NotFound)
        {
            return finalizers.Count == 0 ? entity : null;
        }
        catch (ApiException e) when (e.StatusCode is HttpStatusCode.Conflict or HttpStatusCode.UnprocessableEntity)
        {
            return null;
        }
    }
}
