using k8s;
using k8s.Models;
using KubeRuntime;
using KubeRuntime.Queues;

namespace TokenOperator.Tests.KubeRuntime.Fakes;

/// <summary>A queue that records what it is asked for.</summary>
internal sealed class CalledObjects<TEntity> : IReconcileQueue<TEntity>
    where TEntity : IKubernetesObject<V1ObjectMeta>
{
    public List<NamespacedName> Queued { get; } = [];

    public void Enqueue(NamespacedName key) => Queued.Add(key);
}
