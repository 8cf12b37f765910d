using k8s;
using k8s.Models;

namespace KubeRuntime.Queues;

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
        if (_isOpen) work.Add(key);
    }

    public void EnqueueAfter(NamespacedName key, TimeSpan delay)
    {
        if (_isOpen) work.AddAfter(key, delay);
    }
}
