using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using TokenOperator.Api;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Tokens;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace KubectlOAuthToken.Output;

/// <summary>Renders statuses in the format of the option <c>-o</c>.</summary>
/// <param name="format">The format.</param>
/// <param name="isOne">True for one object that was named: its document is not a list.</param>
/// <param name="withNamespace">Whether a table has a column with the namespace.</param>
/// <param name="style">The colors.</param>
internal sealed partial class StatusPage(OutputFormat format, bool isOne, bool withNamespace, AnsiStyle style)
{
    private const string ResourceName = "oauthtoken." + V1Beta1OAuthToken.GroupName;

    private static readonly StatusJson Indented = new(new JsonSerializerOptions(StatusJson.Default.Options)
    {
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    private static readonly StatusJson OneLine = new(new JsonSerializerOptions(Indented.Options) { WriteIndented = false });

    /// <summary>The whole output.</summary>
    public string Render(IReadOnlyList<TokenStatus> items, DateTimeOffset now) => format.Name switch
    {
        "name" => Names(items),
        "json" => Json(items, Indented) + "\n",
        "yaml" => Yaml(Element(items)),
        "jsonpath" => Template(Element(items)),
        _ => Lines(Page(items, now)),
    };

    /// <summary>Like <see cref="Render"/>, in a form that can follow earlier output: each object as a separate document (JSON on one line), a table without its header.</summary>
    public string RenderNext(IReadOnlyList<TokenStatus> items, DateTimeOffset now) => format.Name switch
    {
        "name" => Names(items),
        "json" => Lines(items.Select(item => JsonSerializer.Serialize(item, OneLine.TokenStatus))),
        "yaml" => string.Concat(items.Select(item => $"---\n{Yaml(JsonSerializer.SerializeToElement(item, Indented.TokenStatus))}")),
        "jsonpath" => string.Concat(items.Select(item => Template(JsonSerializer.SerializeToElement(item, Indented.TokenStatus)))),
        _ => Lines(Page(items, now).Skip(1)),
    };

    private static string Lines(IEnumerable<string> lines) => string.Concat(lines.Select(line => line + "\n"));

    private static string Names(IReadOnlyList<TokenStatus> items) => Lines(items.Select(item => $"{ResourceName}/{item.Name}"));

    private string Json(IReadOnlyList<TokenStatus> items, StatusJson json) =>
        isOne ? JsonSerializer.Serialize(items[0], json.TokenStatus) : JsonSerializer.Serialize(new TokenStatusList(items), json.TokenStatusList);

    private JsonElement Element(IReadOnlyList<TokenStatus> items) =>
        isOne ? JsonSerializer.SerializeToElement(items[0], Indented.TokenStatus) : JsonSerializer.SerializeToElement(new TokenStatusList(items), Indented.TokenStatusList);

    private string Template(JsonElement document) => format.Template!.Evaluate(JsonObject.Create(document));

    private IEnumerable<string> Page(IReadOnlyList<TokenStatus> items, DateTimeOffset now) =>
        [.. Rows(items, now), .. items.Where(item => item.Health != Health.Ok).SelectMany(Problem)];

    private IEnumerable<string> Rows(IReadOnlyList<TokenStatus> items, DateTimeOffset now)
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
        if (format.Name == "wide")
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

    private IEnumerable<string> Problem(TokenStatus item)
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
    private static string Yaml(JsonElement json)
    {
        var document = new YamlDocument(Node(json));
        using var text = new StringWriter();
        new YamlStream(document).Save(text, assignAnchors: false);
        // Without the document end marker.
        return text.ToString().TrimEnd('.', '\r', '\n') + "\n";
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
    [JsonSerializable(typeof(TokenStatus))]
    [JsonSerializable(typeof(TokenStatusList))]
    private sealed partial class StatusJson : JsonSerializerContext;
}
