using System.Globalization;
using System.Text.Json.Nodes;
using TokenOperator.Core.Text;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace TokenOperator.Providers.Documents;

/// <summary>Reads one YAML or JSON object. Anchors, aliases and tags are refused: a small file could become a large document.</summary>
internal static class YamlInput
{
    /// <summary>The maximum length of a file, in characters.</summary>
    public const int MaxLength = 256 * 1024;

    private const int MaxDepth = 16;

    /// <summary>The object, or null.</summary>
    /// <param name="text">The content of a file.</param>
    /// <param name="error">Why the result is null: a sentence with line and column.</param>
    public static JsonObject? Read(string text, out string? error)
    {
        error = null;
        if (text.Length > MaxLength)
        {
            error = $"The file has more than {MaxLength} characters.";
            return null;
        }

        try
        {
            var parser = new Parser(new StringReader(text));
            parser.Consume<StreamStart>();
            if (parser.Accept<StreamEnd>(out _))
                throw Wrong(Mark.Empty, "the file is empty; expected an object");
            parser.Consume<DocumentStart>();
            var start = parser.Current!.Start;
            var root = Node(parser, 0) as JsonObject ?? throw Wrong(start, "expected an object");
            parser.Consume<DocumentEnd>();
            return parser.Accept<StreamEnd>(out _) ? root : throw Wrong(parser.Current!.Start, "the file has a second document; expected one");
        }
        catch (YamlException e)
        {
            error = string.Create(CultureInfo.InvariantCulture, $"Line {e.Start.Line}, column {e.Start.Column}: {DisplayText.Of(e.Message, 200)}.");
            return null;
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException or FormatException or OverflowException)
        {
            // What the scanner of YamlDotNet throws for some text that is not YAML, such as half of a surrogate pair.
            error = "The file is not valid YAML; expected an object. Check the braces, brackets and quotation marks.";
            return null;
        }
    }

    private static JsonNode? Node(IParser parser, int depth)
    {
        if (depth > MaxDepth)
            throw Wrong(parser.Current!.Start, "the objects are nested too deeply");
        if (parser.Current is NodeEvent { Anchor.IsEmpty: false } or AnchorAlias || parser.Current is NodeEvent { Tag: { IsEmpty: false, IsNonSpecific: false } })
            throw Wrong(parser.Current.Start, "anchors, aliases and tags are not supported");
        if (parser.TryConsume<Scalar>(out var scalar))
            return Value(scalar);
        if (parser.TryConsume<SequenceStart>(out _))
        {
            var list = new JsonArray();
            while (!parser.TryConsume<SequenceEnd>(out _))
                list.Add(Node(parser, depth + 1));
            return list;
        }

        parser.Consume<MappingStart>();
        var result = new JsonObject();
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            var name = parser.Consume<Scalar>();
            var value = Node(parser, depth + 1);
            if (!result.TryAdd(name.Value, value))
                throw Wrong(name.Start, $"the field {DisplayText.Of(name.Value, 60)} occurs twice");
        }

        return result;
    }

    /// <summary>By the core schema of YAML 1.2: a word such as <c>no</c> or <c>off</c> is a text.</summary>
    private static JsonValue? Value(Scalar scalar) => scalar switch
    {
        { Style: not ScalarStyle.Plain } => JsonValue.Create(scalar.Value),
        { Value: "" or "~" or "null" } => null,
        { Value: "true" or "false" } => JsonValue.Create(scalar.Value == "true"),
        _ when long.TryParse(scalar.Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) => JsonValue.Create(whole),
        _ when double.TryParse(scalar.Value, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) => JsonValue.Create(number),
        _ => JsonValue.Create(scalar.Value),
    };

    private static YamlException Wrong(Mark place, string problem) => new(place, place, problem);
}
