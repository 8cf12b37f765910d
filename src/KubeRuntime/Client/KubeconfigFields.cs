using k8s.Exceptions;
using YamlDotNet.RepresentationModel;

namespace KubeRuntime.Client;

/// <summary>
/// The fields of one object in a kubeconfig. It remembers which of them were read: the others are not honored, and kubectl would honor
/// them, so they are refused by name.
/// </summary>
/// <param name="node">The object.</param>
/// <param name="file">The file that it is in.</param>
/// <param name="owner">What it is, for messages, such as <c>its user marcus</c>.</param>
internal sealed class KubeconfigFields(YamlMappingNode node, string file, string owner)
{
    private readonly HashSet<string> _read = new(StringComparer.Ordinal);
    private readonly List<KubeconfigFields> _children = [];

    /// <summary>A text; null when it is absent, empty or null.</summary>
    public string? Text(string name) => Find(name) switch
    {
        null => null,
        YamlScalarNode { Value: var value } => string.IsNullOrEmpty(value) ? null : value,
        var other => throw Misshapen(file, other),
    };

    /// <summary>A path, which is relative to the folder of the file.</summary>
    public string? Path(string name) => Text(name) is { } path ? Absolute(path) : null;

    /// <summary><paramref name="path"/>, relative to the folder of the file.</summary>
    public string Absolute(string path) => System.IO.Path.Combine(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(file))!, path);

    /// <summary>True or false; false when it is absent.</summary>
    public bool Flag(string name) => Text(name) is { } text
        && (bool.TryParse(text, out var value) ? value : throw new KubeConfigException($"{owner} has the field {name}, which is neither true nor false"));

    /// <summary>A list of texts; empty when it is absent.</summary>
    public IReadOnlyList<string> Texts(string name) => Texts(Find(name));

    /// <summary>An object whose fields have names of the user's choice, each with a list of texts.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> TextsByName(string name) => Object(Find(name)) is { } found
        ? found.Children.ToDictionary(field => ((YamlScalarNode)field.Key).Value ?? "", field => Texts(field.Value))
        : new Dictionary<string, IReadOnlyList<string>>();

    /// <summary>An object; null when it is absent.</summary>
    public KubeconfigFields? Fields(string name) => Object(Find(name)) is { } found ? Child(found) : null;

    /// <summary>A list of objects; empty when it is absent.</summary>
    public IReadOnlyList<KubeconfigFields> List(string name) => Find(name) switch
    {
        null => [],
        YamlSequenceNode list => [.. list.Select(item => Child(Object(item) ?? throw Misshapen(file, item)))],
        var other => throw Misshapen(file, other),
    };

    /// <summary>The value of a field as it is; null when it is absent.</summary>
    public YamlNode? Node(string name) => Find(name);

    /// <summary>Refuses a field that nothing has read, here or in an object below. Call it after all that is honored was read.</summary>
    /// <exception cref="KubeConfigException">There is such a field.</exception>
    public void RefuseUnread()
    {
        // Each tool keeps notes there, and no tool needs those of another.
        _read.Add("extensions");
        if (node.Children.Keys.Select(key => ((YamlScalarNode)key).Value ?? "").FirstOrDefault(name => !_read.Contains(name)) is { } unread)
            throw new KubeConfigException($"{owner} has the field {unread}, which is not supported. Remove it, or use another context");
        foreach (var child in _children)
            child.RefuseUnread();
    }

    /// <summary>The same object under the name that messages show.</summary>
    public KubeconfigFields Named(string shown) => new(node, file, shown);

    /// <summary>A node is not what a kubeconfig has in its place. The message does not quote it.</summary>
    public static KubeConfigException Misshapen(string file, YamlNode? node) => new($"{file} is not a kubeconfig: see line {node?.Start.Line ?? 1}.");

    private KubeconfigFields Child(YamlMappingNode child)
    {
        var fields = new KubeconfigFields(child, file, owner);
        _children.Add(fields);
        return fields;
    }

    private YamlNode? Find(string name)
    {
        _read.Add(name);
        return node.Children.TryGetValue(new YamlScalarNode(name), out var found) && !IsNull(found) ? found : null;
    }

    private IReadOnlyList<string> Texts(YamlNode? found) => found switch
    {
        null => [],
        YamlSequenceNode list => [.. list.Select(item => item is YamlScalarNode { Value: { } text } ? text : throw Misshapen(file, item))],
        _ => throw Misshapen(file, found),
    };

    private YamlMappingNode? Object(YamlNode? found) => found switch
    {
        null => null,
        YamlMappingNode mapping => mapping.Children.Keys.All(key => key is YamlScalarNode) ? mapping : throw Misshapen(file, mapping),
        _ => throw Misshapen(file, found),
    };

    private static bool IsNull(YamlNode found) =>
        found is YamlScalarNode { Style: YamlDotNet.Core.ScalarStyle.Plain, Value: null or "" or "~" or "null" or "Null" or "NULL" };
}
