using System.Text.Json;
using System.Text.Json.Serialization;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Tokens;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace KubectlOAuthToken.Output;

/// <summary>Renders statuses in the format of the option <c>-o</c>.</summary>
internal static partial class StatusPage
{
    /// <summary>The values of <c>-o</c>.</summary>
    public static readonly string[] Formats = ["table", "wide", "json", "yaml"];

    private static readonly StatusJson Indented = new(new JsonSerializerOptions(StatusJson.Default.Options)
    {
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    private static readonly StatusJson OneLine = new(new JsonSerializerOptions(Indented.Options) { WriteIndented = false });

    /// <summary>The whole output, without a final line break.</summary>
    public static string Render(string format, IReadOnlyList<TokenStatus> items, bool withNamespace, AnsiStyle style, DateTimeOffset now) => format switch
    {
        "json" => JsonSerializer.Serialize(new TokenStatusList(items), Indented.TokenStatusList),
        "yaml" => Yaml(items),
        _ => string.Join('\n', Page(items, withNamespace, format == "wide", style, now)),
    };

    /// <summary>Like <see cref="Render"/>, in a form that can follow earlier output: JSON on one line, YAML as a separate document, a table without its header.</summary>
    public static string RenderNext(string format, IReadOnlyList<TokenStatus> items, bool withNamespace, AnsiStyle style, DateTimeOffset now) => format switch
    {
        "json" => JsonSerializer.Serialize(new TokenStatusList(items), OneLine.TokenStatusList),
        "yaml" => $"---\n{Yaml(items)}",
        _ => string.Join('\n', Page(items, withNamespace, format == "wide", style, now).Skip(1)),
    };

    private static IEnumerable<string> Page(IReadOnlyList<TokenStatus> items, bool withNamespace, bool wide, AnsiStyle style, DateTimeOffset now) =>
        [.. Rows(items, withNamespace, wide, style, now), .. items.Where(item => item.Health != Health.Ok).SelectMany(item => Problem(item, style))];

    private static IEnumerable<string> Rows(IReadOnlyList<TokenStatus> items, bool withNamespace, bool wide, AnsiStyle style, DateTimeOffset now)
    {
        var columns = new List<(string Title, Func<TokenStatus, string> Cell)>
        {
            ("NAME", item => item.Name),
            ("READY", item => item.Ready ? "True" : "False"),
            ("STATUS", item => item.Reason),
            ("EXPIRES", item => Ago(item.ExpiresAt, now)),
            ("NEXT REFRESH", item => Ago(item.NextRefreshTime, now)),
        };
        if (withNamespace)
            columns.Insert(0, ("NAMESPACE", item => item.Namespace));
        if (wide)
        {
            columns.AddRange(
            [
                ("PROVIDER", item => item.Provider),
                ("ACCOUNT", item => item.Account),
                ("SECRET", item => item.SecretName),
                ("LAST REFRESH", item => Ago(item.LastRefreshTime, now)),
                ("FAILURES", item => $"{item.Failures}"),
                ("PERSISTED", item => item.Persisted ? "True" : "False"),
            ]);
        }

        var rows = items.Select(item => columns.Select(column => column.Cell(item)).ToArray()).Prepend([.. columns.Select(column => column.Title)]).ToList();
        return Table.Lines(rows, (row, column, cell) => row == 0 ? style.Bold(cell)
            : columns[column].Title is "READY" or "STATUS" ? style.Tone(items[row - 1].Health, cell)
            : cell);
    }

    private static IEnumerable<string> Problem(TokenStatus item, AnsiStyle style)
    {
        yield return "";
        yield return style.Tone(item.Health, $"{item.Namespace}/{item.Name}: {item.Reason}");
        yield return $"  {item.Message}";
        if (item.NextStep is { } step)
            yield return $"  Next: {style.Bold(step)}";
    }

    /// <summary>A time relative to <paramref name="now"/>, such as <c>in 42m</c> or <c>3h ago</c>; <c>-</c> if there is none.</summary>
    internal static string Ago(string? time, DateTimeOffset now)
    {
        if (Timestamps.Parse(time) is not { } at)
            return "-";
        var span = (at - now).Duration();
        var text = span switch
        {
            { TotalMinutes: < 1 } => $"{(int)span.TotalSeconds}s",
            { TotalMinutes: < 120 } => $"{(int)span.TotalMinutes}m",
            { TotalHours: < 48 } => $"{(int)span.TotalHours}h",
            _ => $"{(int)span.TotalDays}d",
        };
        return at >= now ? $"in {text}" : $"{text} ago";
    }

    // Converted from the JSON, so that both have the same fields.
    private static string Yaml(IReadOnlyList<TokenStatus> items)
    {
        var document = new YamlDocument(Node(JsonSerializer.SerializeToElement(new TokenStatusList(items), Indented.TokenStatusList)));
        using var text = new StringWriter();
        new YamlStream(document).Save(text, assignAnchors: false);
        // Remove the document end marker.
        return text.ToString().TrimEnd('.', '\r', '\n');
    }

    private static YamlNode Node(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => new YamlMappingNode(element.EnumerateObject().Select(field => KeyValuePair.Create<YamlNode, YamlNode>(field.Name, Node(field.Value)))),
        JsonValueKind.Array => new YamlSequenceNode(element.EnumerateArray().Select(Node)),
        // In quotation marks: YAML 1.1 parsers do not read an unquoted time, number or "yes" as text.
        JsonValueKind.String => new YamlScalarNode(element.GetString()) { Style = ScalarStyle.DoubleQuoted },
        _ => new YamlScalarNode(element.GetRawText()),
    };

    [JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, UseStringEnumConverter = true)]
    [JsonSerializable(typeof(TokenStatusList))]
    private sealed partial class StatusJson : JsonSerializerContext;
}
