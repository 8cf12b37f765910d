using k8s;
using k8s.Models;

namespace KubeRuntime;

/// <summary>
/// The base class of a custom resource. A subclass carries <see cref="KubernetesEntityAttribute"/> and has no <c>required</c>
/// members, because a bookmark of a watch has neither spec nor status.
/// </summary>
/// <typeparam name="TSpec">The desired state, written by the user.</typeparam>
/// <typeparam name="TStatus">The observed state, written by the controller.</typeparam>
public abstract class CustomKubernetesEntity<TSpec, TStatus> : IKubernetesObject<V1ObjectMeta>
    where TSpec : new()
    where TStatus : new()
{
    /// <summary><c>group/version</c>.</summary>
    public string ApiVersion { get; set; } = "";

    /// <summary>The kind, as in a manifest.</summary>
    public string Kind { get; set; } = "";

    /// <summary>Name, namespace, labels and other metadata.</summary>
    public V1ObjectMeta Metadata { get; set; } = new();

    /// <summary>The desired state.</summary>
    public TSpec Spec { get; set; } = new();

    /// <summary>The observed state.</summary>
    public TStatus Status { get; set; } = new();
}

/// <summary>
/// The metadata of an object of any kind. When you ask <c>ResourceClient</c> for this type, the server sends metadata only, so the
/// contents never leave the server (API concepts, "Receiving resources as Tables and PartialObjectMetadata").
/// </summary>
[KubernetesEntity(Group = "meta.k8s.io", ApiVersion = "v1", Kind = "PartialObjectMetadata", PluralName = "partialobjectmetadata")]
public sealed class PartialObjectMetadata : IKubernetesObject<V1ObjectMeta>
{
    /// <summary><c>meta.k8s.io/v1</c>, whatever the kind of the object.</summary>
    public string ApiVersion { get; set; } = "";

    /// <summary><c>PartialObjectMetadata</c>, whatever the kind of the object.</summary>
    public string Kind { get; set; } = "";

    /// <summary>The metadata of the object, including its managed fields, which other types are read without.</summary>
    public V1ObjectMeta Metadata { get; set; } = new();
}
