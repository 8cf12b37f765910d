using KubectlOAuthToken.Kubernetes;
using KubeRuntime.Client;

namespace TokenOperator.Tests.KubectlOAuthToken;

/// <summary>A cluster as the plugin finds it: in a kubeconfig.</summary>
internal static class TestCluster
{
    /// <summary>Prepares a connection to <paramref name="server"/>. Sends nothing.</summary>
    public static Cluster Connect(string server)
    {
        var kubeconfig = Path.Combine(Path.GetTempPath(), $"kubeconfig-{Guid.NewGuid():N}");
        File.WriteAllText(
            kubeconfig,
            $$$"""
            current-context: here
            clusters: [{name: c, cluster: {server: "{{{server}}}"}}]
            users: [{name: u, user: {token: t}}]
            contexts: [{name: here, context: {cluster: c, user: u, namespace: mail}}]
            """);
        try
        {
            return Cluster.Connect(kubeconfig, KubeconfigOverrides.None, ns: null, TimeProvider.System);
        }
        finally
        {
            File.Delete(kubeconfig);
        }
    }
}
