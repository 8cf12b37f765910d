using System.Text.Json.Serialization.Metadata;
using k8s.Models;
using KubectlOAuthToken.Kubernetes;
using KubeRuntime;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;

namespace KubectlOAuthToken.Doctor;

/// <summary>Checks the API server, the CRD and the rights of the user.</summary>
internal static class ClusterChecks
{
    private const string Name = "oauthtokens." + V1Beta1OAuthToken.GroupName;

    /// <summary>More than the network delay and the rounding to whole seconds can cause.</summary>
    internal static readonly TimeSpan MaxClockSkew = TimeSpan.FromSeconds(30);

    /// <summary>The rights that the verbs need.</summary>
    private static readonly (AccessRight Right, string Verbs)[] Needed =
    [
        (new("watch", V1Beta1OAuthToken.GroupName, "oauthtokens"), "status --watch"),
        (new("patch", V1Beta1OAuthToken.GroupName, "oauthtokens"), "refresh, suspend and resume"),
        (new("create", "", "secrets"), "seed"),
        (new("patch", "", "secrets"), "seed"),
    ];

    /// <summary>Compares the clocks of the API server and of this machine, which decides what is expired.</summary>
    internal static CheckResult Server(Uri address, DateTimeOffset? serverTime, DateTimeOffset now)
    {
        if (serverTime is not { } server)
            return CheckResult.Warning($"{address} responds, but does not report its time.");
        var ahead = now - server;
        return ahead.Duration() <= MaxClockSkew
            ? CheckResult.Ok($"{address} responds, and its clock agrees with this machine's.")
            : CheckResult.Warning($"This machine's clock is {DurationText.Format(ahead.Duration())} {(ahead > TimeSpan.Zero ? "ahead of" : "behind")} the API server's, so expiry times can be wrong. Synchronize the wrong clock with NTP.");
    }

    public static async Task<IReadOnlyList<CheckResult>> DefinitionAsync(DoctorContext context, CancellationToken cancellationToken) =>
        [Definition(await context.Cluster.Api.GetAsync<V1CustomResourceDefinition>(ResourceKind.Of<V1CustomResourceDefinition>(), new("", Name), cancellationToken))];

    /// <summary>Checks that the CRD has all fields: the API server drops fields that it does not know without an error.</summary>
    internal static CheckResult Definition(V1CustomResourceDefinition? definition)
    {
        var served = definition?.Spec.Versions.FirstOrDefault(version => version.Name == "v1beta1" && version.Served);
        if (served?.Schema?.OpenAPIV3Schema?.Properties is not { } properties)
        {
            return definition?.Spec.Versions.Any(version => version.Name == "v1alpha1" && version.Served) == true
                ? CheckResult.Warning($"The CRD {Name} serves only v1alpha1, so it belongs to an earlier release. This program can use it, but an operator of this version cannot. Before you upgrade the operator, run: kubectl apply -k config/crds")
                : CheckResult.Fail($"The CRD {Name} does not serve v1beta1. Run: kubectl apply -k config/crds");
        }

        var missing = MissingFields(properties, "spec", OAuthTokenJson.Default.EntitySpec).Concat(MissingFields(properties, "status", OAuthTokenJson.Default.EntityStatus)).ToList();
        return missing.Count == 0
            ? CheckResult.Ok($"{Name} is installed and has all fields of this version.")
            : CheckResult.Fail($"The CRD {Name} has another version: it lacks {string.Join(", ", missing)}. Run: kubectl apply -k config/crds");
    }

    public static async Task<IReadOnlyList<CheckResult>> YourRightsAsync(DoctorContext context, CancellationToken cancellationToken)
    {
        var ns = context.Cluster.Namespace;
        var missing = await AccessReview.MissingAsync(context.Cluster, ns, Needed.Select(needed => needed.Right), cancellationToken);
        return missing.Count == 0
            ? [CheckResult.Ok($"You have the rights that the verbs of this command need in {ns}.")]
            : [CheckResult.Warning($"In {ns} you cannot {string.Join(", ", missing.Select(right => $"{right} (for {Needed.First(needed => needed.Right == right).Verbs})"))}. The role edit has these rights. If the operator serves some namespaces only, you also need the Role token-operator-edit there.")];
    }

    private static IEnumerable<string> MissingFields(IDictionary<string, V1JSONSchemaProps> properties, string part, JsonTypeInfo type)
    {
        var known = properties.TryGetValue(part, out var schema) ? schema.Properties ?? new Dictionary<string, V1JSONSchemaProps>() : new Dictionary<string, V1JSONSchemaProps>();
        return type.Properties
            .Select(property => property.Name)
            .Where(name => !known.ContainsKey(name))
            .Select(name => $"{part}.{name}");
    }
}
