using System.Diagnostics.CodeAnalysis;
using YamlDotNet.Core;
using YamlDotNet.Serialization;
using k8s;
using k8s.Exceptions;
using k8s.KubeConfigModels;

namespace KubeRuntime.Client;

/// <summary>
/// Reads kubeconfig files into the model of KubernetesClient. Not by its own reader: that one first looks at each property of
/// all of its 1,500 types, which a trimmed program does not have.
/// </summary>
public static class KubeconfigReader
{
    /// <summary>Whether the environment variable KUBECONFIG names a file.</summary>
    public static bool IsNamed => FromEnvironment().Length > 0;

    /// <summary>The files that kubectl reads: <paramref name="path"/>, or those that KUBECONFIG names, or <c>~/.kube/config</c>. They need not exist.</summary>
    /// <param name="path">A file that the user named, or null.</param>
    public static IReadOnlyList<string> Paths(string? path = null) =>
        path is not null ? [path] : IsNamed ? FromEnvironment() : [KubernetesClientConfiguration.KubeConfigDefaultLocation];

    /// <summary>Reads several files as kubectl does: of what is in more than one of them the first counts.</summary>
    /// <param name="paths">The files; all of them exist.</param>
    /// <exception cref="KubeConfigException">One of them is no kubeconfig.</exception>
    public static K8SConfiguration Read(IReadOnlyList<string> paths)
    {
        var all = paths.Select(Read).ToList();
        return new K8SConfiguration
        {
            CurrentContext = all.Select(one => one.CurrentContext).FirstOrDefault(current => !string.IsNullOrEmpty(current)),
            // Whoever looks something up takes the first of that name.
            Contexts = [.. all.SelectMany(one => one.Contexts ?? [])],
            Clusters = [.. all.SelectMany(one => one.Clusters ?? [])],
            Users = [.. all.SelectMany(one => one.Users ?? [])],
        };
    }

    /// <summary>Reads one file; paths in it, which are relative to its folder, become absolute.</summary>
    /// <exception cref="KubeConfigException">It is no kubeconfig.</exception>
    public static K8SConfiguration Read(string path)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var config = Parse(path);
        foreach (var cluster in config.Clusters ?? [])
        {
            if (cluster.ClusterEndpoint is { } endpoint) endpoint.CertificateAuthority = Absolute(folder, endpoint.CertificateAuthority);
        }

        foreach (var user in config.Users ?? [])
        {
            if (user.UserCredentials is not { } credentials) continue;
            credentials.ClientCertificate = Absolute(folder, credentials.ClientCertificate);
            credentials.ClientKey = Absolute(folder, credentials.ClientKey);
            // One without a folder is looked for on PATH.
            if (credentials.ExternalExecution is { Command: { } command } program && command.Contains('/', StringComparison.Ordinal)) program.Command = Absolute(folder, command);
        }

        return config;
    }

    private static string[] FromEnvironment() => Environment.GetEnvironmentVariable("KUBECONFIG")?.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries) ?? [];

    [UnconditionalSuppressMessage("AOT", "IL3050", Justification = "Its model has lists and dictionaries of classes and strings only, whose code is always there; Trimming.xml keeps the classes.")]
    private static K8SConfiguration Parse(string path)
    {
        try
        {
            using var reader = File.OpenText(path);
            var deserializer = new DeserializerBuilder().IgnoreUnmatchedProperties().Build();
            // An empty file is a kubeconfig with nothing in it.
            return deserializer.Deserialize<K8SConfiguration?>(reader) ?? new K8SConfiguration();
        }
        catch (YamlException e)
        {
            // The exception's own text can quote the file.
            throw new KubeConfigException($"{path} is no kubeconfig: see its line {e.Start.Line}.");
        }
    }

    private static string? Absolute(string folder, string? path) => string.IsNullOrEmpty(path) ? path : Path.Combine(folder, path);
}
