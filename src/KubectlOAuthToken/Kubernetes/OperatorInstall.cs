using System.Net;
using k8s.Models;
using KubeRuntime;
using KubeRuntime.Client;
using TokenOperator.Core.Cli;

namespace KubectlOAuthToken.Kubernetes;

/// <summary>
/// The names of the operator's objects. They come from its Deployment, or from config/ if there is no Deployment or the user cannot
/// read it.
/// </summary>
/// <param name="Namespace">The namespace that the operator runs in.</param>
internal sealed record OperatorInstall(string Namespace)
{
    private const string DefaultName = "token-operator";
    private static readonly ResourceKind Deployments = ResourceKind.Of<V1Deployment>();
    private static readonly ResourceKind ConfigMaps = ResourceKind.Of<V1ConfigMap>();

    /// <summary>The Deployment.</summary>
    public string Deployment { get; init; } = DefaultName;

    /// <summary>The ServiceAccount of the pods.</summary>
    public string ServiceAccount { get; init; } = DefaultName;

    /// <summary>The Lease of the leader election; null if leader election is off.</summary>
    public NamespacedName? Lease { get; init; } = new(Namespace, DefaultName);

    /// <summary>The Secret with the encryption keys; null if the pods mount none.</summary>
    public string? KeySecret { get; init; } = "token-operator-keys";

    /// <summary>The namespaces that the operator serves; empty for all.</summary>
    public IReadOnlyList<string> Namespaces { get; init; } = [];

    /// <summary>What the Deployment says about the operator's own identity; null if the user cannot read it.</summary>
    public WorkloadIdentityInstall? WorkloadIdentity { get; init; }

    /// <summary>The settings of the pods, without knowing which of them are secret; null if there is no Deployment or the user cannot read it.</summary>
    public IReadOnlyList<OperatorSetting>? Settings { get; init; }

    /// <summary>Whether the operator serves the namespace <paramref name="ns"/>.</summary>
    public bool Serves(string ns) => Namespaces.Count == 0 || Namespaces.Contains(ns);

    /// <summary>Looks for the operator's Deployment in the namespace <paramref name="ns"/>.</summary>
    public static async Task<OperatorInstall> FindAsync(Cluster cluster, string ns, CancellationToken cancellationToken)
    {
        NamespaceName.Check(ns, "--operator-namespace");
        try
        {
            var deployments = await cluster.Api.ListAsync<V1Deployment>(Deployments, ns, null, cancellationToken);
            return deployments.FirstOrDefault(OperatorPods.AreOf) is { } own ? From(own, await SettingsAsync(cluster, own, cancellationToken)) : new OperatorInstall(ns);
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Forbidden)
        {
            return new OperatorInstall(ns);
        }
    }

    /// <summary>The names in <paramref name="deployment"/> and in <paramref name="settings"/>, which are those of its ConfigMaps.</summary>
    internal static OperatorInstall From(V1Deployment deployment, IReadOnlyDictionary<string, string> settings)
    {
        var (ns, pod) = (deployment.Metadata.NamespaceProperty, deployment.Spec.Template.Spec);
        var container = OperatorPods.ContainerOf(pod);
        var own = container.Env ?? [];
        string? Setting(string name) => (own.LastOrDefault(variable => variable.Name == name)?.Value ?? settings.GetValueOrDefault(name)) is { Length: > 0 } value ? value : null;
        var keyring = Setting("Encryption__KeyringPath");
        var volume = (container.VolumeMounts ?? []).FirstOrDefault(mount => mount.MountPath == keyring)?.Name;
        return new OperatorInstall(ns)
        {
            Deployment = deployment.Metadata.Name,
            Settings =
            [
                // As in the kubelet, a variable of the container comes before a ConfigMap.
                .. own.Select(variable => new OperatorSetting(variable.Name, variable.Value, OriginOf(variable))),
                .. settings.Where(setting => own.All(variable => variable.Name != setting.Key)).Select(setting => new OperatorSetting(setting.Key, setting.Value, "a ConfigMap")),
                .. (container.EnvFrom ?? []).Select(source => source.SecretRef?.Name).OfType<string>().Select(name => new OperatorSetting("*", null, $"all keys of the Secret {name}")),
            ],
            ServiceAccount = pod.ServiceAccountName ?? "default",
            Lease = string.Equals(Setting("LeaderElection__Enabled"), "false", StringComparison.OrdinalIgnoreCase) ? null
                : new(Setting("LeaderElection__LeaseNamespace") ?? ns, Setting("LeaderElection__LeaseName") ?? DefaultName),
            Namespaces = List(Setting("Namespaces")),
            WorkloadIdentity = new WorkloadIdentityInstall(Setting("WorkloadIdentityTokenFile"), List(Setting("WorkloadIdentityNamespaces")), [.. ProjectedTokens(pod)]),
            KeySecret = (pod.Volumes ?? []).FirstOrDefault(one => one.Name == volume)?.Secret?.SecretName,
        };
    }

