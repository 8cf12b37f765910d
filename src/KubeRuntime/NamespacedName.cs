// The runtime: watches, queues and leadership for any kind of object. It knows nothing of tokens,
// and a test holds it to that. Its public names follow KubeOps, so that a KubeOps user is at home.
using k8s.Models;

namespace KubeRuntime;

/// <summary>The key of an object within its kind. The namespace is empty for cluster-scoped objects.</summary>
public readonly record struct NamespacedName(string Namespace, string Name)
{
    /// <summary><c>namespace/name</c>, as kubectl and the events write it.</summary>
    public override string ToString() => string.IsNullOrEmpty(Namespace) ? Name : $"{Namespace}/{Name}";
}

/// <summary>The key of a Kubernetes object.</summary>
public static class NamespacedNameExtensions
{
    /// <summary>Namespace and name of <paramref name="entity"/>.</summary>
    public static NamespacedName Key(this IMetadata<V1ObjectMeta> entity) =>
        new(entity.Metadata?.NamespaceProperty ?? "", entity.Metadata?.Name ?? "");
}
