using k8s;
using k8s.Models;

namespace KubeRuntime;

/// <summary>
/// The shape of a custom resource. A subclass carries <see cref="KubernetesEntityAttribute"/> and must have no
/// <c>required</c> members, since a bookmark of a watch comes without spec and status.
/// </summary>
/// <typeparam name="TSpec">What the user wants.</typeparam>
/// <typeparam name="TStatus">What the controller found.</typeparam>
public abstract class CustomKubernetesEntity<TSpec, TStatus> : IKubernetesObject<V1ObjectMeta>
    where TSpec : new()
    where TStatus : new()
{
    /// <summary><c>group/version</c>.</summary>
    public string ApiVersion { get; set; } = "";

    /// <summary>The kind as it stands in a manifest.</summary>
    public string Kind { get; set; } = "";

    /// <summary>Name, namespace, labels and the like.</summary>
    public V1ObjectMeta Metadata { get; set; } = new();

    /// <summary>What the user wants.</summary>
    public TSpec Spec { get; set; } = new();

    /// <summary>What the controller found.</summary>
    public TStatus Status { get; set; } = new();
}
