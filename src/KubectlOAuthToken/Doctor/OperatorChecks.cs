using k8s.Models;
using KubectlOAuthToken.Kubernetes;
using KubectlOAuthToken.Output;
using KubeRuntime;
using TokenOperator.Api;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;

namespace KubectlOAuthToken.Doctor;

/// <summary>Checks the operator: its rights, pods, lease and key.</summary>
internal static class OperatorChecks
{
    /// <summary>The rights in config/rbac/role.yaml without which the operator does not work.</summary>
    private static readonly AccessRight[] Needed =
    [
        new("list", V1Beta1OAuthToken.GroupName, "oauthtokens"),
        new("watch", V1Beta1OAuthToken.GroupName, "oauthtokens"),
        new("patch", V1Beta1OAuthToken.GroupName, "oauthtokens") { Subresource = "status" },
        new("get", "", "secrets"),
        new("list", "", "secrets"),
        new("watch", "", "secrets"),
        new("create", "", "secrets"),
        new("patch", "", "secrets"),
    ];

    /// <summary>The right to read the UID of a namespace, which roles of earlier versions do not have.</summary>
    internal static readonly AccessRight ReadNamespace = new("get", "", "namespaces");

    public static async Task<IReadOnlyList<CheckResult>> RightsAsync(DoctorContext context, CancellationToken cancellationToken)
    {
        var account = new NamespacedName(context.Install.Namespace, context.Install.ServiceAccount);
        var ns = context.Cluster.Namespace;
        if (!context.Install.Serves(ns))
            return [NotServed(context.Install, ns)];
        var missing = await AccessReview.MissingAsync(context.Cluster, account, ns, [.. Needed, ReadNamespace], cancellationToken);
        return Rights(account, ns, missing);
    }

    /// <summary>Without the right to read its namespace, the operator works, and refuses accounts for which a namespace is recorded.</summary>
    internal static IReadOnlyList<CheckResult> Rights(NamespacedName account, string ns, IReadOnlyList<AccessRight> missing)
    {
        const string Remedy = "Upgrade the chart, or run: kubectl apply -k config/rbac (for an operator of some namespaces only, see docs/install.md).";
        var others = missing.Where(right => right != ReadNamespace).ToList();
        return others.Count > 0 ? [CheckResult.Fail($"The ServiceAccount {account} cannot {string.Join(", ", missing)} in {ns}. {Remedy}")]
            : missing.Count > 0 ? [CheckResult.Warning($"The ServiceAccount {account} cannot {ReadNamespace} in {ns}, so the operator cannot tell whether {ns} was deleted and created again. It does not use accounts for which a namespace is recorded. {Remedy}")]
            : [CheckResult.Ok($"The ServiceAccount {account} has the rights that the operator needs in {ns}.")];
    }

    /// <summary>The operator needs no rights in a namespace that it does not serve.</summary>
    internal static CheckResult NotServed(OperatorInstall install, string ns) => CheckResult.Warning(
        $"The operator does not serve {ns}, so it needs no rights there. It serves {DisplayText.List(install.Namespaces)}. To add the namespace, see docs/install.md, \"For some namespaces only\".");

    public static async Task<IReadOnlyList<CheckResult>> PodsAsync(DoctorContext context, CancellationToken cancellationToken) =>
        [Pods((await OperatorPods.FindAsync(context.Cluster, context.Install, cancellationToken)).Pods, context.Install)];

    /// <summary>Whether the pods are ready and, if not, what they wait for.</summary>
    internal static CheckResult Pods(IReadOnlyList<V1Pod> pods, OperatorInstall install)
    {
        if (pods.Count == 0)
            return CheckResult.Fail($"The namespace {install.Namespace} has no operator pods. Check the Deployment: kubectl describe deployment {install.Deployment} -n {install.Namespace}. If the operator runs in another namespace, name it with --operator-namespace.");
        var ready = pods.Count(IsReady);
        var waiting = pods.Where(pod => !IsReady(pod)).ToList();
        var problems = waiting.Select(pod => $"{pod.Metadata.Name}: {Problem(pod)}");
        return ready == pods.Count ? CheckResult.Ok($"{ready} of {pods.Count} pods are ready.")
            : new CheckResult(ready > 0 ? Health.Warning : Health.Critical, $"{ready} of {pods.Count} pods are ready ({string.Join("; ", problems)}). Run: {NextStep(waiting[0])}");
    }

    public static async Task<IReadOnlyList<CheckResult>> LeaderAsync(DoctorContext context, CancellationToken cancellationToken) => context.Install.Lease is { } lease
        ? [Leader(await context.Cluster.Api.GetAsync<V1Lease>(ResourceKind.Of<V1Lease>(), lease, cancellationToken), lease, context.ServerTime ?? context.Now)]
        : [CheckResult.Ok("LeaderElection__Enabled is false: the only pod leads without a lease.")];

