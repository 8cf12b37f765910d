using System.Text.Json.Serialization;

namespace TokenOperator.Api;

/// <summary>JSON serialization of OAuthTokens, source-generated.</summary>
[JsonSourceGenerationOptions(
    GenerationMode = JsonSourceGenerationMode.Metadata,
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(V1Beta1OAuthToken))]
public sealed partial class OAuthTokenJson : JsonSerializerContext;
