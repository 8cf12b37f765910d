using k8s.Models;

namespace KubeRuntime.Client;

/// <summary>One page of a LIST.</summary>
/// <typeparam name="T">The type of the items.</typeparam>
public sealed class ResourceList<T>
{
    /// <summary>The version of the collection, and the token for the next page.</summary>
    public V1ListMeta Metadata { get; set; } = new();

    /// <summary>The items; null for an empty list of metadata (seen on Kubernetes 1.20).</summary>
    public List<T>? Items { get; set; }
}

/// <summary>The scope of a LIST or a watch.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Namespace">The namespace; empty means all.</param>
/// <param name="LabelSelector">Covers only objects with these labels; null for all.</param>
public sealed record ResourceScope(ResourceKind Kind, string Namespace, string? LabelSelector)
{
    /// <summary>The label selector as a query parameter; empty for none.</summary>
    internal string Selector => string.IsNullOrEmpty(LabelSelector) ? "" : $"&labelSelector={Uri.EscapeDataString(LabelSelector)}";

    /// <inheritdoc/>
    public override string ToString() => Namespace.Length == 0 ? Kind.ToString() : $"{Kind} in {Namespace}";
}
