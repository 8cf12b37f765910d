using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using k8s;
using k8s.Authentication;
using k8s.Exceptions;

namespace KubeRuntime.Client;

/// <summary>Finds the API server and prepares a connection to it.</summary>
public static class KubernetesClientFactory
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan PingDelay = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan PingTimeout = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Loads the files that KUBECONFIG names, or else the service account of the pod, or else <c>~/.kube/config</c>: the order of
    /// controller-runtime.
    /// </summary>
    /// <param name="time">The clock by which credentials expire.</param>
    /// <exception cref="KubeConfigException">None of them exists, or it cannot be read.</exception>
    public static KubernetesClientConfiguration LoadConfiguration(TimeProvider time)
    {
        if (!KubeconfigReader.IsNamed && KubernetesClientConfiguration.IsInCluster())
            return InsideCluster(KubeconfigOverrides.None);
        var paths = KubeconfigReader.Paths();
        if (!KubeconfigReader.IsNamed && !File.Exists(paths[0]))
            throw new KubeConfigException($"No cluster: KUBECONFIG is not set, this is not a pod with a service account, and {paths[0]} does not exist. Set KUBECONFIG to a kubeconfig file.");
        try
        {
            // As in kubectl, some of several files may be missing.
            string[] files = [.. paths.Where(File.Exists)];
            if (files.Length == 0)
                throw new KubeConfigException("there is no such file");
            return KubeconfigContext.Resolve(KubeconfigReader.Read(files), KubeconfigOverrides.None, time);
        }
        catch (KubeConfigException e)
        {
            throw new KubeConfigException($"The kubeconfig {string.Join(" and ", paths)} cannot be used: {e.Message.TrimEnd('.')}. Fix it, or set KUBECONFIG to another one.");
        }
    }

    /// <summary>The service account of the pod.</summary>
    /// <param name="overrides">Whom to act as, and the limit for a request.</param>
    /// <exception cref="KubeConfigException">It is not possible to act so.</exception>
    public static KubernetesClientConfiguration InsideCluster(KubeconfigOverrides overrides)
    {
        ArgumentNullException.ThrowIfNull(overrides);
        var pod = KubernetesClientConfiguration.InClusterConfig();
        return new ApiServerConfiguration
        {
            Host = pod.Host,
            Namespace = pod.Namespace,
            SslCaCerts = pod.SslCaCerts,
            TokenProvider = pod.TokenProvider,
            Impersonation = KubeconfigContext.ActingAs(overrides.Impersonation),
            RequestTimeout = overrides.RequestTimeout ?? ApiServerConfiguration.DefaultRequestTimeout,
        };
    }

    /// <summary>
    /// Prepares the connection that <paramref name="configuration"/> describes. It verifies the server's certificate chain against the
    /// cluster's CA and the host name against the address (given a CA, KubernetesClient 21.0.8 accepts the certificate of any host). The
    /// token of a service account is read again every minute. A proxy that the kubeconfig names is always used, and the API server's
    /// address inside the cluster is never asked through one.
    /// </summary>
    /// <param name="configuration">The API server, and how to sign in to it.</param>
    /// <param name="environmentProxy">The proxy for an API server for which the kubeconfig names none; null for the default of .NET, which a program can set (HttpClient.DefaultProxy).</param>
    /// <exception cref="KubeConfigException">The server's address is not an absolute HTTP URI.</exception>
    public static ApiConnection Create(KubernetesClientConfiguration configuration, IWebProxy? environmentProxy = null)
    {
        var kubeconfig = configuration as ApiServerConfiguration;
        var address = ServerAddress.Parse(configuration.Host)
            ?? throw new KubeConfigException($"The API server's address is {ServerAddress.Shown(configuration.Host)}; expected {ServerAddress.Expected}. Correct it in the kubeconfig (clusters, server).");

        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = ConnectTimeout,
            KeepAlivePingDelay = PingDelay,
            KeepAlivePingTimeout = PingTimeout,
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            EnableMultipleHttp2Connections = true,
            // A redirect would send the credentials elsewhere.
            AllowAutoRedirect = false,
        };
        var tls = handler.SslOptions;
#pragma warning disable CA5359 // insecure-skip-tls-verify in a kubeconfig asks for exactly this.
        if (configuration.SkipTlsVerify)
            tls.RemoteCertificateValidationCallback = (_, _, _, _) => true;
