// Documents: client files, token files and the stored document, written by others. No I/O; trusts nothing, and no message repeats content.
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace TokenOperator.Core.Documents;

/// <summary>Parses bytes as one JSON object, or reports the line and column at which they are not one.</summary>
internal static class JsonInput
{
    /// <summary>The maximum size of a client or token file, in bytes: more than any real one has.</summary>
    public const int MaxFileBytes = 64 * 1024;

    private const int MaxDepth = 16;

    /// <summary>Reads one object. It does not refer to <paramref name="content"/>.</summary>
    /// <exception cref="InvalidDocumentException">The content is not one JSON object, or is too long.</exception>
    public static JsonElement ReadObject(ReadOnlySpan<byte> content, string source, int maxBytes = MaxFileBytes)
    {
        if (content.Length > maxBytes)
            throw new InvalidDocumentException($"{source}: more than {maxBytes} bytes found: this is not a client or token file.");
        if (content.StartsWith("\uFEFF"u8))
            content = content[3..];
        RejectOtherEncodings(content, source);
        content = content.TrimEnd(" \t\r\n"u8);
        if (content.IsEmpty)
            throw new InvalidDocumentException($"{source}: it is empty, a JSON object was expected.");

        Check(content, source);
        var reader = new Utf8JsonReader(content, new JsonReaderOptions { MaxDepth = MaxDepth });
        return JsonElement.ParseValue(ref reader);
    }

    /// <inheritdoc cref="ReadObject(ReadOnlySpan{byte}, string, int)"/>
    public static JsonElement ReadObject(string content, string source, int maxBytes = MaxFileBytes) =>
        ReadObject(Encoding.UTF8.GetBytes(content), source, maxBytes);

    private static void RejectOtherEncodings(ReadOnlySpan<byte> content, string source)
    {
        // Pickle protocols 2 to 5 start with PROTO (0x80) and the protocol's number.
        if (content.Length > 1 && content[0] == 0x80 && content[1] is >= 2 and <= 5)
        {
            throw new InvalidDocumentException(
                $"{source}: this is a Python pickle, which is never read. Write the credentials with creds.to_json() and use that file.");
        }

        if (content is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..])
            throw new InvalidDocumentException($"{source}: the text is UTF-16, UTF-8 was expected. Save it as UTF-8.");
        if (!Utf8.IsValid(content))
            throw new InvalidDocumentException($"{source}: {Place(content, ValidPrefix(content))}: the bytes are not UTF-8. Save the file as UTF-8.");
    }

    // Finds what JsonDocument accepts or does not locate: duplicate fields, depth, escapes that are not text.
    private static void Check(ReadOnlySpan<byte> content, string source)
    {
        var reader = new Utf8JsonReader(content, new JsonReaderOptions { MaxDepth = 1024 });
        var names = new Stack<HashSet<string>>();
        try
        {
            while (reader.Read())
            {
                if (reader.CurrentDepth == 0)
                    RequireObject(ref reader, content, source);
                if (reader.CurrentDepth >= MaxDepth)
                    throw Fault("the objects are nested more deeply than in any client or token file", content, (int)reader.TokenStartIndex, source);
                switch (reader.TokenType)
                {
                    case JsonTokenType.StartObject:
                        names.Push(new HashSet<string>(StringComparer.Ordinal));
                        break;
                    case JsonTokenType.EndObject:
                        names.Pop();
                        break;
                    case JsonTokenType.PropertyName when !names.Peek().Add(reader.GetString()!):
                        throw Fault("this field occurs twice", content, (int)reader.TokenStartIndex, source);
                    case JsonTokenType.String when reader.ValueIsEscaped:
                        reader.GetString();
                        break;
                }
            }
        }
        catch (JsonException e)
        {
            var at = Offset(content, e.LineNumber ?? 0, e.BytePositionInLine ?? 0);
            throw at >= content.Length || IsBeginning(content)
                ? Fault("the JSON ends before it is complete: the file was cut off. Put the whole file there", content, content.Length, source)
                : Fault("this is not valid JSON", content, at, source);
        }
        catch (InvalidOperationException)
        {
            throw Fault("this escape is not text", content, (int)reader.TokenStartIndex, source);
        }
    }

    /// <summary>True when the content is the beginning of valid JSON.</summary>
    private static bool IsBeginning(ReadOnlySpan<byte> content)
    {
        var reader = new Utf8JsonReader(content, isFinalBlock: false, new JsonReaderState(new JsonReaderOptions { MaxDepth = 1024 }));
        try
        {
            while (reader.Read())
            {
            }

            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static void RequireObject(ref Utf8JsonReader reader, ReadOnlySpan<byte> content, string source)
    {
        if (reader.TokenType is not (JsonTokenType.StartObject or JsonTokenType.EndObject))
            throw Fault($"{Name(reader.TokenType)} was found, a JSON object was expected", content, (int)reader.TokenStartIndex, source);
    }

    private static string Name(JsonTokenType type) => type switch
    {
        JsonTokenType.StartArray or JsonTokenType.EndArray => "a list",
        JsonTokenType.String => "a string",
        JsonTokenType.Number => "a number",
        JsonTokenType.Null => "null",
        _ => "true or false",
    };

    private static InvalidDocumentException Fault(string what, ReadOnlySpan<byte> content, int offset, string source) =>
        new($"{source}: {Place(content, offset)}: {what}.");

    private static string Place(ReadOnlySpan<byte> content, int offset)
    {
        var before = content[..offset];
        return $"line {before.Count((byte)'\n') + 1}, column {offset - before.LastIndexOf((byte)'\n')}";
    }

    private static int Offset(ReadOnlySpan<byte> content, long line, long column)
    {
        var start = 0;
        for (; line > 0; line--)
            start += content[start..].IndexOf((byte)'\n') + 1;
        return (int)Math.Min(start + column, content.Length);
    }

    private static int ValidPrefix(ReadOnlySpan<byte> content)
    {
        var rest = content;
        while (Rune.DecodeFromUtf8(rest, out _, out var length) == System.Buffers.OperationStatus.Done)
            rest = rest[length..];
        return content.Length - rest.Length;
    }
}
