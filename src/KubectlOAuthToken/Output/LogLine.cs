using System.Text.Json;
using KubeRuntime;
using TokenOperator.Core.Text;

namespace KubectlOAuthToken.Output;

/// <summary>A line of the operator's log as the kubelet returns it: a time (RFC 3339), a space, and what the operator wrote.</summary>
/// <param name="Time">The time. Its text sorts chronologically.</param>
/// <param name="Text">The level and the message of a JSON line; otherwise the line.</param>
internal sealed record LogLine(string Time, string Text)
{
    private const int MaxLength = 4000;
    private JsonElement? _json;
    private string _line = "";

    /// <summary>Parses a line. Returns null for a line without a time.</summary>
    public static LogLine? Read(string line)
    {
        var space = line.IndexOf(' ', StringComparison.Ordinal);
        if (space <= 0)
            return null;
        var (time, rest) = (line[..space], line[(space + 1)..]);
        try
        {
            var json = JsonDocument.Parse(rest).RootElement;
            if (json.ValueKind == JsonValueKind.Object)
                return new LogLine(time, DisplayText.Of($"{Field(json, "LogLevel")}: {Field(json, "Message")}", MaxLength)) { _json = json, _line = rest };
        }
        catch (JsonException)
        {
            // The line is in the plain format, or the .NET runtime wrote it.
        }

        return new LogLine(time, DisplayText.Of(rest, MaxLength)) { _line = rest };
    }

    /// <summary>Whether the line names the object: in the fields namespace and name of its state or a scope, or as <c>namespace/name</c>.</summary>
    public bool IsAbout(NamespacedName token) => (_json is { } json && Names(json, token)) || Mentions(_json is null ? _line : Text, token.ToString());

    private static bool Names(JsonElement element, NamespacedName token) => element.ValueKind switch
    {
        JsonValueKind.Object => (Field(element, "Namespace") == token.Namespace && Field(element, "Name") == token.Name)
            || element.EnumerateObject().Any(field => Names(field.Value, token)),
        JsonValueKind.Array => element.EnumerateArray().Any(item => Names(item, token)),
        JsonValueKind.String => element.GetString() == token.ToString(),
        _ => false,
    };

    /// <summary>Finds <paramref name="name"/> as a whole word: a line with <c>mail/marcus-2</c> does not mention <c>mail/marcus</c>.</summary>
    private static bool Mentions(string text, string name)
    {
        for (var at = text.IndexOf(name, StringComparison.Ordinal); at >= 0; at = text.IndexOf(name, at + 1, StringComparison.Ordinal))
        {
            var end = at + name.Length;
            var continues = end < text.Length && (IsNamePart(text[end]) || (text[end] == '.' && end + 1 < text.Length && IsNamePart(text[end + 1])));
            if ((at == 0 || !IsNamePart(text[at - 1])) && !continues)
                return true;
        }

        return false;
    }

    private static bool IsNamePart(char c) => char.IsAsciiLetterOrDigit(c) || c == '-';

    private static string? Field(JsonElement json, string name)
    {
        foreach (var field in json.EnumerateObject())
        {
            if (string.Equals(field.Name, name, StringComparison.OrdinalIgnoreCase) && field.Value.ValueKind == JsonValueKind.String)
                return field.Value.GetString();
        }

        return null;
    }
}
