using System.Security.Cryptography;
using k8s;
using k8s.Exceptions;
using k8s.KubeConfigModels;
using KubeRuntime.Client;

namespace KubectlOAuthToken;

/// <summary>The person's kubeconfig, found and put together of several files as kubectl does it.</summary>
internal sealed class Kubeconfig
{
    private readonly K8SConfiguration? _config;
    private readonly string _context = "";
    private readonly string _files = "";

    private Kubeconfig()
    {
    }

    private Kubeconfig(K8SConfiguration config, string context, string files) => (_config, _context, _files) = (config, context, files);

    /// <summary>Finds it: in <paramref name="path"/>, in what KUBECONFIG names, in a pod's service account, or in <c>~/.kube/config</c>.</summary>
    /// <exception cref="KubeConfigException">There is none, or not that context in it.</exception>
    public static Kubeconfig Find(string? path, string? context)
    {
        var named = path ?? Environment.GetEnvironmentVariable("KUBECONFIG");
        if (string.IsNullOrEmpty(named) && context is null && KubernetesClientConfiguration.IsInCluster())
            return new Kubeconfig();

        string[] paths = path is not null ? [path]
            : string.IsNullOrEmpty(named) ? [KubernetesClientConfiguration.KubeConfigDefaultLocation]
            : named.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        // As kubectl: of several files some may be missing.
        var files = paths.Select(one => new FileInfo(one)).Where(file => file.Exists).ToArray();
        if (files.Length == 0)
            throw new KubeConfigException($"There is no kubeconfig {string.Join(" or ", paths)}. Name one by --kubeconfig, or set KUBECONFIG.");
        var config = KubeconfigReader.Read([.. files.Select(file => file.FullName)]);
        var shown = string.Join(" and ", files.Select(file => file.FullName));
        var chosen = context ?? config.CurrentContext;
        if (string.IsNullOrEmpty(chosen) || Details(config, chosen) is not { } details)
        {
            var known = config.Contexts.Select(one => one.Name).ToList();
            throw new KubeConfigException(
                $"The kubeconfig {shown} has no {(string.IsNullOrEmpty(chosen) ? "current context" : $"context {chosen}")}"
                + (known.Count == 0 ? " and no other either." : $"; it has {string.Join(", ", known)}. Choose one by --context."));
        }

        var missing = config.Clusters.All(one => one.Name != details.Cluster) ? $"cluster {details.Cluster}" : config.Users.All(one => one.Name != details.User) ? $"user {details.User}" : null;
        return missing is null ? new Kubeconfig(config, chosen, shown)
            : throw new KubeConfigException($"The context {chosen} names the {missing}, which the kubeconfig {shown} does not have.");
    }

    /// <summary>Prepares a connection, and signs in where the kubeconfig names a program for that. Nothing is sent to the cluster yet.</summary>
    /// <returns>The connection, and the namespace of the context.</returns>
    /// <exception cref="KubeConfigException">What it says cannot be used.</exception>
    public (ApiConnection Connection, string Namespace) Connect()
    {
        try
        {
            var configuration = _config is null ? KubernetesClientConfiguration.InClusterConfig() : KubeconfigContext.Resolve(_config, _context, TimeProvider.System);
            return (KubernetesClientFactory.Create(configuration), string.IsNullOrEmpty(configuration.Namespace) ? "default" : configuration.Namespace);
        }
        catch (Exception e) when (_config is not null && e is KubeConfigException or CryptographicException or FormatException or IOException or UnauthorizedAccessException)
        {
            throw new KubeConfigException(Explain(e), e);
        }
    }

    private string Explain(Exception e)
    {
        var user = _config!.Users.First(one => one.Name == Details(_config, _context)!.User);
        if (e is KubeConfigException && user.UserCredentials?.ExternalExecution?.Command is { } program)
        {
            return $"The context {_context} of the kubeconfig {_files} signs in by the program {program}, which "
                + (e.Message.Contains("start process", StringComparison.Ordinal) ? "could not be started. Install it, or put it on PATH." : "gave no credentials. What it says stands above; else run it by hand.");
        }

        return $"The context {_context} of the kubeconfig {_files} cannot be used: {e.Message.Split('\n')[0].TrimEnd('.', '\r')}.";
    }

    private static ContextDetails? Details(K8SConfiguration config, string context) => config.Contexts.FirstOrDefault(one => one.Name == context)?.ContextDetails;
}
