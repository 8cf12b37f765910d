using System.Text.Json.Serialization;
using KubeRuntime.Client;

namespace TokenOperator.Api;

/// <summary>The JSON of an OAuthToken, by code that is made when this is built.</summary>
[JsonSourceGenerationOptions(
    GenerationMode = JsonSourceGenerationMode.Metadata,
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(V1Alpha1OAuthToken))]
[JsonSerializable(typeof(ResourceList<V1Alpha1OAuthToken>))]
public sealed partial class OAuthTokenJson : JsonSerializerContext;