#pragma warning restore CA5359
        else if (configuration.SslCaCerts is { Count: > 0 } authorities)
            tls.CertificateChainPolicy = TrustOnly(authorities);
        // A callback, because a certificate in a collection is not sent to a server that does not name its authority.
        if (CertificateOf(configuration) is { } certificate)
            tls.LocalCertificateSelectionCallback = (_, _, _, _, _) => certificate;
        var proxy = kubeconfig?.Proxy ?? (IsInsideCluster(address, Environment.GetEnvironmentVariable("KUBERNETES_SERVICE_HOST")) ? null : environmentProxy ?? HttpClient.DefaultProxy);
        (handler.UseProxy, handler.Proxy) = (proxy is not null, proxy);
        var headers = kubeconfig?.Impersonation?.Headers() ?? [];
        handler.RequestHeaderEncodingSelector = (name, _) => Impersonation.IsHeader(name) ? new RepeatedHeaderEncoding(name) : null;
        configuration.FirstMessageHandlerSetup?.Invoke(handler);

        var http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        foreach (var (name, values) in headers)
            http.DefaultRequestHeaders.TryAddWithoutValidation(name, string.Join(RepeatedHeaderEncoding.Separator, values));
        // The certificate is checked against the name in the Host header.
        if (!string.IsNullOrEmpty(configuration.TlsServerName))
            http.DefaultRequestHeaders.Host = configuration.TlsServerName;
        if (!string.IsNullOrEmpty(configuration.UserAgent))
            http.DefaultRequestHeaders.TryAddWithoutValidation("User-Agent", configuration.UserAgent);
        return new ApiConnection(address, http, CredentialsOf(configuration))
        {
            Proxy = proxy?.IsBypassed(address) == false ? proxy.GetProxy(address) : null,
            RequestTimeout = kubeconfig?.RequestTimeout ?? ApiServerConfiguration.DefaultRequestTimeout,
            RequiresHttp11 = headers.Any(header => header.Values.Length > 1),
        };
    }

    /// <summary>Whether a pod reaches the API server at this address without leaving the cluster.</summary>
    /// <param name="address">The address.</param>
    /// <param name="serviceHost">What KUBERNETES_SERVICE_HOST says.</param>
    internal static bool IsInsideCluster(Uri address, string? serviceHost) =>
        address.DnsSafeHost is "kubernetes" or "kubernetes.default" or "kubernetes.default.svc"
        || address.DnsSafeHost.StartsWith("kubernetes.default.svc.", StringComparison.Ordinal)
        || (serviceHost?.Trim('[', ']') is { Length: > 0 } host
            && string.Equals(address.DnsSafeHost, host, StringComparison.OrdinalIgnoreCase));

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
            if (Pem(configuration.ClientCertificateData, configuration.ClientCertificateFilePath) is not { } certificate)
                return null;
            var key = Pem(configuration.ClientCertificateKeyData, configuration.ClientKeyFilePath)
                ?? throw new KubeConfigException("The kubeconfig has a client certificate without its key. Add client-key or client-key-data to the user.");
            using var read = X509Certificate2.CreateFromPem(certificate, key);
            // Windows does not send a certificate whose key is only in memory.
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

/// <summary>
/// The address of the API server, the HTTP connections to it and their credentials. It replaces the <c>Kubernetes</c> class of
/// KubernetesClient, whose methods and JSON for every operation of the API would cost memory and start time.
/// </summary>
public sealed class ApiConnection : IDisposable
{
    internal ApiConnection(Uri address, HttpClient http, ServiceClientCredentials? credentials) =>
        (Address, Http, Credentials) = (ServerAddress.WithSlash(address), http, credentials);

    /// <summary>The address of the server, which can have a path in front of the API. It ends with a slash.</summary>
    public Uri Address { get; }

    /// <summary>The proxy between this program and the server, without its password; null for none.</summary>
    internal Uri? Proxy { get; init; }

    /// <summary>The limit for one request; zero for none.</summary>
    internal TimeSpan RequestTimeout { get; init; } = ApiServerConfiguration.DefaultRequestTimeout;

    /// <summary>Whether the requests have a header with several values, which only HTTP/1.1 can send as several lines.</summary>
    internal bool RequiresHttp11 { get; init; }

    /// <summary>The address of the server for messages, with the proxy if there is one.</summary>
    internal string Route => Proxy is null ? $"{Address}" : $"{Address} (through the proxy {Proxy.GetLeftPart(UriPartial.Authority)})";

    /// <summary>The connections, without a timeout of their own.</summary>
    internal HttpClient Http { get; }

    /// <summary>Adds the bearer token or the password to a request; null when a client certificate is enough.</summary>
    internal ServiceClientCredentials? Credentials { get; }

    /// <inheritdoc/>
    public void Dispose() => Http.Dispose();
}
