// The custom resource as the API server stores it, valid or not. TokenRequest reads and checks it. No I/O.
using System.Text.Json.Serialization;
using k8s.Models;
using KubeRuntime;

namespace TokenOperator.Api;

/// <summary>
/// Requests one Secret with an OAuth access token that is always valid. The descriptions for users are in
/// <c>config/crds/tokenoperator.dev_oauthtokens.yaml</c>; a test checks that both have the same fields.
/// </summary>
[KubernetesEntity(Group = GroupName, ApiVersion = "v1beta1", Kind = KindName, PluralName = "oauthtokens")]
public sealed class V1Beta1OAuthToken : CustomKubernetesEntity<V1Beta1OAuthToken.EntitySpec, V1Beta1OAuthToken.EntityStatus>
{
    /// <summary>The API group.</summary>
    public const string GroupName = "tokenoperator.dev";

    /// <summary>The kind.</summary>
    public const string KindName = "OAuthToken";

    /// <summary>Group and version as in <c>apiVersion</c>.</summary>
    public const string GroupVersion = GroupName + "/v1beta1";

    /// <summary>Each new value of this annotation requests one refresh now, without waiting for a backoff.</summary>
    public const string RefreshRequestedAnnotation = "tokenoperator.dev/refresh-requested-at";

    /// <summary>The requested state.</summary>
    public sealed record EntitySpec
    {
        /// <summary>Name of a provider.</summary>
        public string? Provider { get; init; }

        /// <summary>The account's name. Provider and account are the key of the row in Postgres.</summary>
        public string? Account { get; init; }

        /// <summary>How the token is obtained; <c>RefreshToken</c> by default.</summary>
        public string? Grant { get; init; }

        /// <summary>What <c>ClientCredentials</c> asks for.</summary>
        public ClientCredentialsSpec? ClientCredentials { get; init; }

        /// <summary>What <c>JWTBearer</c> asserts.</summary>
        public JwtBearerSpec? JwtBearer { get; init; }

        /// <summary>What <c>GitHubApp</c> asks for.</summary>
        public GithubAppSpec? GithubApp { get; init; }

        /// <summary>Whom <c>WorkloadIdentity</c> acts as.</summary>
        public WorkloadIdentitySpec? WorkloadIdentity { get; init; }

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

    /// <summary>What the grant <c>ClientCredentials</c> asks for.</summary>
    public sealed record ClientCredentialsSpec
    {
        /// <summary>The service that the token is for, by name.</summary>
        public string? Audience { get; init; }

        /// <summary>The same by address.</summary>
        public string? Resource { get; init; }

        /// <summary>The value of <c>grant_type</c>.</summary>
        public string? GrantType { get; init; }

        /// <summary>Further parameters.</summary>
        public IReadOnlyDictionary<string, string>? Parameters { get; init; }
    }

    /// <summary>What the grant <c>JWTBearer</c> asserts.</summary>
    public sealed record JwtBearerSpec
    {
        /// <summary>The private key; key <c>private-key</c> by default.</summary>
        public SecretKeyRef? KeySecretRef { get; init; }

        /// <summary>Whom to act as.</summary>
        public string? Subject { get; init; }

        /// <summary>Who asserts.</summary>
        public string? Issuer { get; init; }

        /// <summary>For whom it is asserted.</summary>
        public string? Audience { get; init; }

        /// <summary><c>RS256</c> or <c>ES256</c>.</summary>
        public string? Algorithm { get; init; }

        /// <summary>The name of the key at the provider.</summary>
        public string? KeyID { get; init; }

        /// <summary>Further claims.</summary>
        public IReadOnlyDictionary<string, string>? Claims { get; init; }
    }

    /// <summary>What the grant <c>GitHubApp</c> asks for.</summary>
    public sealed record GithubAppSpec
    {
        /// <summary>The ID of the app.</summary>
        public long? AppID { get; init; }

        /// <summary>The private key; key <c>private-key</c> by default.</summary>
        public SecretKeyRef? PrivateKeySecretRef { get; init; }

        /// <summary>The ID of the installation.</summary>
        public long? InstallationID { get; init; }

        /// <summary>Where the app is installed.</summary>
        public string? Owner { get; init; }

        /// <summary>A repository there.</summary>
        public string? Repository { get; init; }

        /// <summary>What the token is for.</summary>
        public IReadOnlyList<string>? Repositories { get; init; }

        /// <summary>What the token allows.</summary>
        public IReadOnlyDictionary<string, string>? Permissions { get; init; }
    }

    /// <summary>Whom the grant <c>WorkloadIdentity</c> acts as.</summary>
    public sealed record WorkloadIdentitySpec
    {
        /// <summary>A client at Microsoft Entra ID.</summary>
        public string? ClientID { get; init; }

        /// <summary>A workload identity provider at Google.</summary>
        public string? GoogleAudience { get; init; }

        /// <summary>A service account at Google.</summary>
        public string? ServiceAccount { get; init; }

        /// <summary>A person whom the service account acts for.</summary>
        public string? Subject { get; init; }
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

        /// <summary>The provider of <see cref="Account"/>.</summary>
        public string? Provider { get; init; }

        /// <summary>The account that this object has used. The spec cannot name another one afterwards.</summary>
        public string? Account { get; init; }

        /// <summary>When the access token in the Secret expires.</summary>
        public string? ExpiresAt { get; init; }

        /// <summary>When the provider last handed out a token.</summary>
        public string? LastRefreshTime { get; init; }

        /// <summary>When the operator next requests a token from the provider.</summary>
        public string? NextRefreshTime { get; init; }

        /// <summary>When the consent ends, if the provider or its document says so.</summary>
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
