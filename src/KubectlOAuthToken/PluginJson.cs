using System.Text.Json.Serialization;
using k8s.Models;
using KubeRuntime.Client;

namespace KubectlOAuthToken;

/// <summary>The JSON of what the verbs read of a cluster beside OAuthTokens, by code that is made when this is built.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(V1ConfigMap))]
[JsonSerializable(typeof(V1CustomResourceDefinition))]
[JsonSerializable(typeof(ResourceList<V1Deployment>))]
[JsonSerializable(typeof(ResourceList<V1Pod>))]
[JsonSerializable(typeof(V1Secret))]
[JsonSerializable(typeof(V1SelfSubjectAccessReview))]
[JsonSerializable(typeof(V1SubjectAccessReview))]
internal sealed partial class PluginJson : JsonSerializerContext;
