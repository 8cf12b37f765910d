using System.Net;
using KubeRuntime;
using KubeRuntime.Client;
using TokenOperator.Core.Cli;
using k8s.Models;

namespace KubectlOAuthToken;

/// <summary>What the operator's own objects are called: as its Deployment has it; where there is none, or it may not be read, as config/ has it.</summary>
/// <param name="Namespace">Where it runs.</param>
internal sealed record OperatorInstall(string Namespace)
{
    private const string UsualName = "token-operator";
    private static readonly ResourceKind Deployments = ResourceKind.Of<V1Deployment>();
    private static readonly ResourceKind ConfigMaps = ResourceKind.Of<V1ConfigMap>();

    /// <summary>The Deployment.</summary>
    public string Deployment { get; init; } = UsualName;

    /// <summary>The ServiceAccount of its pods.</summary>
    public string ServiceAccount { get; init; } = UsualName;

    /// <summary>The Lease of the election; null when there is none.</summary>
    public NamespacedName? Lease { get; init; } = new(Namespace, UsualName);

    /// <summary>The Secret with the keys; null when they come from elsewhere, if there are any.</summary>
    public string? KeySecret { get; init; } = "token-operator-keys";

    /// <summary>Looks for it.</summary>
    public static async Task<OperatorInstall> FindAsync(Cluster cluster, string ns, CancellationToken ct)
    {
        NamespaceName.Check(ns, "--operator-namespace");
        try
        {
            var deployments = await cluster.Api.ListAsync<V1Deployment>(Deployments, ns, null, ct);
            return deployments.FirstOrDefault(OperatorPods.AreOf) is { } own ? From(own, await SettingsAsync(cluster, own, ct)) : new OperatorInstall(ns);
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Forbidden)
        {
            return new OperatorInstall(ns);
        }
    }

    /// <summary>Reads it from <paramref name="deployment"/> and what its ConfigMaps say.</summary>
    internal static OperatorInstall From(V1Deployment deployment, IReadOnlyDictionary<string, string> settings)
    {
        var (ns, pod) = (deployment.Metadata.NamespaceProperty, deployment.Spec.Template.Spec);
        var own = (pod.Containers[0].Env ?? []).Where(variable => variable.Value is not null).ToDictionary(variable => variable.Name, variable => variable.Value);
        string? Setting(string name) => (own.GetValueOrDefault(name) ?? settings.GetValueOrDefault(name)) is { Length: > 0 } value ? value : null;
        var keyring = Setting("Encryption__KeyringPath");
        var volume = (pod.Containers[0].VolumeMounts ?? []).FirstOrDefault(mount => mount.MountPath == keyring)?.Name;
        return new OperatorInstall(ns)
        {
            Deployment = deployment.Metadata.Name,
            ServiceAccount = pod.ServiceAccountName ?? "default",
            Lease = string.Equals(Setting("LeaderElection__Enabled"), "false", StringComparison.OrdinalIgnoreCase) ? null
                : new(Setting("LeaderElection__LeaseNamespace") ?? ns, Setting("LeaderElection__LeaseName") ?? UsualName),
            KeySecret = (pod.Volumes ?? []).FirstOrDefault(one => one.Name == volume)?.Secret?.SecretName,
        };
    }

    private static async Task<IReadOnlyDictionary<string, string>> SettingsAsync(Cluster cluster, V1Deployment deployment, CancellationToken ct)
    {
        var settings = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var name in (deployment.Spec.Template.Spec.Containers[0].EnvFrom ?? []).Select(source => source.ConfigMapRef?.Name).OfType<string>())
        {
            // As kubelet: of two the later counts.
            foreach (var (key, value) in (await cluster.Api.GetAsync<V1ConfigMap>(ConfigMaps, new(deployment.Metadata.NamespaceProperty, name), ct))?.Data ?? new Dictionary<string, string>())
                settings[key] = value;
        }

        return settings;
    }
}
