// The custom resource as the API server stores it, valid or not. TokenRequest reads and checks it. No I/O.
using System.Text.Json.Serialization;
using k8s.Models;
using KubeRuntime;

namespace TokenOperator.Api;

/// <summary>
/// Requests one Secret with an OAuth access token that is always valid. The descriptions for users are in
/// <c>config/crds/tokenoperator.dev_oauthtokens.yaml</c>; a test checks that both have the same fields.
/// </summary>
[KubernetesEntity(Group = GroupName, ApiVersion = "v1alpha1", Kind = KindName, PluralName = "oauthtokens")]
public sealed class V1Alpha1OAuthToken : CustomKubernetesEntity<V1Alpha1OAuthToken.EntitySpec, V1Alpha1OAuthToken.EntityStatus>
{
    /// <summary>The API group.</summary>
    public const string GroupName = "tokenoperator.dev";

    /// <summary>The kind.</summary>
    public const string KindName = "OAuthToken";

    /// <summary>Each new value of this annotation requests one refresh now, without waiting for a backoff.</summary>
    public const string RefreshRequestedAnnotation = "tokenoperator.dev/refresh-requested-at";

    /// <summary>The requested state.</summary>
    public sealed record EntitySpec
    {
        /// <summary>Name of a provider.</summary>
        public string? Provider { get; init; }

        /// <summary>The account's name. Provider and account are the key of the row in Postgres.</summary>
        public string? Account { get; init; }

        /// <summary>The OAuth client; key <c>credentials.json</c> by default.</summary>
        public SecretKeyRef? ClientSecretRef { get; init; }

        /// <summary>The token file to import once; key <c>token.json</c> by default.</summary>
        public SecretKeyRef? SeedSecretRef { get; init; }

        /// <summary>Scopes that the token must have.</summary>
        public IReadOnlyList<string>? Scopes { get; init; }

        /// <summary>Who must have consented: an address or a subject.</summary>
        public string? Identity { get; init; }

        /// <summary>Refresh when this much lifetime is left, such as <c>15m</c>.</summary>
        public string? RefreshBefore { get; init; }

        /// <summary>The name of the Secret to write; the name of the object by default.</summary>
        public string? SecretName { get; init; }

        /// <summary>Labels and annotations for that Secret.</summary>
        public Template? SecretTemplate { get; init; }

        /// <summary><c>Retain</c>, <c>Delete</c> or <c>Revoke</c>.</summary>
        public string? DeletionPolicy { get; init; }

        /// <summary><c>Delete</c> or <c>Orphan</c>: what becomes of the Secret when the object is deleted.</summary>
        public string? SecretDeletionPolicy { get; init; }

        /// <summary>True: the operator refreshes and changes nothing.</summary>
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

    /// <summary>Labels and annotations that users add to the Secret.</summary>
    public sealed record Template
    {
        /// <summary>Labels.</summary>
        public IReadOnlyDictionary<string, string>? Labels { get; init; }

        /// <summary>Annotations.</summary>
        public IReadOnlyDictionary<string, string>? Annotations { get; init; }
    }

    /// <summary>The observed state. Times are RFC 3339 in UTC with whole seconds.</summary>
    public sealed record EntityStatus
    {
        /// <summary>Generation of the spec that this status describes.</summary>
        public long? ObservedGeneration { get; init; }

        /// <summary>When the access token in the Secret expires.</summary>
        public string? ExpiresAt { get; init; }

        /// <summary>When the provider last handed out a token.</summary>
        public string? LastRefreshTime { get; init; }

        /// <summary>When the operator next requests a token from the provider.</summary>
        public string? NextRefreshTime { get; init; }

        /// <summary>When the consent ends, if the provider says so.</summary>
        public string? ConsentExpiresAt { get; init; }

        /// <summary>The granted scopes.</summary>
        public IReadOnlyList<string>? Scopes { get; init; }

        /// <summary>The Secret that was written.</summary>
        public string? SecretName { get; init; }

        /// <summary>Consecutive failures.</summary>
        public int? Failures { get; init; }

        /// <summary>Value of the annotation <see cref="RefreshRequestedAnnotation"/> that was last acted on.</summary>
        public string? LastHandledRefreshRequest { get; init; }

        /// <summary>Where a browser can consent, while a consent is needed and self-service pages are enabled.</summary>
        public string? AuthorizationURL { get; init; }

        /// <summary>Ready, Refreshed, Persisted, Reconciling, Stalled.</summary>
        public IReadOnlyList<Condition>? Conditions { get; init; }

        /// <summary>The condition of this type, or null.</summary>
        public Condition? Find(string type) => Conditions?.FirstOrDefault(c => c.Type == type);
    }

    /// <summary>A condition as the Kubernetes API conventions define it.</summary>
    public sealed record Condition
    {
        /// <summary>One of <see cref="ConditionTypes"/>.</summary>
        public required string Type { get; init; }

        /// <summary><c>True</c>, <c>False</c> or <c>Unknown</c>.</summary>
        public required string Status { get; init; }

        /// <summary>One of <see cref="Reasons"/>.</summary>
        public required string Reason { get; init; }

        /// <summary>A message for people; never contains a token, a secret or a part of one.</summary>
        public required string Message { get; init; }

        /// <summary>When <see cref="Status"/> last changed.</summary>
        public required string LastTransitionTime { get; init; }

        /// <summary>Generation of the spec that this condition describes.</summary>
        public long? ObservedGeneration { get; init; }

        /// <summary>True when <see cref="Status"/> is <c>True</c>.</summary>
        [JsonIgnore]
        public bool IsTrue => Status == "True";
    }
}
