using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using k8s;
using k8s.Models;

namespace TokenOperator.Runtime.Client;

/// <summary>
/// JSON as KubernetesClient reads and writes it, but without <c>metadata.managedFields</c>, which is often the larger half of an
/// object. Only a <see cref="PartialObjectMetadata"/> has it, for whoever asks who set what.
/// </summary>
internal static class ApiJson
{
    public static JsonSerializerOptions Options { get; } = Create();

    public static JsonTypeInfo<T> Info<T>() => (JsonTypeInfo<T>)Options.GetTypeInfo(typeof(T));

    public static byte[] Serialize(object value) =>
        JsonSerializer.SerializeToUtf8Bytes(value, Options.GetTypeInfo(value.GetType()));

    private static JsonSerializerOptions Create()
    {
        JsonSerializerOptions? copy = null;
        KubernetesJson.AddJsonOptions(options => copy = new JsonSerializerOptions(options));
        var whole = new JsonSerializerOptions(copy!);
        whole.MakeReadOnly();
        copy!.TypeInfoResolver = copy.TypeInfoResolver!.WithAddedModifier(DropManagedFields).WithAddedModifier(info => KeepManagedFields(info, whole));
        copy.MakeReadOnly();
        return copy;
    }

    private static void DropManagedFields(JsonTypeInfo info)
    {
        if (info.Type != typeof(V1ObjectMeta)) return;
        for (var i = info.Properties.Count - 1; i >= 0; i--)
        {
            if (info.Properties[i].Name == "managedFields") info.Properties.RemoveAt(i);
        }
    }

    private static void KeepManagedFields(JsonTypeInfo info, JsonSerializerOptions whole)
    {
        if (info.Type != typeof(PartialObjectMetadata)) return;
        foreach (var property in info.Properties)
        {
            if (property.PropertyType == typeof(V1ObjectMeta)) property.CustomConverter = new WholeMetadata(whole);
        }
    }

    private sealed class WholeMetadata(JsonSerializerOptions whole) : JsonConverter<V1ObjectMeta>
    {
        public override V1ObjectMeta? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            JsonSerializer.Deserialize<V1ObjectMeta>(ref reader, whole);

        public override void Write(Utf8JsonWriter writer, V1ObjectMeta value, JsonSerializerOptions options) =>
            JsonSerializer.Serialize(writer, value, whole);
    }
}
