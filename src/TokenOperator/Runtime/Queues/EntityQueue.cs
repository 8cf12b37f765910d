using k8s;
using k8s.Models;

namespace TokenOperator.Runtime.Queues;

/// <summary>The queue of one kind, open only while this process leads.</summary>
internal sealed class EntityQueue<TEntity>(WorkQueue work) : IReconcileQueue<TEntity>, IDisposable
    where TEntity : IKubernetesObject<V1ObjectMeta>
{
    private volatile bool isOpen;

    public WorkQueue Work => work;

    public bool IsOpen => isOpen;

    public void Open() => isOpen = true;

    public void Dispose() => work.Dispose();

    public void Enqueue(NamespacedName key)
    {
        if (isOpen) work.Add(key);
    }

    public void EnqueueAfter(NamespacedName key, TimeSpan delay)
    {
        if (isOpen) work.AddAfter(key, delay);
    }
}
