// A controller runtime for any kind of object: watches, queues and leader election. Public names follow KubeOps where it has one.
// This namespace holds the names and shapes of objects and uses no other namespace of the runtime.
using k8s.Models;

namespace KubeRuntime;

/// <summary>The key of an object within its kind. The namespace is empty for cluster-scoped objects.</summary>
public readonly record struct NamespacedName(string Namespace, string Name)
{
    /// <summary><c>namespace/name</c>, or the name alone for a cluster-scoped object.</summary>
    public override string ToString() => string.IsNullOrEmpty(Namespace) ? Name : $"{Namespace}/{Name}";
}

/// <summary>Reads the key of a Kubernetes object.</summary>
public static class NamespacedNameExtensions
{
    /// <summary>The namespace and name of <paramref name="entity"/>.</summary>
    public static NamespacedName Key(this IMetadata<V1ObjectMeta> entity) =>
        new(entity.Metadata?.NamespaceProperty ?? "", entity.Metadata?.Name ?? "");
}
