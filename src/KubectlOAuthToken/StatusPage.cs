// Statuses as text. Pure.
using System.Text.Json;
using System.Text.Json.Serialization;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Tokens;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace KubectlOAuthToken;

/// <summary>Renders statuses as the option <c>-o</c> asks for.</summary>
internal static partial class StatusPage
{
    /// <summary>What <c>-o</c> accepts.</summary>
    public static readonly string[] Formats = ["table", "wide", "json", "yaml"];

    private static readonly StatusJson Indented = new(new JsonSerializerOptions(StatusJson.Default.Options)
    {
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    private static readonly StatusJson OneLine = new(new JsonSerializerOptions(Indented.Options) { WriteIndented = false });

    /// <summary>The whole page, without a final line break.</summary>
    public static string Render(string format, IReadOnlyList<TokenStatus> items, bool withNamespace, AnsiStyle paint, DateTimeOffset now) => format switch
    {
        "json" => JsonSerializer.Serialize(new TokenStatusList(items), Indented.TokenStatusList),
        "yaml" => Yaml(items),
        _ => string.Join('\n', Page(items, withNamespace, format == "wide", paint, now)),
    };

    /// <summary>As <see cref="Render"/>, in a form that can follow another: JSON on one line, YAML as a document of its own, a table without its header.</summary>
    public static string RenderNext(string format, IReadOnlyList<TokenStatus> items, bool withNamespace, AnsiStyle paint, DateTimeOffset now) => format switch
    {
        "json" => JsonSerializer.Serialize(new TokenStatusList(items), OneLine.TokenStatusList),
        "yaml" => $"---\n{Yaml(items)}",
        _ => string.Join('\n', Page(items, withNamespace, format == "wide", paint, now).Skip(1)),
    };

    private static IEnumerable<string> Page(IReadOnlyList<TokenStatus> items, bool withNamespace, bool wide, AnsiStyle paint, DateTimeOffset now) =>
        [.. Rows(items, withNamespace, wide, paint, now), .. items.Where(item => item.Health != Health.Ok).SelectMany(item => Trouble(item, paint))];

    private static IEnumerable<string> Rows(IReadOnlyList<TokenStatus> items, bool withNamespace, bool wide, AnsiStyle paint, DateTimeOffset now)
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
        return Table.Lines(rows, (row, column, cell) => row == 0 ? paint.Bold(cell)
            : columns[column].Title is "READY" or "STATUS" ? paint.Tone(items[row - 1].Health, cell)
            : cell);
    }

    private static IEnumerable<string> Trouble(TokenStatus item, AnsiStyle paint)
    {
        yield return "";
        yield return paint.Tone(item.Health, $"{item.Namespace}/{item.Name}: {item.Reason}");
        yield return $"  {item.Message}";
        if (item.NextStep is { } step)
            yield return $"  Next: {paint.Bold(step)}";
    }

    /// <summary>A moment as a person counts: <c>in 42m</c>, <c>3h ago</c>.</summary>
    internal static string Ago(string? moment, DateTimeOffset now)
    {
        if (Timestamps.Parse(moment) is not { } at)
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

    // From the JSON, so that the two have the same fields.
    private static string Yaml(IReadOnlyList<TokenStatus> items)
    {
        var document = new YamlDocument(Node(JsonSerializer.SerializeToElement(new TokenStatusList(items), Indented.TokenStatusList)));
        using var text = new StringWriter();
        new YamlStream(document).Save(text, assignAnchors: false);
        // Without the mark of the document's end.
        return text.ToString().TrimEnd('.', '\r', '\n');
    }

    private static YamlNode Node(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => new YamlMappingNode(element.EnumerateObject().Select(field => KeyValuePair.Create<YamlNode, YamlNode>(field.Name, Node(field.Value)))),
        JsonValueKind.Array => new YamlSequenceNode(element.EnumerateArray().Select(Node)),
        // In quotes: what looks like a moment, a number or a yes is no text to readers of YAML 1.1.
        JsonValueKind.String => new YamlScalarNode(element.GetString()) { Style = ScalarStyle.DoubleQuoted },
        _ => new YamlScalarNode(element.GetRawText()),
    };

    [JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, UseStringEnumConverter = true)]
    [JsonSerializable(typeof(TokenStatusList))]
    private sealed partial class StatusJson : JsonSerializerContext;
}
