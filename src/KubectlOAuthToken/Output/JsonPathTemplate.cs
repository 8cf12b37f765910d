using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using TokenOperator.Core.Cli;

namespace KubectlOAuthToken.Output;

/// <summary>
/// A template of kubectl's <c>-o jsonpath=</c>: text, and expressions in braces (Kubernetes documentation, "JSONPath Support"). No library has
/// this dialect: RFC 9535 has neither <c>range</c> nor text, and quotes names differently.
/// </summary>
internal sealed class JsonPathTemplate
{
    private static readonly JsonSerializerOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private readonly string _text;
    private readonly IReadOnlyList<JsonPathPart> _parts;

    private JsonPathTemplate(string text, IReadOnlyList<JsonPathPart> parts) => (_text, _parts) = (text, parts);

    /// <summary>Reads a template.</summary>
    /// <exception cref="PluginException">It is not a template.</exception>
    public static JsonPathTemplate Parse(string text)
    {
        try
        {
            return new JsonPathTemplate(text, JsonPathParser.Parse(text));
        }
        catch (FormatException e)
        {
            throw new PluginException($"The jsonpath template {text} is not valid: {e.Message}.", ExitCodes.BadInput);
        }
    }

    /// <summary>The text for <paramref name="root"/>. A field that does not exist has none.</summary>
    /// <exception cref="PluginException">The template does not fit: it looks for an item outside of a list, or in something that is not a list.</exception>
    public string Evaluate(JsonNode? root)
    {
        var output = new StringBuilder();
        try
        {
            Write(_parts, root, output);
        }
        catch (FormatException e)
        {
            throw new PluginException($"The jsonpath template {_text} does not fit the output: {e.Message}. To see the output, use -o json.", ExitCodes.BadInput);
        }

        return output.ToString();
    }

    private static void Write(IReadOnlyList<JsonPathPart> parts, JsonNode? current, StringBuilder output)
    {
        foreach (var part in parts)
        {
            var results = Walk([current], part.Steps);
            if (part.Body is null)
                output.AppendJoin(' ', results.Select(Shown));
            else
                results.ForEach(result => Write(part.Body, result, output));
        }
    }

    private static List<JsonNode?> Walk(List<JsonNode?> values, IReadOnlyList<JsonPathStep> steps) => steps.Aggregate(values, Walk);

    private static List<JsonNode?> Walk(List<JsonNode?> values, JsonPathStep step) => step switch
    {
        JsonPathStep.Text text => [JsonValue.Create(text.Value)],
        JsonPathStep.Literal literal => values.ConvertAll(JsonNode? (_) => literal.Value),
        JsonPathStep.Field field => [.. values.OfType<JsonObject>().Where(value => value.ContainsKey(field.Name)).Select(value => value[field.Name])],
        JsonPathStep.Children => [.. values.SelectMany(Children)],
        JsonPathStep.Descendants => [.. values.SelectMany(Descendants)],
        JsonPathStep.Union union => [.. union.Paths.SelectMany(path => Walk(values, path))],
        JsonPathStep.Slice slice => [.. Arrays(values).SelectMany(value => Slice(value, slice))],
        JsonPathStep.Filter filter => [.. Arrays(values).SelectMany(value => value.Where(item => Passes(item, filter)))],
        _ => throw new InvalidOperationException($"unknown step {step}"),
    };

    private static IEnumerable<JsonNode?> Children(JsonNode? value) => value switch
    {
        JsonObject fields => fields.Select(field => field.Value),
        JsonArray items => items,
        _ => [],
    };

    private static IEnumerable<JsonNode?> Descendants(JsonNode? value) =>
        value is JsonObject { Count: > 0 } or JsonArray { Count: > 0 } ? Children(value).SelectMany(Descendants).Prepend(value) : [];

    private static IEnumerable<JsonArray> Arrays(IEnumerable<JsonNode?> values) =>
        values.OfType<JsonNode>().Select(value => value as JsonArray ?? throw new FormatException($"{Shown(value)} is not a list"));

    private static IEnumerable<JsonNode?> Slice(JsonArray items, JsonPathStep.Slice slice)
    {
        var count = items.Count;
        var start = slice.Start < 0 ? slice.Start.Value + count : slice.Start ?? 0;
        // One index, such as [-1], is a slice up to the next one.
        var end = slice.IsIndex ? start + 1 : slice.End < 0 ? slice.End.Value + count : slice.End ?? count;
        if (start == end)
            return [];
        if (start < 0 || start >= count || end < 0 || end > count)
            throw new FormatException($"array index out of bounds: index {(start < 0 || start >= count ? start : end - 1)}, length {count}");
        if (start > end)
            throw new FormatException($"starting index {start} is greater than ending index {end}");
        var step = slice.Step ?? 1;
        if (step <= 0)
            throw new FormatException("step must be > 0");
        return items.Take(start..end).Where((_, index) => index % step == 0);
    }

