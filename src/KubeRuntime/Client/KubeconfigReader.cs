using k8s;
using k8s.Exceptions;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace KubeRuntime.Client;

/// <summary>Reads kubeconfig files, and merges several files as kubectl does.</summary>
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
    /// <exception cref="KubeConfigException">One of them is not a kubeconfig, or has a field that is not supported.</exception>
    public static Kubeconfigs Read(params IReadOnlyList<string> paths)
    {
        var all = paths.Select(path => (Path: path, Root: Parse(path))).ToList();
        var merged = new Kubeconfigs
        {
            CurrentContext = all.ConvertAll(one => one.Root.Text("current-context")).Find(current => current is not null),
            Contexts = Entries(all, "contexts", "context"),
            Clusters = Entries(all, "clusters", "cluster"),
            Users = Entries(all, "users", "user"),
        };
        foreach (var (_, root) in all)
        {
            // Colors of kubectl, and what the file is.
            foreach (var name in new[] { "apiVersion", "kind", "preferences" })
                root.Node(name);
            root.RefuseUnread();
        }

        return merged;
    }

    private static string[] FromEnvironment() => Environment.GetEnvironmentVariable("KUBECONFIG")?.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries) ?? [];

    /// <summary>The entries by their name. Their own fields are read, and refused, when a context uses them.</summary>
    private static Dictionary<string, KubeconfigFields?> Entries(IEnumerable<(string Path, KubeconfigFields Root)> files, string list, string part)
    {
        var entries = new Dictionary<string, KubeconfigFields?>(StringComparer.Ordinal);
        foreach (var (path, root) in files)
        {
            foreach (var entry in root.Node(list) switch
            {
                null => [],
                YamlSequenceNode items => items.Select(item => item as YamlMappingNode ?? throw KubeconfigFields.Misshapen(path, item)),
                var other => throw KubeconfigFields.Misshapen(path, other),
            })
            {
                var fields = new KubeconfigFields(entry, path, $"its {part}");
                if (fields.Text("name") is { } name)
                    entries.TryAdd(name, fields.Fields(part)?.Named($"its {part} {name}"));
            }
        }

        return entries;
    }

    private static KubeconfigFields Parse(string path)
    {
        var yaml = new YamlStream();
        try
        {
            using var reader = new StreamReader(path);
            yaml.Load(reader);
        }
        catch (YamlException e)
        {
            // The exception's own text can quote the file.
            throw new KubeConfigException($"{path} is not a kubeconfig: see line {e.Start.Line}.");
        }

        // An empty file is an empty kubeconfig.
        return (yaml.Documents.Count == 0 ? new YamlMappingNode() : yaml.Documents[0].RootNode) switch
        {
            YamlMappingNode root when root.Children.Keys.All(key => key is YamlScalarNode) => new KubeconfigFields(root, path, "it"),
            YamlScalarNode { Value: null or "" } => new KubeconfigFields(new YamlMappingNode(), path, "it"),
            var other => throw KubeconfigFields.Misshapen(path, other),
        };
    }
}

/// <summary>One kubeconfig, or several that were merged.</summary>
public sealed class Kubeconfigs
{
    /// <summary>The name of the context that is used unless another is chosen; null for none.</summary>
    public string? CurrentContext { get; init; }

    /// <summary>The names of the contexts.</summary>
    public IReadOnlyCollection<string> ContextNames => Contexts.Keys;

    /// <summary>The names of the clusters.</summary>
    public IReadOnlyCollection<string> ClusterNames => Clusters.Keys;

    /// <summary>The names of the users.</summary>
    public IReadOnlyCollection<string> UserNames => Users.Keys;

    internal Dictionary<string, KubeconfigFields?> Contexts { get; init; } = [];

    internal Dictionary<string, KubeconfigFields?> Clusters { get; init; } = [];

    internal Dictionary<string, KubeconfigFields?> Users { get; init; } = [];
}
