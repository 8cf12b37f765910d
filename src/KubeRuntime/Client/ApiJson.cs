using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using k8s;
using k8s.Models;

namespace KubeRuntime.Client;

/// <summary>
/// JSON as KubernetesClient reads and writes it, but without <c>metadata.managedFields</c>, which is often the larger half of
/// an object and which nobody here reads but of <see cref="PartialObjectMetadata"/>; and by code that is made when this is
/// built: a published operator is trimmed, and what is looked at only as it runs could be missing.
/// </summary>
internal sealed class ApiJson
{
    /// <param name="entities">The source-generated JSON of all other types that are read or written, and of <see cref="ResourceList{T}"/> of those that are listed.</param>
    public ApiJson(params IEnumerable<IJsonTypeInfoResolver> entities)
    {
        Options = CreateOptions();
        Options.TypeInfoResolver = JsonTypeInfoResolver
            .Combine([RuntimeJson.Default, .. entities])
            .WithAddedModifier(DropManagedFields);
        Options.MakeReadOnly();
    }

    private JsonSerializerOptions Options { get; }

    public JsonTypeInfo<T> Info<T>() => (JsonTypeInfo<T>)Options.GetTypeInfo(typeof(T));

    public byte[] Serialize(object value) => JsonSerializer.SerializeToUtf8Bytes(value, Options.GetTypeInfo(value.GetType()));

    private static JsonSerializerOptions CreateOptions() => new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new KubernetesJson.KubernetesDateTimeConverter(), new KubernetesJson.KubernetesDateTimeOffsetConverter() },
    };

    private static void DropManagedFields(JsonTypeInfo info)
    {
        if (info.Type != typeof(V1ObjectMeta)) return;
        for (var i = info.Properties.Count - 1; i >= 0; i--)
        {
            if (info.Properties[i].Name == "managedFields") info.Properties.RemoveAt(i);
        }
    }

    /// <summary>Metadata with all of its fields, for objects that are asked for because of their metadata.</summary>
    internal sealed class WholeMetadataConverter : JsonConverter<V1ObjectMeta>
    {
        private static readonly JsonTypeInfo<V1ObjectMeta> Info = CreateInfo();

        public override V1ObjectMeta? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            JsonSerializer.Deserialize(ref reader, Info);

        public override void Write(Utf8JsonWriter writer, V1ObjectMeta value, JsonSerializerOptions options) =>
            JsonSerializer.Serialize(writer, value, Info);

        private static JsonTypeInfo<V1ObjectMeta> CreateInfo()
        {
            var options = CreateOptions();
            options.TypeInfoResolver = RuntimeJson.Default;
            return (JsonTypeInfo<V1ObjectMeta>)options.GetTypeInfo(typeof(V1ObjectMeta));
        }
    }
}

/// <summary>What each operator reads and writes, whatever its entities are.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(V1ObjectMeta))]
[JsonSerializable(typeof(V1Status))]
[JsonSerializable(typeof(V1DeleteOptions))]
[JsonSerializable(typeof(V1Lease))]
[JsonSerializable(typeof(V1Secret))]
[JsonSerializable(typeof(Eventsv1Event))]
[JsonSerializable(typeof(PartialObjectMetadata))]
[JsonSerializable(typeof(ResourceList<PartialObjectMetadata>))]
[JsonSerializable(typeof(ResourceList<JsonElement>))]
[JsonSerializable(typeof(JsonPatchOperation[]))]
[JsonSerializable(typeof(List<string>))]
[JsonSerializable(typeof(JsonObject))]
internal sealed partial class RuntimeJson : JsonSerializerContext;
