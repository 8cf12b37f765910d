using k8s;
using k8s.Models;
using KubeRuntime.Queues;
using Microsoft.Extensions.Logging;

namespace KubeRuntime.Watching;

/// <summary>Turns the changes of one cache into reconciles of the entities that they affect.</summary>
internal sealed partial class WatchMapping<TItem, TEntity>(
    Func<TItem?, TItem?, IResourceCache<TEntity>, IEnumerable<NamespacedName>> map,
    IResourceCache<TEntity> entities,
    IReconcileQueue<TEntity> queue,
    ILogger<WatchMapping<TItem, TEntity>> logger)
    where TItem : class
    where TEntity : class, IKubernetesObject<V1ObjectMeta>
{
    public void OnChange(CacheChange<TItem> change)
    {
        try
        {
            foreach (var key in map(change.Old, change.New, entities))
            {
                if (key != change.By)
                    queue.Enqueue(key);
            }
        }
#pragma warning disable CA1031 // A fault in the mapping must not stop the watch, which serves all other objects.
        catch (Exception e)
        {
            LogMapFailed(logger, e, typeof(TItem).Name, change.Key);
        }
#pragma warning restore CA1031
    }

    [LoggerMessage(EventId = 2006, Level = LogLevel.Error, Message = "The change of {Item} {Key} could not be mapped to entities")]
    private static partial void LogMapFailed(ILogger logger, Exception exception, string item, NamespacedName key);
}
