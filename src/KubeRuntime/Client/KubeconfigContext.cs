using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using k8s;
using k8s.Exceptions;
using YamlDotNet.RepresentationModel;

namespace KubeRuntime.Client;

/// <summary>
/// Turns one context of a kubeconfig into the settings of a connection, as kubectl does. A field that is not honored is refused by name.
/// No message contains the output of a credential program.
/// </summary>
public static class KubeconfigContext
{
    /// <summary>The key of an extension that a credential program gets.</summary>
    private const string ExecExtension = "client.authentication.k8s.io/exec";

    /// <summary>
    /// Looks up the context, its cluster and its user, and signs in if the user names a program for that. As with client-go
    /// (tools/clientcmd/client_config.go), no credentials are sent to a server without TLS, such as kubectl proxy, or for a context without a user.
    /// </summary>
    /// <param name="config">The kubeconfig.</param>
    /// <param name="overrides">What comes before the kubeconfig.</param>
    /// <param name="time">The clock by which credentials expire.</param>
    /// <exception cref="KubeConfigException">Something is missing, or cannot be used.</exception>
    public static ApiServerConfiguration Resolve(Kubeconfigs config, KubeconfigOverrides overrides, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(overrides);
        var (context, details) = ContextOf(config, overrides);
        var (contextCluster, contextUser, ns) = (details?.Text("cluster"), details?.Text("user"), details?.Text("namespace"));
        var (clusterName, userName) = (overrides.Cluster ?? contextCluster, overrides.User ?? contextUser);
        var cluster = clusterName is null && overrides.Server is not null ? Nothing
            : config.Clusters.GetValueOrDefault(clusterName ?? "") ?? throw new KubeConfigException($"it has no cluster {clusterName}{Named(overrides.Cluster, context)}");
        var user = config.Users.GetValueOrDefault(userName ?? "");
        var (settings, isSecure) = Connection(cluster, clusterName, overrides, ns);
        settings.Impersonation = ActingAs(overrides.Impersonation.Or(user is null ? null : ImpersonationOf(user)));
        details?.RefuseUnread();
        cluster.RefuseUnread();
        // As with client-go, a context without a user is anonymous.
        if (!isSecure || userName is null)
            return settings;
        if (user is null)
            throw new KubeConfigException($"it has no user {userName}{Named(overrides.User, context)}, or nothing about that user");

        ReadCredentials(settings, user, userName);
        var program = ProgramOf(user, userName, cluster, settings);
        user.RefuseUnread();
        // As with kubectl, a token comes before a program.
        if (program is not null && settings.AccessToken is null && settings.TokenProvider is null)
            SignIn(settings, new ExecCredentials(program, time));
        return HasCredentials(settings) ? settings : throw new KubeConfigException($"its user {userName} has no token, client certificate, password or program to sign in by");
    }

    private static KubeconfigFields Nothing => new(new YamlMappingNode(), ".", "it");

    private static (string? Name, KubeconfigFields? Details) ContextOf(Kubeconfigs config, KubeconfigOverrides overrides)
    {
        var name = overrides.Context ?? config.CurrentContext;
        if (!string.IsNullOrEmpty(name))
            return (name, config.Contexts.GetValueOrDefault(name) ?? throw new KubeConfigException($"it has no context {name}"));
        return overrides.NameACluster ? (null, null) : throw new KubeConfigException("it has no current context");
    }

    private static string Named(string? byOption, string? context) => byOption is null ? $", which the context {context} names" : "";

    /// <summary>The connection without credentials, and whether it is one by TLS.</summary>
    private static (ApiServerConfiguration Settings, bool IsSecure) Connection(KubeconfigFields cluster, string? name, KubeconfigOverrides overrides, string? ns)
    {
        var server = cluster.Text("server");
        var owner = overrides.Server is null ? $"the server of its cluster {name}" : "the server of the command line";
        var skipsVerification = cluster.Flag("insecure-skip-tls-verify");
        var authorities = Authorities(cluster.Text("certificate-authority-data"), cluster.Path("certificate-authority"));
        var host = ServerAddress.WithScheme(overrides.Server ?? server, isSecure: authorities is not null || skipsVerification);
        var address = ServerAddress.Parse(host) ?? throw new KubeConfigException($"{owner} is {ServerAddress.Shown(host)}; expected {ServerAddress.Expected}");
        // Responses are never compressed, so there is nothing to disable.
        cluster.Flag("disable-compression");
        var tlsServerName = cluster.Text("tls-server-name");
        return (new ApiServerConfiguration
        {
            Namespace = ns,
            Host = host,
            SkipTlsVerify = skipsVerification,
            TlsServerName = overrides.Server is null ? tlsServerName : null,
            SslCaCerts = authorities,
            Proxy = ApiServerConfiguration.ProxyAt(cluster.Text("proxy-url"), $"its cluster {name}"),
            RequestTimeout = overrides.RequestTimeout ?? ApiServerConfiguration.DefaultRequestTimeout,
        }, address.Scheme == Uri.UriSchemeHttps);
    }

    /// <summary>Whom to act as; null for no one.</summary>
    /// <exception cref="KubeConfigException">It cannot be used.</exception>
    internal static Impersonation? ActingAs(Impersonation impersonation)
    {
        impersonation.Headers();
        return impersonation.User is null ? null : impersonation;
    }

    private static Impersonation ImpersonationOf(KubeconfigFields user) => new()
    {
        User = user.Text("as"),
        Uid = user.Text("as-uid"),
        Groups = user.Texts("as-groups"),
        Extra = user.TextsByName("as-user-extra"),
    };

