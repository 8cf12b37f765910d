using System.Net;
using k8s.Models;
using KubeRuntime;
using KubeRuntime.Client;

namespace KubectlOAuthToken.Kubernetes;

/// <summary>The operator's pods, and the lease that names the leader.</summary>
/// <param name="Pods">The pods, sorted by name.</param>
/// <param name="Lease">The Lease of the leader election, or null.</param>
internal sealed record OperatorPods(IReadOnlyList<V1Pod> Pods, V1Lease? Lease)
{
    /// <summary>The labels of the pods in config/manager.</summary>
    public const string Selector = "app.kubernetes.io/name=token-operator,app.kubernetes.io/component=manager";

    private const string Container = "manager";

    private static readonly ResourceKind PodKind = ResourceKind.Of<V1Pod>();
    private static readonly ResourceKind LeaseKind = ResourceKind.Of<V1Lease>();

    /// <summary>Whether <paramref name="deployment"/> creates the operator's pods.</summary>
    public static bool AreOf(V1Deployment deployment) => deployment.Spec.Template.Metadata?.Labels is { } labels
        && Selector.Split(',').All(pair => labels.TryGetValue(pair.Split('=')[0], out var value) && value == pair.Split('=')[1]);

    /// <summary>The operator's container. A service mesh adds its own containers, some of them before the operator's.</summary>
    public static V1Container ContainerOf(V1PodSpec pod) => pod.Containers.FirstOrDefault(one => one.Name == Container) ?? pod.Containers[0];

    /// <summary>Lists the pods and reads the lease.</summary>
    /// <exception cref="ApiException">The user cannot list pods there.</exception>
    public static async Task<OperatorPods> FindAsync(Cluster cluster, OperatorInstall install, CancellationToken cancellationToken)
    {
        var pods = await cluster.Api.ListAsync<V1Pod>(PodKind, install.Namespace, Selector, cancellationToken);
        return new OperatorPods([.. pods.OrderBy(pod => pod.Metadata.Name, StringComparer.Ordinal)], await LeaseAsync(cluster, install, cancellationToken));
    }

    /// <summary>Whether the pod holds the lease. Holder identities are <c>HOSTNAME_GUID</c>, and a pod's host name is its name.</summary>
    public bool IsLeader(V1Pod pod) => Lease?.Spec?.HolderIdentity is { } holder && holder.Split('_')[0] == pod.Metadata.Name;

    /// <summary>The Lease, or null if it does not exist or the user cannot read it.</summary>
    private static async Task<V1Lease?> LeaseAsync(Cluster cluster, OperatorInstall install, CancellationToken cancellationToken)
    {
        try
        {
            return install.Lease is { } lease ? await cluster.Api.GetAsync<V1Lease>(LeaseKind, lease, cancellationToken) : null;
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Forbidden)
        {
            return null;
        }
    }
}
