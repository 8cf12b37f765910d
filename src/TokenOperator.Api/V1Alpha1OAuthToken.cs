// The custom resource as it is on the wire. Holds what users wrote, valid or not; reading it is Controller/TokenRequest.cs.
using System.Text.Json.Serialization;
using KubeRuntime;
using k8s.Models;

namespace TokenOperator.Api;

/// <summary>
/// Asks for one Secret with an OAuth access token that is always fresh. The field descriptions for users are those of
/// <c>config/crds/tokenoperator.dev_oauthtokens.yaml</c>; a test holds the two together.
/// </summary>
[KubernetesEntity(Group = GroupName, ApiVersion = "v1alpha1", Kind = KindName, PluralName = "oauthtokens")]
public sealed class V1Alpha1OAuthToken : CustomKubernetesEntity<V1Alpha1OAuthToken.EntitySpec, V1Alpha1OAuthToken.EntityStatus>
{
    /// <summary>The API group.</summary>
    public const string GroupName = "tokenoperator.dev";

    /// <summary>The kind.</summary>
    public const string KindName = "OAuthToken";

    /// <summary>Any new value of this annotation refreshes now, once, past any backoff.</summary>
    public const string RefreshRequestedAnnotation = "tokenoperator.dev/refresh-requested-at";

    /// <summary>What the user asks for.</summary>
    public sealed record EntitySpec
    {
        /// <summary>Name of a provider.</summary>
        public string? Provider { get; init; }

        /// <summary>The account's name; with the provider it is the key of the row in Postgres.</summary>
        public string? Account { get; init; }

        /// <summary>Where the OAuth client is; key <c>credentials.json</c> by default.</summary>
        public SecretKeyRef? ClientSecretRef { get; init; }

        /// <summary>Where a token file to import once is; key <c>token.json</c> by default.</summary>
        public SecretKeyRef? SeedSecretRef { get; init; }

        /// <summary>Scopes that the token must have.</summary>
        public IReadOnlyList<string>? Scopes { get; init; }

        /// <summary>Whose consent it must be: an address or a subject.</summary>
        public string? Identity { get; init; }

        /// <summary>Refresh when this much lifetime is left, such as <c>15m</c>.</summary>
        public string? RefreshBefore { get; init; }

        /// <summary>The Secret to write; the object's name by default.</summary>
        public string? SecretName { get; init; }

        /// <summary>Labels and annotations for that Secret.</summary>
        public Template? SecretTemplate { get; init; }

        /// <summary><c>Retain</c>, <c>Delete</c> or <c>Revoke</c>.</summary>
        public string? DeletionPolicy { get; init; }

        /// <summary>True: nothing is refreshed and nothing touched.</summary>
        public bool? Suspend { get; init; }
    }

    /// <summary>A key of a Secret in the object's own namespace.</summary>
    public sealed record SecretKeyRef
    {
        /// <summary>The Secret's name.</summary>
        public string? Name { get; init; }

        /// <summary>The key in it.</summary>
        public string? Key { get; init; }
    }

    /// <summary>What users add to the Secret's metadata.</summary>
    public sealed record Template
    {
        /// <summary>Labels.</summary>
        public IReadOnlyDictionary<string, string>? Labels { get; init; }

        /// <summary>Annotations.</summary>
        public IReadOnlyDictionary<string, string>? Annotations { get; init; }
    }

    /// <summary>What is. Times are RFC 3339 in UTC with whole seconds.</summary>
    public sealed record EntityStatus
    {
        /// <summary>Generation of the spec that this status speaks of.</summary>
        public long? ObservedGeneration { get; init; }

        /// <summary>When the access token in the Secret ends.</summary>
        public string? ExpiresAt { get; init; }

        /// <summary>When the provider last handed out a token.</summary>
        public string? LastRefreshTime { get; init; }

        /// <summary>When the provider is asked next.</summary>
        public string? NextRefreshTime { get; init; }

        /// <summary>Scopes that were granted.</summary>
        public IReadOnlyList<string>? Scopes { get; init; }

        /// <summary>The Secret that was written.</summary>
        public string? SecretName { get; init; }

        /// <summary>Consecutive failures.</summary>
        public int? Failures { get; init; }

        /// <summary>Value of the annotation <see cref="RefreshRequestedAnnotation"/> that was last acted on.</summary>
        public string? LastHandledRefreshRequest { get; init; }

        /// <summary>Where a browser can consent, while a human is needed and the operator serves people.</summary>
        public string? AuthorizationURL { get; init; }

        /// <summary>Ready, Refreshed, Persisted, Reconciling, Stalled.</summary>
        public IReadOnlyList<Condition>? Conditions { get; init; }

        /// <summary>The condition of this type, or null.</summary>
        public Condition? Find(string type) => Conditions?.FirstOrDefault(c => c.Type == type);
    }

    /// <summary>A condition as Kubernetes' API conventions have it.</summary>
    public sealed record Condition
    {
        /// <summary>One of <see cref="ConditionTypes"/>.</summary>
        public required string Type { get; init; }

        /// <summary><c>True</c>, <c>False</c> or <c>Unknown</c>.</summary>
        public required string Status { get; init; }

        /// <summary>One of <see cref="Reasons"/>.</summary>
        public required string Reason { get; init; }

        /// <summary>For a person; never holds a token, a secret or a piece of one.</summary>
        public required string Message { get; init; }

        /// <summary>When <see cref="Status"/> last changed.</summary>
        public required string LastTransitionTime { get; init; }

        /// <summary>Generation of the spec that this condition speaks of.</summary>
        public long? ObservedGeneration { get; init; }

        /// <summary>True when <see cref="Status"/> is <c>True</c>.</summary>
        [JsonIgnore]
        public bool IsTrue => Status == "True";
    }
}