    /// <summary>Checks the lease at the time <paramref name="now"/> on the API server's clock, or on this machine's if the server's is unknown.</summary>
    internal static CheckResult Leader(V1Lease? lease, NamespacedName name, DateTimeOffset now)
    {
        var described = $"kubectl describe lease {name.Name} -n {name.Namespace}";
        if (lease?.Spec is not { RenewTime: { } renewed } spec || string.IsNullOrEmpty(spec.HolderIdentity))
            return CheckResult.Fail($"No operator leads: no one holds the lease {name}. Check its pods, and run: {described}");
        var age = now - new DateTimeOffset(DateTime.SpecifyKind(renewed, DateTimeKind.Utc));
        var duration = TimeSpan.FromSeconds(spec.LeaseDurationSeconds ?? 15);
        return age > duration + ClusterChecks.MaxClockSkew ? CheckResult.Fail($"No operator leads: {spec.HolderIdentity} has not renewed the lease for {DurationText.Format(age)}. Check its pods, and run: {described}")
            : age < -ClusterChecks.MaxClockSkew ? CheckResult.Warning($"The clock of {spec.HolderIdentity} is {DurationText.Format(-age)} ahead of the API server's. Synchronize the wrong clock with NTP.")
            : CheckResult.Ok($"{spec.HolderIdentity} leads.");
    }

    public static async Task<IReadOnlyList<CheckResult>> KeyAsync(DoctorContext context, CancellationToken cancellationToken)
    {
        if (context.Install.KeySecret is not { } name)
            return [CheckResult.Ok($"The Deployment {context.Install.Namespace}/{context.Install.Deployment} mounts no Secret with keys. They come from another source, or Encryption=None is set.")];
        // Request only the metadata, so that the key stays in the cluster.
        var secret = await context.Cluster.Api.GetAsync<PartialObjectMetadata>(ResourceKind.Of<V1Secret>(), new(context.Install.Namespace, name), cancellationToken);
        return secret is not null ? [CheckResult.Ok($"The Secret {context.Install.Namespace}/{name} exists.")]
            : [CheckResult.Warning($"The Secret {context.Install.Namespace}/{name} does not exist. Without it the operator does not start, unless Encryption=None is set or the keys come from another source. If tokens are already stored, restore the old key (docs/encryption.md). Otherwise run: make new-key")];
    }

    /// <summary>Whether OAuthTokens with the grant WorkloadIdentity have an identity to use.</summary>
    internal static CheckResult WorkloadIdentity(IEnumerable<V1Beta1OAuthToken> tokens, string ns, OperatorInstall install)
    {
        const string Remedy = "Mount a projected ServiceAccount token for the audience of the provider, and name its file: docs/grants.md, \"Workload identity\"";
        var users = tokens.Where(token => token.Spec?.Grant == nameof(Grant.WorkloadIdentity)).Select(token => token.Metadata.Name).Order(StringComparer.Ordinal).ToList();
        var deployment = $"Deployment {install.Namespace}/{install.Deployment}";
        return install.WorkloadIdentity switch
        {
            { TokenFile: { } file, Tokens: var mounted } when mounted.FirstOrDefault(token => token.Path == file) is not { Audience: not null } => CheckResult.Warning(
                $"The operator's setting WorkloadIdentityTokenFile is {file}, and the {deployment} mounts no projected ServiceAccount token with an audience there; it mounts {DisplayText.List(mounted.Select(token => token.Path))}. Unless a webhook adds one to the pods: {char.ToLowerInvariant(Remedy[0])}{Remedy[1..]}"),
            { TokenFile: not null, Namespaces: var allowed } when users.Count > 0 && !allowed.Contains(ns) => CheckResult.Fail(
                $"The OAuthTokens {DisplayText.List(users)} use the operator's identity, and its setting WorkloadIdentityNamespaces is {DisplayText.List(allowed, none: "empty")}. An administrator adds {ns} to it, or the OAuthTokens get another grant."),
            { TokenFile: { } file, Tokens: var mounted } => CheckResult.Ok($"The {deployment} mounts a ServiceAccount token for {mounted.First(token => token.Path == file).Audience} as {file}."),
            _ when users.Count == 0 => CheckResult.Ok("No OAuthToken uses the operator's own identity."),
            null => CheckResult.Warning($"The OAuthTokens {DisplayText.List(users)} use the operator's identity, and you cannot read the {deployment}, so its token was not checked."),
            _ => CheckResult.Fail($"The OAuthTokens {DisplayText.List(users)} use the operator's identity, and its setting WorkloadIdentityTokenFile is not set. {Remedy}"),
        };
    }

    private static bool IsReady(V1Pod pod) => pod.Status?.Conditions?.Any(condition => condition is { Type: "Ready", Status: "True" }) == true;

    /// <summary>The command that shows why a pod is not ready. A container that never ran has no log, and only one that ran before has a previous log.</summary>
    private static string NextStep(V1Pod pod)
    {
        var container = pod.Status?.ContainerStatuses?.FirstOrDefault();
        var where = $"-n {pod.Metadata.NamespaceProperty} {pod.Metadata.Name}";
        return container is { RestartCount: > 0 } || container?.LastState?.Terminated is not null ? $"kubectl logs {where} --previous"
            : container?.State is { Running: not null } or { Terminated: not null } ? $"kubectl logs {where}"
            : $"kubectl describe pod {where}";
    }

    private static string Problem(V1Pod pod) =>
        pod.Status?.ContainerStatuses?.Select(container => container.State?.Waiting?.Reason ?? container.State?.Terminated?.Reason).FirstOrDefault(reason => reason is not null)
        ?? pod.Status?.Conditions?.FirstOrDefault(condition => condition is { Type: "PodScheduled", Status: "False" })?.Reason
        ?? pod.Status?.Phase ?? "not started";
}
