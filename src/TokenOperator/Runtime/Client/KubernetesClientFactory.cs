using System.Security.Cryptography.X509Certificates;
using k8s;
using k8s.Exceptions;

namespace TokenOperator.Runtime.Client;

/// <summary>Finds the API server and connects to it.</summary>
public static class KubernetesClientFactory
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan PingDelay = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan PingTimeout = TimeSpan.FromSeconds(5);

    /// <summary>
    /// The files that KUBECONFIG names, or else the pod's service account, or else <c>~/.kube/config</c>: the order of controller-runtime.
    /// </summary>
    /// <exception cref="KubeConfigException">None of them is there, or it cannot be read.</exception>
    public static KubernetesClientConfiguration LoadConfiguration()
    {
        var named = !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("KUBECONFIG"));
        if (!named && KubernetesClientConfiguration.IsInCluster()) return KubernetesClientConfiguration.InClusterConfig();
        if (!named && !File.Exists(KubernetesClientConfiguration.KubeConfigDefaultLocation))
        {
            throw new KubeConfigException(
                $"No cluster: KUBECONFIG is not set, this is no pod with a service account, and {KubernetesClientConfiguration.KubeConfigDefaultLocation} "
                + "does not exist. Set KUBECONFIG to a kubeconfig file.");
        }

        return KubernetesClientConfiguration.BuildDefaultConfig();
    }

    /// <summary>
    /// Connects as <paramref name="configuration"/> says, and verifies the server's chain against the cluster's CA and its host name
    /// against the address: with a CA given, KubernetesClient 21.0.8 takes any host's certificate. A service account's
    /// token is read again every minute.
    /// </summary>
    public static Kubernetes Create(KubernetesClientConfiguration configuration)
    {
        var (authorities, setup) = (configuration.SslCaCerts, configuration.FirstMessageHandlerSetup);
        try
        {
            configuration.SslCaCerts = null;
            configuration.FirstMessageHandlerSetup = handler =>
            {
                handler.ConnectTimeout = ConnectTimeout;
                handler.KeepAlivePingDelay = PingDelay;
                handler.KeepAlivePingTimeout = PingTimeout;
                handler.KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests;
                // A redirect would carry the token elsewhere.
                handler.AllowAutoRedirect = false;
                if (!string.IsNullOrEmpty(configuration.TlsServerName)) handler.SslOptions.TargetHost = configuration.TlsServerName;
                if (authorities is { Count: > 0 }) handler.SslOptions.CertificateChainPolicy = TrustOnly(authorities);
                setup?.Invoke(handler);
            };
            return new Kubernetes(configuration);
        }
        finally
        {
            configuration.SslCaCerts = authorities;
            configuration.FirstMessageHandlerSetup = setup;
        }
    }

    private static X509ChainPolicy TrustOnly(X509Certificate2Collection authorities)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
        };
        policy.CustomTrustStore.AddRange(authorities);
        return policy;
    }
}
