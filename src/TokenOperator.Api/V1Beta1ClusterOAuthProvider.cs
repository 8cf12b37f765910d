// The custom resource as the API server stores it, valid or not. The providers' documents know how to read its spec. No I/O.
using System.Text.Json;
using System.Text.Json.Serialization;
using k8s.Models;
using KubeRuntime;

namespace TokenOperator.Api;

/// <summary>
/// Describes a provider for all namespaces. Only administrators write it, because it decides where secrets are sent. Its spec is a provider document. It is
/// kept as it is, so that the operator can name fields that it does not know, such as those of a newer definition. The descriptions for users are in
/// <c>config/crds/tokenoperator.dev_clusteroauthproviders.yaml</c>; a test checks that both have the same fields.
/// </summary>
[KubernetesEntity(Group = V1Beta1OAuthToken.GroupName, ApiVersion = "v1beta1", Kind = KindName, PluralName = "clusteroauthproviders")]
public sealed class V1Beta1ClusterOAuthProvider : CustomKubernetesEntity<JsonElement, V1Beta1ClusterOAuthProvider.EntityStatus>
{
    /// <summary>The kind.</summary>
    public const string KindName = "ClusterOAuthProvider";

    /// <summary>Names the host from which the document may move accounts in use to its own token endpoint.</summary>
    public const string MovesFromAnnotation = "tokenoperator.dev/allow-endpoint-move-from";

    /// <summary>The host that <see cref="MovesFromAnnotation"/> names, or null.</summary>
    [JsonIgnore]
    public string? MovesFrom => Metadata.Annotations is { } annotations && annotations.TryGetValue(MovesFromAnnotation, out var host) ? host : null;

    /// <summary>Removes from the metadata what the operator does not read. Memory holds all objects.</summary>
    public static V1Beta1ClusterOAuthProvider Shrink(V1Beta1ClusterOAuthProvider entity)
    {
        ArgumentNullException.ThrowIfNull(entity);
        if (entity.Metadata is { } metadata)
        {
            metadata.Annotations = entity.MovesFrom is { } host ? new Dictionary<string, string> { [MovesFromAnnotation] = host } : null;
            metadata.Labels = null;
            metadata.OwnerReferences = null;
            metadata.ManagedFields = null;
        }

        return entity;
    }

    /// <summary>The observed state. Times are RFC 3339 in UTC with whole seconds.</summary>
    public sealed record EntityStatus
    {
        /// <summary>Generation of the spec that this status describes.</summary>
        public long? ObservedGeneration { get; init; }

        /// <summary>The host that refresh tokens are sent to, with its port unless that is the usual one.</summary>
        public string? TokenEndpointHost { get; init; }

        /// <summary>How many OAuthTokens name the provider.</summary>
        public int? UsedBy { get; init; }

        /// <summary>When the provider last issued a token.</summary>
        public string? LastSuccessTime { get; init; }

        /// <summary>When a refresh last failed.</summary>
        public string? LastFailureTime { get; init; }

        /// <summary>What that failure means: one of <see cref="Reasons"/>.</summary>
        public string? LastFailureReason { get; init; }

        /// <summary>Accepted.</summary>
        public IReadOnlyList<V1Beta1OAuthToken.Condition>? Conditions { get; init; }

        /// <summary>The condition of this type, or null.</summary>
        public V1Beta1OAuthToken.Condition? Find(string type) => Conditions?.FirstOrDefault(condition => condition.Type == type);
    }
}

/// <summary>JSON serialization of ClusterOAuthProviders, source-generated.</summary>
[JsonSourceGenerationOptions(
    GenerationMode = JsonSourceGenerationMode.Metadata,
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(V1Beta1ClusterOAuthProvider))]
public sealed partial class ClusterOAuthProviderJson : JsonSerializerContext;
