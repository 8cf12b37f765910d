// Which key is reconciled next, and when. No I/O and no calls to the API server.
using k8s;
using k8s.Models;

namespace KubeRuntime.Queues;

/// <summary>Requests reconciles of one kind.</summary>
/// <typeparam name="TEntity">The kind of object.</typeparam>
public interface IReconcileQueue<TEntity>
    where TEntity : IKubernetesObject<V1ObjectMeta>
{
    /// <summary>
    /// Reconciles the object as soon as a worker is free. A key that is queued already is not queued twice; a key that is being
    /// reconciled is queued again afterwards. While this process does not lead, the request is dropped, because a new leader
    /// reconciles everything.
    /// </summary>
    void Enqueue(NamespacedName key);
}

/// <summary>The queue of one kind, open only while this process leads.</summary>
internal sealed class EntityQueue<TEntity>(WorkQueue work) : IReconcileQueue<TEntity>, IDisposable
    where TEntity : IKubernetesObject<V1ObjectMeta>
{
    private volatile bool _isOpen;

    public WorkQueue Work => work;

    public bool IsOpen => _isOpen;

    public void Open() => _isOpen = true;

    public void Dispose() => work.Dispose();

    public void Enqueue(NamespacedName key)
    {
        if (_isOpen)
            work.Add(key);
    }
}
