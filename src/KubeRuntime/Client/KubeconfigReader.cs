using k8s;
using k8s.Exceptions;
using k8s.KubeConfigModels;
using YamlDotNet.Core;

namespace KubeRuntime.Client;

/// <summary>
/// Reads kubeconfig files into the model of KubernetesClient, and merges several files as kubectl does.
/// </summary>
public static class KubeconfigReader
{
    /// <summary>Whether the environment variable KUBECONFIG names a file.</summary>
    public static bool IsNamed => FromEnvironment().Length > 0;

    /// <summary>The files that kubectl reads: <paramref name="path"/>, or those that KUBECONFIG names, or <c>~/.kube/config</c>. They need not exist.</summary>
    /// <param name="path">A file that the user named, or null.</param>
    public static IReadOnlyList<string> Paths(string? path = null) =>
        path is not null ? [path] : IsNamed ? FromEnvironment() : [KubernetesClientConfiguration.KubeConfigDefaultLocation];

    /// <summary>Reads several files. When several of them define the same entry, the first one counts.</summary>
    /// <param name="paths">The files, all of which exist.</param>
    /// <exception cref="KubeConfigException">One of them is not a kubeconfig.</exception>
    public static K8SConfiguration Read(IReadOnlyList<string> paths)
    {
        var all = paths.Select(Read).ToList();
        return new K8SConfiguration
        {
            CurrentContext = all.Select(one => one.CurrentContext).FirstOrDefault(current => !string.IsNullOrEmpty(current)),
            // A lookup takes the first entry of a name.
            Contexts = [.. all.SelectMany(one => one.Contexts ?? [])],
            Clusters = [.. all.SelectMany(one => one.Clusters ?? [])],
            Users = [.. all.SelectMany(one => one.Users ?? [])],
        };
    }

    /// <summary>Reads one file. Paths in it, which are relative to its folder, become absolute.</summary>
    /// <exception cref="KubeConfigException">It is not a kubeconfig.</exception>
    public static K8SConfiguration Read(string path)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var config = Parse(path);
        foreach (var cluster in config.Clusters ?? [])
        {
            if (cluster.ClusterEndpoint is { } endpoint)
                endpoint.CertificateAuthority = Absolute(folder, endpoint.CertificateAuthority);
        }

        foreach (var user in config.Users ?? [])
        {
            if (user.UserCredentials is not { } credentials)
                continue;
            credentials.ClientCertificate = Absolute(folder, credentials.ClientCertificate);
            credentials.ClientKey = Absolute(folder, credentials.ClientKey);
            // A command without a folder is searched for on PATH.
            if (credentials.ExternalExecution is { Command: { } command } program && command.Contains('/', StringComparison.Ordinal))
                program.Command = Absolute(folder, command);
        }

        return config;
    }

    private static string[] FromEnvironment() => Environment.GetEnvironmentVariable("KUBECONFIG")?.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries) ?? [];

    private static K8SConfiguration Parse(string path)
    {
        try
        {
            // An empty file is an empty kubeconfig.
            return KubernetesClientConfiguration.LoadKubeConfig(new FileInfo(path), useRelativePaths: false) ?? new K8SConfiguration();
        }
        catch (YamlException e)
        {
            // The exception's own text can quote the file.
            throw new KubeConfigException($"{path} is not a kubeconfig: see line {e.Start.Line}.");
        }
        catch (InvalidCastException)
        {
            // The whole document is a text or a list.
            throw new KubeConfigException($"{path} is not a kubeconfig: see line 1.");
        }
    }

    private static string? Absolute(string folder, string? path) => string.IsNullOrEmpty(path) ? path : Path.Combine(folder, path);
}
