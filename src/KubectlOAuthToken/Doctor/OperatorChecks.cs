using KubeRuntime;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using k8s.Models;

namespace KubectlOAuthToken.Doctor;

/// <summary>The operator: its rights, pods, lease and key.</summary>
internal static class OperatorChecks
{
    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(30);

    // KubernetesClient's class does not say its plural.
    private static readonly ResourceKind Reviews = new("authorization.k8s.io", "v1", V1SubjectAccessReview.KubeKind, "subjectaccessreviews");

    /// <summary>From config/rbac/role.yaml: without any of these nothing works.</summary>
    private static readonly (string Verb, string Group, string Resource, string Subresource)[] Needed =
    [
        ("list", V1Alpha1OAuthToken.GroupName, "oauthtokens", ""),
        ("watch", V1Alpha1OAuthToken.GroupName, "oauthtokens", ""),
        ("patch", V1Alpha1OAuthToken.GroupName, "oauthtokens", "status"),
        ("get", "", "secrets", ""),
        ("list", "", "secrets", ""),
        ("watch", "", "secrets", ""),
        ("create", "", "secrets", ""),
        ("patch", "", "secrets", ""),
    ];

    public static async Task<IReadOnlyList<CheckResult>> RightsAsync(DoctorContext patient, CancellationToken ct)
    {
        var (ns, account) = (patient.Install.Namespace, patient.Install.ServiceAccount);
        var lacking = new List<string>();
        foreach (var (verb, group, resource, subresource) in Needed)
        {
            var review = new V1SubjectAccessReview
            {
                ApiVersion = "authorization.k8s.io/v1",
                Kind = V1SubjectAccessReview.KubeKind,
                Spec = new V1SubjectAccessReviewSpec
                {
                    User = $"system:serviceaccount:{ns}:{account}",
                    Groups = ["system:serviceaccounts", $"system:serviceaccounts:{ns}", "system:authenticated"],
                    ResourceAttributes = new V1ResourceAttributes
                    {
                        NamespaceProperty = patient.Cluster.Namespace,
                        Verb = verb,
                        Group = group,
                        Resource = resource,
                        Subresource = subresource.Length == 0 ? null : subresource,
                    },
                },
            };
            var answer = await patient.Cluster.Api.CreateAsync(Reviews, review, ct);
            if (answer.Status?.Allowed != true)
                lacking.Add($"{verb} {resource}{(subresource.Length == 0 ? "" : "/" + subresource)}");
        }

        return lacking.Count == 0
            ? [CheckResult.Ok($"The ServiceAccount {ns}/{account} may do its work in {patient.Cluster.Namespace}.")]
            : [CheckResult.Fail($"The ServiceAccount {ns}/{account} may not {string.Join(", ", lacking)} in {patient.Cluster.Namespace}: kubectl apply -k config/rbac (or see docs/install.md, for some namespaces).")];
    }

    public static async Task<IReadOnlyList<CheckResult>> PodsAsync(DoctorContext patient, CancellationToken ct) =>
        [Pods((await OperatorPods.FindAsync(patient.Cluster, patient.Install, ct)).Pods, patient.Install)];

    /// <summary>Whether they are ready, and why not.</summary>
    internal static CheckResult Pods(IReadOnlyList<V1Pod> pods, OperatorInstall install)
    {
        if (pods.Count == 0)
            return CheckResult.Fail($"There is no pod of the operator in {install.Namespace}. See its Deployment: kubectl describe deployment {install.Deployment} -n {install.Namespace}; or name its namespace by --operator-namespace.");
        var ready = pods.Count(IsReady);
        var troubles = pods.Where(pod => !IsReady(pod)).Select(pod => $"{pod.Metadata.Name}: {Trouble(pod)}").ToList();
        return ready == pods.Count ? CheckResult.Ok($"{ready} of {pods.Count} pods are ready.")
            : new CheckResult(ready > 0 ? Health.Warning : Health.Critical, $"{ready} of {pods.Count} pods are ready ({string.Join("; ", troubles)}). kubectl logs -n {install.Namespace} deployment/{install.Deployment} --previous");
    }

    public static async Task<IReadOnlyList<CheckResult>> LeaderAsync(DoctorContext patient, CancellationToken ct) => patient.Install.Lease is { } lease
        ? [Leader(await patient.Cluster.Api.GetAsync<V1Lease>(ResourceKind.Of<V1Lease>(), lease, ct), lease, patient.ServerTime ?? patient.Now)]
        : [CheckResult.Ok("LeaderElection__Enabled is false: the one pod leads, without a lease.")];

    /// <summary>The lease as it looks by the API server's clock, or this machine's where that is not known.</summary>
    internal static CheckResult Leader(V1Lease? lease, NamespacedName name, DateTimeOffset now)
    {
        var described = $"kubectl describe lease {name.Name} -n {name.Namespace}";
        if (lease?.Spec is not { RenewTime: { } renewed } spec || string.IsNullOrEmpty(spec.HolderIdentity))
            return CheckResult.Fail($"No operator leads: nobody holds the lease {name}. See whether its pods run; {described}");
        var age = now - new DateTimeOffset(DateTime.SpecifyKind(renewed, DateTimeKind.Utc));
        var duration = TimeSpan.FromSeconds(spec.LeaseDurationSeconds ?? 15);
        return age > duration + Skew ? CheckResult.Fail($"No operator leads: {spec.HolderIdentity} has not renewed the lease for {DurationText.Format(age)}. See whether its pods run; {described}")
            : age < -Skew ? CheckResult.Warning($"The clock of {spec.HolderIdentity} is {DurationText.Format(-age)} ahead of the API server's. Set the one that is wrong by NTP.")
            : CheckResult.Ok($"{spec.HolderIdentity} leads.");
    }

    public static async Task<IReadOnlyList<CheckResult>> KeyAsync(DoctorContext patient, CancellationToken ct)
    {
        if (patient.Install.KeySecret is not { } name)
            return [CheckResult.Ok($"The Deployment {patient.Install.Namespace}/{patient.Install.Deployment} mounts no Secret with keys: they come from elsewhere, or Encryption=None is set.")];
        // Metadata alone: the key itself is nobody's to see.
        var secret = await patient.Cluster.Api.GetAsync<PartialObjectMetadata>(ResourceKind.Of<V1Secret>(), new(patient.Install.Namespace, name), ct);
        return secret is not null ? [CheckResult.Ok($"The Secret {patient.Install.Namespace}/{name} is there.")]
            : [CheckResult.Warning($"There is no Secret {patient.Install.Namespace}/{name}: unless Encryption=None is set or the keys come from elsewhere, the operator does not start. make new-key; if tokens were stored before, put the old key back instead: docs/encryption.md.")];
    }

    private static bool IsReady(V1Pod pod) => pod.Status?.Conditions?.Any(condition => condition is { Type: "Ready", Status: "True" }) == true;

    private static string Trouble(V1Pod pod) =>
        pod.Status?.ContainerStatuses?.Select(container => container.State?.Waiting?.Reason ?? container.State?.Terminated?.Reason).FirstOrDefault(reason => reason is not null)
        ?? pod.Status?.Phase ?? "not started";
}
