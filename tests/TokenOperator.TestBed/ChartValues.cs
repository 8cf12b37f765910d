using System.Text.RegularExpressions;
using YamlDotNet.RepresentationModel;

namespace TokenOperator.TestBed;

/// <summary>A value of the chart as charts/token-operator/values.yaml declares it.</summary>
/// <param name="Path">Such as <c>image.tag</c>.</param>
/// <param name="Default">The default as YAML in one line; empty for several lines.</param>
/// <param name="Description">The comment above the value.</param>
public sealed partial record ChartValue(string Path, string Default, string Description)
{
    /// <summary>Reads all values. A value has a comment above it; a key without one contains values.</summary>
    public static IReadOnlyList<ChartValue> ReadAll() => Parse(File.ReadAllText(Repository.File("charts/token-operator/values.yaml")));

    /// <summary>As <see cref="ReadAll"/>, for a values.yaml of another version of the chart.</summary>
    public static IReadOnlyList<ChartValue> Parse(string text)
    {
        var yaml = new YamlDotNet.RepresentationModel.YamlStream();
        yaml.Load(new StringReader(text));
        var values = new List<ChartValue>();
        Add("", (YamlMappingNode)yaml.Documents[0].RootNode, text.Split('\n'), values);
        return values;
    }

    private static void Add(string prefix, YamlMappingNode map, string[] lines, List<ChartValue> values)
    {
        foreach (var (key, node) in map.Children)
        {
            var line = (int)key.Start.Line - 1;
            var comment = lines[..line].Reverse().TakeWhile(text => Comment().IsMatch(text)).Reverse().Select(text => Comment().Match(text).Groups[1].Value);
            var (path, description) = (prefix + key, string.Join(' ', comment));
            if (description.Length == 0 && node is YamlMappingNode { Children.Count: > 0 } inner)
                Add(path + ".", inner, lines, values);
            else
                values.Add(new ChartValue(path, node.Start.Line == key.Start.Line ? lines[line][(lines[line].IndexOf(':', StringComparison.Ordinal) + 1)..].Trim() : "", description));
        }
    }

    [GeneratedRegex("^ *# (.+)$")]
    private static partial Regex Comment();
}
