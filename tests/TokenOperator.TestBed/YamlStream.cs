using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.Serialization;

namespace TokenOperator.TestBed;

/// <summary>Objects in YAML, one per document, as kubectl and Helm print them.</summary>
public static class YamlStream
{
    /// <summary>The documents as JSON, without empty ones.</summary>
    public static IReadOnlyList<JsonObject> Parse(string yaml) => [.. ParseValues(yaml).Select(document => document.AsObject())];

    /// <summary>As <see cref="Parse"/>, for documents that need not be objects.</summary>
    public static IReadOnlyList<JsonNode> ParseValues(string yaml)
    {
        var reader = new DeserializerBuilder().WithAttemptingUnquotedStringTypeDeserialization().Build();
        var writer = new SerializerBuilder().JsonCompatible().Build();
        var parser = new Parser(new StringReader(yaml));
        parser.Consume<StreamStart>();
        var documents = new List<JsonNode>();
        while (!parser.Accept<StreamEnd>(out _))
        {
            if (reader.Deserialize<object?>(parser) is { } document)
                documents.Add(JsonNode.Parse(writer.Serialize(document))!);
        }

        return documents;
    }
}
