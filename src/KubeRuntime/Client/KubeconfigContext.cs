using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using k8s;
using k8s.Exceptions;
using k8s.KubeConfigModels;

namespace KubeRuntime.Client;

/// <summary>
/// Turns one context of a kubeconfig into the settings of a connection. Unlike KubernetesClient, it passes the arguments of a
/// credential program unchanged, and its messages never contain the output of that program.
/// </summary>
public static class KubeconfigContext
{
    /// <summary>Looks up the context, its cluster and its user, and signs in if the user names a program for that.</summary>
    /// <param name="config">The kubeconfig.</param>
    /// <param name="context">The name of the context; null for the current one.</param>
    /// <param name="time">The clock by which credentials expire.</param>
    /// <exception cref="KubeConfigException">Something is missing, or cannot be used.</exception>
    public static KubernetesClientConfiguration Resolve(K8SConfiguration config, string? context, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(config);
        context ??= config.CurrentContext;
        if (string.IsNullOrEmpty(context))
            throw new KubeConfigException("it has no current context");
        var details = config.Contexts?.FirstOrDefault(one => one.Name == context)?.ContextDetails ?? throw new KubeConfigException($"it has no context {context}");
        var cluster = config.Clusters?.FirstOrDefault(one => one.Name == details.Cluster)?.ClusterEndpoint
            ?? throw new KubeConfigException($"it has no cluster {details.Cluster}, which the context {context} names");
        var user = config.Users?.FirstOrDefault(one => one.Name == details.User)?.UserCredentials
            ?? throw new KubeConfigException($"it has no user {details.User}, which the context {context} names, or nothing about that user");
        if (ServerAddress.Parse(cluster.Server) is null)
            throw new KubeConfigException($"the server of its cluster {details.Cluster} is {ServerAddress.Shown(cluster.Server)}; expected {ServerAddress.Expected}");

        var settings = new KubernetesClientConfiguration
        {
            Namespace = details.Namespace,
            Host = cluster.Server,
            SkipTlsVerify = cluster.SkipTlsVerify,
            TlsServerName = cluster.TlsServerName,
            SslCaCerts = Authorities(cluster),
            AccessToken = user.Token,
            ClientCertificateData = user.ClientCertificateData,
            ClientCertificateFilePath = user.ClientCertificate,
            ClientCertificateKeyData = user.ClientKeyData,
            ClientKeyFilePath = user.ClientKey,
        };
        SignIn(settings, user, time);
        return HasCredentials(settings) ? settings : throw new KubeConfigException($"its user {details.User} has no token, client certificate, password or program to sign in by");
    }

    private static void SignIn(KubernetesClientConfiguration settings, UserCredentials user, TimeProvider time)
    {
        if (!string.IsNullOrEmpty(user.UserName) && !string.IsNullOrEmpty(user.Password))
            (settings.Username, settings.Password) = (user.UserName, user.Password);
        // The program that wrote the token there renews it.
        if (user.AuthProvider is { Name: "oidc", Config: { } oidc } && oidc.TryGetValue("id-token", out var idToken))
            settings.AccessToken = idToken;
        if (user.ExternalExecution is not { } program)
            return;
        var signIn = new ExecCredentials(program, time);
        var first = signIn.Run();
        if (first.Token is not null)
            settings.TokenProvider = signIn;
        if (first.Certificate is { } certificate && first.Key is { } key)
            (settings.ClientCertificateData, settings.ClientCertificateKeyData) = (Base64(certificate), Base64(key));
    }

    private static bool HasCredentials(KubernetesClientConfiguration settings) =>
        settings.TokenProvider is not null
        || new[] { settings.AccessToken, settings.Username, settings.ClientCertificateData, settings.ClientCertificateFilePath }.Any(one => !string.IsNullOrEmpty(one));

    private static X509Certificate2Collection? Authorities(ClusterEndpoint cluster)
    {
        if (string.IsNullOrEmpty(cluster.CertificateAuthorityData) && string.IsNullOrEmpty(cluster.CertificateAuthority))
            return null;
        var authorities = new X509Certificate2Collection();
        try
        {
            authorities.ImportFromPem(string.IsNullOrEmpty(cluster.CertificateAuthorityData)
                ? File.ReadAllText(cluster.CertificateAuthority)
                : Encoding.UTF8.GetString(Convert.FromBase64String(cluster.CertificateAuthorityData)));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new KubeConfigException($"the file of its certificate authority cannot be read: {e.Message}");
        }
        catch (Exception e) when (e is CryptographicException or FormatException)
        {
            authorities.Clear();
        }

        // With an empty collection, the authorities of the machine would be trusted.
        return authorities.Count > 0 ? authorities
            : throw new KubeConfigException("its certificate authority cannot be read; expected PEM, and in certificate-authority-data as base64");
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}
