using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using k8s;
using k8s.Models;

namespace TokenOperator.Runtime.Client;

/// <summary>
/// JSON as KubernetesClient reads and writes it, but without <c>metadata.managedFields</c>, which is often the larger half of
/// an object and which nobody here reads but of <see cref="PartialObjectMetadata"/>.
/// </summary>
internal static class ApiJson
{
    private static readonly JsonSerializerOptions AsTheyAre = Copy();

    public static JsonSerializerOptions Options { get; } = Create();

    public static JsonTypeInfo<T> Info<T>() => (JsonTypeInfo<T>)Options.GetTypeInfo(typeof(T));

    public static byte[] Serialize(object value) =>
        JsonSerializer.SerializeToUtf8Bytes(value, Options.GetTypeInfo(value.GetType()));

    private static JsonSerializerOptions Create()
    {
        var options = Copy();
        options.TypeInfoResolver = options.TypeInfoResolver!.WithAddedModifier(DropManagedFields);
        options.MakeReadOnly();
        return options;
    }

    private static JsonSerializerOptions Copy()
    {
        JsonSerializerOptions? copy = null;
        KubernetesJson.AddJsonOptions(options => copy = new JsonSerializerOptions(options));
        return copy!;
    }

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
        public override V1ObjectMeta? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            JsonSerializer.Deserialize(ref reader, Info());

        public override void Write(Utf8JsonWriter writer, V1ObjectMeta value, JsonSerializerOptions options) =>
            JsonSerializer.Serialize(writer, value, Info());

        private static JsonTypeInfo<V1ObjectMeta> Info() => (JsonTypeInfo<V1ObjectMeta>)AsTheyAre.GetTypeInfo(typeof(V1ObjectMeta));
    }
}
