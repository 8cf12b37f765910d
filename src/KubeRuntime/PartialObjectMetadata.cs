using System.Text.Json.Serialization;
using KubeRuntime.Client;
using k8s;
using k8s.Models;

namespace KubeRuntime;

/// <summary>
/// Any object without its contents. Calls of <see cref="Client.ResourceClient"/> for this type ask the server for metadata only,
/// so the contents never travel (API concepts, "Receiving resources as Tables and PartialObjectMetadata").
/// </summary>
[KubernetesEntity(Group = "meta.k8s.io", ApiVersion = "v1", Kind = "PartialObjectMetadata", PluralName = "partialobjectmetadata")]
public sealed class PartialObjectMetadata : IKubernetesObject<V1ObjectMeta>
{
    /// <summary><c>meta.k8s.io/v1</c>, whatever the object is.</summary>
    public string ApiVersion { get; set; } = "";

    /// <summary><c>PartialObjectMetadata</c>, whatever the object is.</summary>
    public string Kind { get; set; } = "";

    /// <summary>The metadata of the object; unlike that of other objects with its managed fields.</summary>
    [JsonConverter(typeof(ApiJson.WholeMetadataConverter))]
    public V1ObjectMeta Metadata { get; set; } = new();
}