    private static string[] List(string? setting) => setting?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];

    /// <summary>The files of the operator's container that hold a projected token of the ServiceAccount.</summary>
    private static IEnumerable<ProjectedToken> ProjectedTokens(V1PodSpec pod) =>
        from mount in OperatorPods.ContainerOf(pod).VolumeMounts ?? []
        from volume in pod.Volumes ?? []
        where volume.Name == mount.Name
        from source in volume.Projected?.Sources ?? []
        where source.ServiceAccountToken is not null
        select new ProjectedToken($"{mount.MountPath.TrimEnd('/')}/{source.ServiceAccountToken.Path}", source.ServiceAccountToken.Audience);

    private static string OriginOf(V1EnvVar variable) => variable.ValueFrom switch
    {
        { SecretKeyRef: { } key } => $"the key {key.Key} of the Secret {key.Name}",
        { ConfigMapKeyRef: { } key } => $"the key {key.Key} of the ConfigMap {key.Name}",
        { } => "the pod",
        null => "the Deployment",
    };

    private static async Task<IReadOnlyDictionary<string, string>> SettingsAsync(Cluster cluster, V1Deployment deployment, CancellationToken cancellationToken)
    {
        var settings = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var name in (OperatorPods.ContainerOf(deployment.Spec.Template.Spec).EnvFrom ?? []).Select(source => source.ConfigMapRef?.Name).OfType<string>())
        {
            // Like the kubelet, let a later ConfigMap override an earlier one.
            foreach (var (key, value) in (await cluster.Api.GetAsync<V1ConfigMap>(ConfigMaps, new(deployment.Metadata.NamespaceProperty, name), cancellationToken))?.Data ?? new Dictionary<string, string>())
                settings[key] = value;
        }

        return settings;
    }
}

/// <summary>What a Deployment says about the operator's own identity.</summary>
/// <param name="TokenFile">The setting WorkloadIdentityTokenFile, or null.</param>
/// <param name="Namespaces">The setting WorkloadIdentityNamespaces.</param>
/// <param name="Tokens">The projected tokens that the pods mount.</param>
internal sealed record WorkloadIdentityInstall(string? TokenFile, IReadOnlyList<string> Namespaces, IReadOnlyList<ProjectedToken> Tokens);

/// <summary>A projected token of a ServiceAccount.</summary>
/// <param name="Path">The file.</param>
/// <param name="Audience">For whom it is; null: for the API server.</param>
internal sealed record ProjectedToken(string Path, string? Audience);

/// <summary>A setting of the operator's pods. The value can be a secret.</summary>
/// <param name="Name">The name of the environment variable.</param>
/// <param name="Value">The value; null if it is in another object.</param>
/// <param name="Origin">Where it is set, for a sentence.</param>
internal sealed record OperatorSetting(string Name, string? Value, string Origin);