    private static void ReadCredentials(ApiServerConfiguration settings, KubeconfigFields user, string name)
    {
        settings.AccessToken = user.Text("token");
        settings.ClientCertificateData = user.Text("client-certificate-data");
        settings.ClientCertificateFilePath = user.Path("client-certificate");
        settings.ClientCertificateKeyData = user.Text("client-key-data");
        settings.ClientKeyFilePath = user.Path("client-key");
        // As with kubectl, the file comes before the token.
        if (user.Path("tokenFile") is { } path)
        {
            var token = new FileCredentials(path);
            token.Load();
            settings.TokenProvider = token;
        }

        if (user.Text("username") is { } userName && user.Text("password") is { } password)
        {
            if (settings.AccessToken is not null || settings.TokenProvider is not null)
                throw new KubeConfigException($"its user {name} has both a password and a token. Remove one of them");
            (settings.Username, settings.Password) = (userName, password);
        }

        if (user.Fields("auth-provider") is not { } provider)
            return;
        // The program that wrote the token there renews it.
        if (provider.Text("name") is var kind && kind != "oidc")
            throw new KubeConfigException($"its user {name} signs in with the auth-provider {kind}, which is not supported. Use a credential program (exec)");
        settings.AccessToken = (provider.Node("config") as YamlMappingNode)?.Children.TryGetValue("id-token", out var idToken) == true
            ? (idToken as YamlScalarNode)?.Value
            : settings.AccessToken;
    }

    private static ExecProgram? ProgramOf(KubeconfigFields user, string name, KubeconfigFields cluster, ApiServerConfiguration settings)
    {
        if (user.Fields("exec") is not { } exec)
            return null;
        var command = exec.Text("command") ?? throw new KubeConfigException($"the exec section of its user {name} has no command");
        var mode = exec.Text("interactiveMode") ?? "IfAvailable";
        if (mode is not ("Never" or "IfAvailable" or "Always"))
            throw new KubeConfigException($"the interactiveMode of its user {name} is \"{mode}\"; expected Never, IfAvailable or Always");
        return new ExecProgram
        {
            ApiVersion = exec.Text("apiVersion") ?? throw new KubeConfigException($"the exec section of its user {name} has no apiVersion"),
            // A command without a folder is searched for on PATH.
            Command = command.Contains('/', StringComparison.Ordinal) ? exec.Absolute(command) : command,
            Arguments = exec.Texts("args"),
            Variables = [.. exec.List("env").Select(variable => (variable.Text("name") ?? "", variable.Text("value") ?? "")).Where(variable => variable.Item1.Length > 0)],
            InteractiveMode = mode,
            InstallHint = exec.Text("installHint"),
            Cluster = exec.Flag("provideClusterInfo") ? ClusterInfo(cluster, settings) : null,
        };
    }

    /// <summary>The cluster as ExecCredential has it (client.authentication.k8s.io, Cluster).</summary>
    private static JsonObject ClusterInfo(KubeconfigFields cluster, ApiServerConfiguration settings)
    {
        var info = new JsonObject { ["server"] = settings.Host };
        if (settings.TlsServerName is { } tlsServerName)
            info["tls-server-name"] = tlsServerName;
        foreach (var name in new[] { "certificate-authority-data", "proxy-url" })
        {
            if (cluster.Text(name) is { } text)
                info[name] = text;
        }

        if (info["certificate-authority-data"] is null && cluster.Path("certificate-authority") is { } file)
            info["certificate-authority-data"] = Convert.ToBase64String(File.ReadAllBytes(file));
        foreach (var name in new[] { "insecure-skip-tls-verify", "disable-compression" })
        {
            if (cluster.Flag(name))
                info[name] = true;
        }

        var config = (cluster.Node("extensions") as YamlSequenceNode)?.OfType<YamlMappingNode>()
            .FirstOrDefault(extension => extension.Children.TryGetValue("name", out var key) && key is YamlScalarNode { Value: ExecExtension });
        if (config?.Children.TryGetValue("extension", out var content) == true)
            info["config"] = Json(content);
        return info;
    }

    private static JsonNode? Json(YamlNode node) => node switch
    {
        YamlMappingNode mapping => new JsonObject(mapping.Children.Select(field => KeyValuePair.Create(((YamlScalarNode)field.Key).Value ?? "", Json(field.Value)))),
        YamlSequenceNode list => new JsonArray([.. list.Select(Json)]),
        YamlScalarNode { Style: YamlDotNet.Core.ScalarStyle.Plain, Value: "true" or "false" } flag => JsonValue.Create(flag.Value == "true"),
        YamlScalarNode { Style: YamlDotNet.Core.ScalarStyle.Plain, Value: "null" or "~" or "" or null } => null,
        YamlScalarNode { Style: YamlDotNet.Core.ScalarStyle.Plain } plain when long.TryParse(plain.Value, out var number) => JsonValue.Create(number),
        YamlScalarNode text => JsonValue.Create(text.Value),
        _ => null,
    };

    private static void SignIn(ApiServerConfiguration settings, ExecCredentials program)
    {
        var first = program.Run();
        if (first.Token is not null)
            settings.TokenProvider = program;
        if (first.Certificate is { } certificate && first.Key is { } key)
            (settings.ClientCertificateData, settings.ClientCertificateKeyData) = (Base64(certificate), Base64(key));
    }

    private static bool HasCredentials(KubernetesClientConfiguration settings) =>
        settings.TokenProvider is not null
        || new[] { settings.AccessToken, settings.Username, settings.ClientCertificateData, settings.ClientCertificateFilePath }.Any(one => !string.IsNullOrEmpty(one));

    private static X509Certificate2Collection? Authorities(string? data, string? file)
    {
        if (data is null && file is null)
            return null;
        var authorities = new X509Certificate2Collection();
        try
        {
            authorities.ImportFromPem(data is null ? File.ReadAllText(file!) : Encoding.UTF8.GetString(Convert.FromBase64String(data)));
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
