using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using k8s;
using k8s.Models;

namespace TokenOperator.Runtime.Client;

/// <summary>
/// JSON as KubernetesClient reads and writes it, but without <c>metadata.managedFields</c>: nobody here reads it, and it is
/// often the larger half of an object.
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
        // By reflection: KubernetesClient's generated resolver is one method over a thousand types, dear to compile for the few in use.
        copy!.TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { DropManagedFields } };
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
}
