using System.CommandLine;
using KubeRuntime;
using KubeRuntime.Client;
using k8s.Models;

namespace KubectlOAuthToken;

/// <summary>The operator's own pods, and which of them leads.</summary>
/// <param name="Pods">By name.</param>
/// <param name="Lease">The Lease of the election, or null.</param>
internal sealed record OperatorPods(IReadOnlyList<V1Pod> Pods, V1Lease? Lease)
{
    /// <summary>The labels of config/manager.</summary>
    public const string Selector = "app.kubernetes.io/name=token-operator,app.kubernetes.io/component=manager";

    /// <summary>True when <paramref name="deployment"/> makes them.</summary>
    public static bool AreOf(V1Deployment deployment) => deployment.Spec.Template.Metadata?.Labels is { } labels
        && Selector.Split(',').All(pair => labels.TryGetValue(pair.Split('=')[0], out var value) && value == pair.Split('=')[1]);

    /// <summary>The container of config/manager.</summary>
    public const string Container = "manager";

    private const string UsualNamespace = "token-operator-system";
    private static readonly ResourceKind PodKind = ResourceKind.Of<V1Pod>();
    private static readonly ResourceKind LeaseKind = ResourceKind.Of<V1Lease>();

    /// <summary>The option that says where they are.</summary>
    public static Option<string> Option() => new("--operator-namespace")
    {
        Description = "The namespace that the operator runs in.",
        HelpName = "namespace",
        DefaultValueFactory = _ => UsualNamespace,
    };

    /// <summary>Finds them.</summary>
    /// <exception cref="ApiException">The person may not list pods there.</exception>
    public static async Task<OperatorPods> FindAsync(Cluster cluster, OperatorInstall install, CancellationToken ct)
    {
        var pods = await cluster.Api.ListAsync<V1Pod>(PodKind, install.Namespace, Selector, ct);
        return new OperatorPods([.. pods.OrderBy(pod => pod.Metadata.Name, StringComparer.Ordinal)], await LeaseAsync(cluster, install, ct));
    }

    /// <summary>The Lease, or null when there is none or it may not be read.</summary>
    private static async Task<V1Lease?> LeaseAsync(Cluster cluster, OperatorInstall install, CancellationToken ct)
    {
        try
        {
            return install.Lease is { } lease ? await cluster.Api.GetAsync<V1Lease>(LeaseKind, lease, ct) : null;
        }
        catch (ApiException e) when (e.StatusCode == System.Net.HttpStatusCode.Forbidden)
        {
            return null;
        }
    }

    /// <summary>True for the pod that holds the lease; identities are <c>HOSTNAME_GUID</c>, and a pod's host name is its name.</summary>
    public bool IsLeader(V1Pod pod) => Lease?.Spec?.HolderIdentity is { } holder && holder.Split('_')[0] == pod.Metadata.Name;
}
