using k8s.Models;

namespace KubeRuntime.Client;

/// <summary>One page of a LIST.</summary>
/// <typeparam name="T">What its items are read as.</typeparam>
public sealed class ResourceList<T>
{
    /// <summary>Its version, and where the next page begins.</summary>
    public V1ListMeta Metadata { get; set; } = new();

    /// <summary>An empty list of metadata comes with <c>null</c> (seen on Kubernetes 1.20).</summary>
    public List<T>? Items { get; set; }
}

/// <summary>What a LIST or a watch is to cover.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Namespace">The namespace; empty means all.</param>
/// <param name="LabelSelector">Only objects with these labels.</param>
public sealed record ResourceScope(ResourceKind Kind, string Namespace, string? LabelSelector)
{
    /// <summary>The label selector as a query parameter; empty for none.</summary>
    internal string Selector => string.IsNullOrEmpty(LabelSelector) ? "" : $"&labelSelector={Uri.EscapeDataString(LabelSelector)}";

    /// <inheritdoc/>
    public override string ToString() => Namespace.Length == 0 ? Kind.ToString() : $"{Kind} in {Namespace}";
}
