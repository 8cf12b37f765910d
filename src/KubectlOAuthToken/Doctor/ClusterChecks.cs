using System.Text.Json.Serialization.Metadata;
using KubeRuntime;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using k8s.Models;

namespace KubectlOAuthToken.Doctor;

/// <summary>The API server, the kind, and what the person may do.</summary>
internal static class ClusterChecks
{
    private const string Name = "oauthtokens." + V1Alpha1OAuthToken.GroupName;

    /// <summary>More than what the answer's way and its whole seconds make.</summary>
    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(30);

    // KubernetesClient's class does not say its plural.
    private static readonly ResourceKind Reviews = new("authorization.k8s.io", "v1", V1SelfSubjectAccessReview.KubeKind, "selfsubjectaccessreviews");

    /// <summary>What the verbs need, and which do.</summary>
    private static readonly (string Verb, string Group, string Resource, string For)[] Wanted =
    [
        ("watch", V1Alpha1OAuthToken.GroupName, "oauthtokens", "status --watch"),
        ("patch", V1Alpha1OAuthToken.GroupName, "oauthtokens", "refresh, suspend and resume"),
        ("create", "", "secrets", "seed"),
        ("patch", "", "secrets", "seed"),
    ];

    /// <summary>Whether what is called expired here is so there.</summary>
    internal static CheckResult Server(Uri address, DateTimeOffset? serverTime, DateTimeOffset now)
    {
        if (serverTime is not { } server)
            return CheckResult.Warning($"{address} answers, and does not tell its time.");
        var ahead = now - server;
        return ahead.Duration() <= Skew
            ? CheckResult.Ok($"{address} answers, and its clock agrees with this machine's.")
            : CheckResult.Warning($"This machine's clock is {DurationText.Format(ahead.Duration())} {(ahead > TimeSpan.Zero ? "ahead of" : "behind")} the API server's: what is called expired here may not be. Set the one that is wrong by NTP.");
    }

    public static async Task<IReadOnlyList<CheckResult>> DefinitionAsync(DoctorContext patient, CancellationToken ct) =>
        [Definition(await patient.Cluster.Api.GetAsync<V1CustomResourceDefinition>(ResourceKind.Of<V1CustomResourceDefinition>(), new("", Name), ct))];

    /// <summary>An older CRD drops the fields that it does not know, and says nothing.</summary>
    internal static CheckResult Definition(V1CustomResourceDefinition? definition)
    {
        var served = definition?.Spec.Versions.FirstOrDefault(version => version.Name == "v1alpha1" && version.Served);
        if (served?.Schema?.OpenAPIV3Schema?.Properties is not { } properties)
            return CheckResult.Fail($"The CRD {Name} does not serve v1alpha1: kubectl apply -k config/crds");

        var missing = Lacking(properties, "spec", OAuthTokenJson.Default.EntitySpec).Concat(Lacking(properties, "status", OAuthTokenJson.Default.EntityStatus)).ToList();
        return missing.Count == 0
            ? CheckResult.Ok($"{Name} is installed and has all fields of this version.")
            : CheckResult.Fail($"The CRD {Name} is of another version: it lacks {string.Join(", ", missing)}. kubectl apply -k config/crds");
    }

    public static async Task<IReadOnlyList<CheckResult>> YourRightsAsync(DoctorContext patient, CancellationToken ct)
    {
        var lacking = new List<string>();
        foreach (var (verb, group, resource, use) in Wanted)
        {
            var review = new V1SelfSubjectAccessReview
            {
                ApiVersion = "authorization.k8s.io/v1",
                Kind = V1SelfSubjectAccessReview.KubeKind,
                Spec = new V1SelfSubjectAccessReviewSpec
                {
                    ResourceAttributes = new V1ResourceAttributes { NamespaceProperty = patient.Cluster.Namespace, Verb = verb, Group = group, Resource = resource },
                },
            };
            var answer = await patient.Cluster.Api.CreateAsync(Reviews, review, ct);
            if (answer.Status?.Allowed != true)
                lacking.Add($"{verb} {resource} (for {use})");
        }

        return lacking.Count == 0
            ? [CheckResult.Ok($"You may do all that the verbs of this command do in {patient.Cluster.Namespace}.")]
            : [CheckResult.Warning($"In {patient.Cluster.Namespace} you may not {string.Join(", ", lacking)}. The role edit has these rights; where the operator serves some namespaces only, together with the Role token-operator-edit there.")];
    }

    private static IEnumerable<string> Lacking(IDictionary<string, V1JSONSchemaProps> properties, string part, JsonTypeInfo type)
    {
        var known = properties.TryGetValue(part, out var schema) ? schema.Properties ?? new Dictionary<string, V1JSONSchemaProps>() : new Dictionary<string, V1JSONSchemaProps>();
        return type.Properties
            .Select(property => property.Name)
            .Where(name => !known.ContainsKey(name))
            .Select(name => $"{part}.{name}");
    }
}
