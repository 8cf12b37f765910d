using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using k8s;
using k8s.Authentication;
using k8s.Exceptions;

namespace KubeRuntime.Client;

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
        if (!KubeconfigReader.IsNamed && KubernetesClientConfiguration.IsInCluster()) return KubernetesClientConfiguration.InClusterConfig();
        var paths = KubeconfigReader.Paths();
        if (!KubeconfigReader.IsNamed && !File.Exists(paths[0]))
            throw new KubeConfigException($"No cluster: KUBECONFIG is not set, this is no pod with a service account, and {paths[0]} does not exist. Set KUBECONFIG to a kubeconfig file.");
        try
        {
            // As kubectl: of several files some may be missing.
            string[] files = [.. paths.Where(File.Exists)];
            if (files.Length == 0) throw new KubeConfigException("there is no such file");
            return KubeconfigContext.Resolve(KubeconfigReader.Read(files));
        }
        catch (KubeConfigException e)
        {
            throw new KubeConfigException($"The kubeconfig {string.Join(" and ", paths)} cannot be used: {e.Message.TrimEnd('.')}. Mend it, or set KUBECONFIG to another.");
        }
    }

    /// <summary>
    /// Connects as <paramref name="configuration"/> says, and verifies the server's chain against the cluster's CA and its host name
    /// against the address: with a CA given, the client of KubernetesClient 21.0.8 takes any host's certificate. A service account's
    /// token is read again every minute.
    /// </summary>
    /// <exception cref="KubeConfigException">The server's address is none.</exception>
    public static ApiConnection Create(KubernetesClientConfiguration configuration)
    {
        if (!Uri.TryCreate(configuration.Host, UriKind.Absolute, out var address))
            throw new KubeConfigException($"The API server's address is \"{configuration.Host}\"; expected one such as https://10.0.0.1:6443. Correct it in the kubeconfig (clusters, server).");

        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = ConnectTimeout,
            KeepAlivePingDelay = PingDelay,
            KeepAlivePingTimeout = PingTimeout,
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            EnableMultipleHttp2Connections = true,
            // A redirect would carry the token elsewhere.
            AllowAutoRedirect = false,
        };
        var tls = handler.SslOptions;
#pragma warning disable CA5359 // Whoever writes insecure-skip-tls-verify into a kubeconfig asks for just that.
        if (configuration.SkipTlsVerify) tls.RemoteCertificateValidationCallback = (_, _, _, _) => true;
#pragma warning restore CA5359
        else if (configuration.SslCaCerts is { Count: > 0 } authorities) tls.CertificateChainPolicy = TrustOnly(authorities);
        // By a callback: of a collection none is shown to a server that does not name its authority.
        if (CertificateOf(configuration) is { } certificate) tls.LocalCertificateSelectionCallback = (_, _, _, _, _) => certificate;
        configuration.FirstMessageHandlerSetup?.Invoke(handler);

        var http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        // The name that the certificate is checked for follows the Host header.
        if (!string.IsNullOrEmpty(configuration.TlsServerName)) http.DefaultRequestHeaders.Host = configuration.TlsServerName;
        if (!string.IsNullOrEmpty(configuration.UserAgent)) http.DefaultRequestHeaders.TryAddWithoutValidation("User-Agent", configuration.UserAgent);
        return new ApiConnection(address, http, CredentialsOf(configuration));
    }

    private static ServiceClientCredentials? CredentialsOf(KubernetesClientConfiguration configuration) => configuration switch
    {
        { TokenProvider: { } provider } => new TokenCredentials(provider),
        { AccessToken: { Length: > 0 } token } => new TokenCredentials(token),
        { Username: { Length: > 0 } user } => new BasicAuthenticationCredentials { UserName = user, Password = configuration.Password },
        _ => null,
    };

    private static X509Certificate2? CertificateOf(KubernetesClientConfiguration configuration)
    {
        try
        {
            if (Pem(configuration.ClientCertificateData, configuration.ClientCertificateFilePath) is not { } certificate) return null;
            var key = Pem(configuration.ClientCertificateKeyData, configuration.ClientKeyFilePath)
                ?? throw new KubeConfigException("The kubeconfig has a client certificate without its key. Add client-key or client-key-data to the user.");
            using var read = X509Certificate2.CreateFromPem(certificate, key);
            // Windows shows no certificate whose key is in memory alone.
            return X509CertificateLoader.LoadPkcs12(read.Export(X509ContentType.Pkcs12), null);
        }
        catch (Exception e) when (e is CryptographicException or FormatException)
        {
            throw new KubeConfigException("The kubeconfig's client certificate and key cannot be read, or do not fit each other; expected both as PEM.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new KubeConfigException($"The kubeconfig's client certificate or key cannot be read: {e.Message}");
        }
    }

    private static string? Pem(string? data, string? file) =>
        !string.IsNullOrEmpty(data) ? Encoding.UTF8.GetString(Convert.FromBase64String(data))
        : !string.IsNullOrEmpty(file) ? File.ReadAllText(file)
        : null;

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
