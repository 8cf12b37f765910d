using k8s;
using k8s.Models;

namespace KubeRuntime.Queues;

/// <summary>
/// Asks for a reconcile. While this process does not lead, a request is dropped, for whoever begins to lead reconciles everything.
/// </summary>
/// <typeparam name="TEntity">The kind of object.</typeparam>
public interface IReconcileQueue<TEntity>
    where TEntity : IKubernetesObject<V1ObjectMeta>
{
    /// <summary>As soon as a worker is free. A key that waits already is not queued twice; one in work is queued again after it.</summary>
    void Enqueue(NamespacedName key);

    /// <summary>After <paramref name="delay"/>. Of several delays for one key the earliest counts.</summary>
    void EnqueueAfter(NamespacedName key, TimeSpan delay);
}