    private static bool Passes(JsonNode? item, JsonPathStep.Filter filter)
    {
        var left = Walk([item], filter.Left);
        if (filter.Operator is null)
            return left.Count > 0;
        if (left.Count == 0 || Walk([item], filter.Right) is not { Count: > 0 } right)
            return false;
        if (left.Count > 1 || right.Count > 1)
            throw new FormatException("can only compare one element at a time");
        var order = Compare(left[0], right[0], filter.Operator);
        return filter.Operator switch
        {
            "==" => order == 0,
            "!=" => order != 0,
            "<" => order < 0,
            "<=" => order <= 0,
            ">" => order > 0,
            ">=" => order >= 0,
            _ => throw new FormatException($"unrecognized filter operator {filter.Operator}"),
        };
    }

    private static int Compare(JsonNode? left, JsonNode? right, string operation) => (left?.GetValueKind(), right?.GetValueKind()) switch
    {
        (JsonValueKind.String, JsonValueKind.String) => string.CompareOrdinal(left!.GetValue<string>(), right!.GetValue<string>()),
        (JsonValueKind.Number, JsonValueKind.Number) => Number(left!).CompareTo(Number(right!)),
        (JsonValueKind.True or JsonValueKind.False, JsonValueKind.True or JsonValueKind.False) when operation is "==" or "!=" => left!.GetValue<bool>().CompareTo(right!.GetValue<bool>()),
        _ => throw new FormatException("incompatible types for comparison"),
    };

    private static double Number(JsonNode value) => double.Parse(value.ToJsonString(), CultureInfo.InvariantCulture);

    private static string Shown(JsonNode? value) => value switch
    {
        null => "null",
        JsonValue text when text.GetValueKind() == JsonValueKind.String => text.GetValue<string>(),
        JsonValue other => other.ToJsonString(),
        // As Go writes JSON: sorted, and safe in HTML. These characters occur only in strings.
        _ => Sorted(value)!.ToJsonString(Compact)
            .Replace("<", "\\u003c", StringComparison.Ordinal).Replace(">", "\\u003e", StringComparison.Ordinal).Replace("&", "\\u0026", StringComparison.Ordinal),
    };

    private static JsonNode? Sorted(JsonNode? value) => value switch
    {
        JsonObject fields => new JsonObject(fields.OrderBy(field => field.Key, StringComparer.Ordinal).Select(field => KeyValuePair.Create(field.Key, Sorted(field.Value)))),
        JsonArray items => new JsonArray([.. items.Select(Sorted)]),
        _ => value?.DeepClone(),
    };
}

/// <summary>A part of a template: text, an expression, or a range with what is repeated for each of its values.</summary>
/// <param name="Steps">What is done to the current value, one after the other.</param>
/// <param name="Body">The parts between <c>range</c> and <c>end</c>; null for no range.</param>
internal sealed record JsonPathPart(IReadOnlyList<JsonPathStep> Steps, IReadOnlyList<JsonPathPart>? Body = null);

/// <summary>A step of an expression: it turns values into other values.</summary>
internal abstract record JsonPathStep
{
    private JsonPathStep()
    {
    }

    /// <summary>A text, once, whatever the values are.</summary>
    public sealed record Text(string Value) : JsonPathStep;

    /// <summary>A number or a truth value in place of each value.</summary>
    public sealed record Literal(JsonValue Value) : JsonPathStep;

    /// <summary><c>.name</c> or <c>['name']</c>.</summary>
    public sealed record Field(string Name) : JsonPathStep;

    /// <summary><c>.*</c>.</summary>
    public sealed record Children : JsonPathStep;

    /// <summary><c>..</c>: each value, and every object and list below it.</summary>
    public sealed record Descendants : JsonPathStep;

    /// <summary><c>[index]</c>, <c>[*]</c> or <c>[start:end:step]</c>. A negative number counts from the end.</summary>
    public sealed record Slice(int? Start, int? End, int? Step, bool IsIndex) : JsonPathStep;

    /// <summary><c>[a,b]</c>.</summary>
    public sealed record Union(IReadOnlyList<IReadOnlyList<JsonPathStep>> Paths) : JsonPathStep;

    /// <summary><c>[?(left operator right)]</c>, or <c>[?(left)]</c> for items in which something exists: then the operator is null.</summary>
    public sealed record Filter(IReadOnlyList<JsonPathStep> Left, string? Operator, IReadOnlyList<JsonPathStep> Right) : JsonPathStep;
}
