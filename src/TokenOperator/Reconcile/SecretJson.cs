using System.Text.Json.Serialization;
using k8s.Models;

namespace TokenOperator.Reconcile;

/// <summary>The JSON of input Secrets, source-generated. The runtime knows no Secrets.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(V1Secret))]
internal sealed partial class SecretJson : JsonSerializerContext;
