using k8s.Models;

namespace KubeRuntime.Controllers;

/// <summary>Decides which changes of an entity trigger a reconcile.</summary>
internal static class EntityChanges
{
    /// <summary>
    /// True when anything but the status changed: a controller that is triggered by its own status writes never comes to rest. For an
    /// entity without a generation (no status subresource), every change counts. A change of the finalizers counts only if one was
    /// removed from an entity that is not being deleted, because it may have to be added again.
    /// </summary>
    public static bool Matter(IMetadata<V1ObjectMeta> before, IMetadata<V1ObjectMeta> after)
    {
        var (old, now) = (before.Metadata, after.Metadata);
        return now.Generation is null
            || old.Generation != now.Generation
            || old.Uid != now.Uid
            || old.DeletionTimestamp != now.DeletionTimestamp
            || !Same(old.Labels, now.Labels)
            || !Same(old.Annotations, now.Annotations)
            || (now.DeletionTimestamp is null && (old.Finalizers ?? []).Except(now.Finalizers ?? []).Any());
    }

    private static bool Same(IDictionary<string, string>? old, IDictionary<string, string>? now) =>
        (old?.Count ?? 0) == (now?.Count ?? 0)
        && (old is null || old.All(pair => now!.TryGetValue(pair.Key, out var value) && value == pair.Value));
}
