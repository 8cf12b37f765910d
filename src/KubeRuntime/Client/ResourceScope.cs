namespace KubeRuntime.Client;

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
