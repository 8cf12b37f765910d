using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using k8s;
using k8s.Models;

namespace KubeRuntime.Client;

/// <summary>
/// JSON as KubernetesClient reads and writes it, with two differences. It skips <c>metadata.managedFields</c>, often the larger half of
/// an object, except in <see cref="PartialObjectMetadata"/>. And it uses source-generated code only, because reflection could miss
/// members that trimming removed.
/// </summary>
internal sealed class ApiJson
{
    /// <param name="types">The source-generated JSON of all other types that are read or written.</param>
    public ApiJson(params IEnumerable<IJsonTypeInfoResolver> types)
    {
        Options = CreateOptions();
        Options.TypeInfoResolver = JsonTypeInfoResolver
            .Combine([RuntimeJson.Default, .. types])
            .WithAddedModifier(AdjustMetadata);
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

    private static void AdjustMetadata(JsonTypeInfo info)
    {
        if (info.Type == typeof(V1ObjectMeta) && info.Properties.FirstOrDefault(property => property.Name == "managedFields") is { } managedFields)
            info.Properties.Remove(managedFields);
        if (info.Type == typeof(PartialObjectMetadata))
            info.Properties.Single(property => property.Name == "metadata").CustomConverter = new WholeMetadataConverter();
    }

    /// <summary>Reads metadata with all of its fields.</summary>
    private sealed class WholeMetadataConverter : JsonConverter<V1ObjectMeta>
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

/// <summary>The types that every operator reads and writes, whatever its entities are.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(V1ObjectMeta))]
[JsonSerializable(typeof(V1Status))]
[JsonSerializable(typeof(V1DeleteOptions))]
[JsonSerializable(typeof(V1Lease))]
[JsonSerializable(typeof(Eventsv1Event))]
[JsonSerializable(typeof(PartialObjectMetadata))]
[JsonSerializable(typeof(CustomResourceDefinition))]
[JsonSerializable(typeof(V1ListMeta))]
[JsonSerializable(typeof(JsonPatchOperation[]))]
[JsonSerializable(typeof(List<string>))]
[JsonSerializable(typeof(JsonObject))]
internal sealed partial class RuntimeJson : JsonSerializerContext;

/// <summary>Times for fields of type MicroTime, as Lease and Event have them.</summary>
internal static class MicroTime
{
    /// <summary>
    /// <paramref name="time"/> in UTC. Adds a tick to a whole second: KubernetesClient would write it without a fraction, and the
    /// server rejects a MicroTime without one (400).
    /// </summary>
    public static DateTime From(DateTimeOffset time)
    {
        var utc = time.UtcDateTime;
        return utc.Ticks % TimeSpan.TicksPerSecond == 0 ? utc.AddTicks(1) : utc;
    }
}
