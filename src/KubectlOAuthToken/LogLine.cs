using System.Text.Json;
using KubeRuntime;
using TokenOperator.Core.Text;

namespace KubectlOAuthToken;

/// <summary>A line of the operator's log, as the kubelet gives it: a moment (RFC 3339), a space, and what was written.</summary>
/// <param name="Time">The moment; as text it sorts as time passes.</param>
/// <param name="Text">Level and message, if it is JSON; else the line.</param>
internal sealed record LogLine(string Time, string Text)
{
    private const int Longest = 4000;
    private JsonElement? _json;

    private string _line = "";

    /// <summary>Reads it; null for a line without a moment.</summary>
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
                return new LogLine(time, DisplayText.Of($"{Field(json, "LogLevel")}: {Field(json, "Message")}", Longest)) { _json = json, _line = rest };
        }
        catch (JsonException)
        {
            // The readable format, or what the runtime itself wrote.
        }

        return new LogLine(time, DisplayText.Of(rest, Longest)) { _line = rest };
    }

    /// <summary>True when it names the object: by the fields namespace and name, in its state or a scope, or as <c>namespace/name</c>.</summary>
    public bool IsAbout(NamespacedName token) => (_json is { } json && Names(json, token)) || Mentions(_json is null ? _line : Text, token.ToString());

    private static bool Names(JsonElement element, NamespacedName token) => element.ValueKind switch
    {
        JsonValueKind.Object => (Field(element, "Namespace") == token.Namespace && Field(element, "Name") == token.Name)
            || element.EnumerateObject().Any(field => Names(field.Value, token)),
        JsonValueKind.Array => element.EnumerateArray().Any(item => Names(item, token)),
        JsonValueKind.String => element.GetString() == token.ToString(),
        _ => false,
    };

    /// <summary>As a word of its own: <c>mail/marcus</c> is not about <c>mail/marcus-2</c>.</summary>
    private static bool Mentions(string text, string name)
    {
        for (var at = text.IndexOf(name, StringComparison.Ordinal); at >= 0; at = text.IndexOf(name, at + 1, StringComparison.Ordinal))
        {
            var end = at + name.Length;
            var goesOn = end < text.Length && (IsNamePart(text[end]) || (text[end] == '.' && end + 1 < text.Length && IsNamePart(text[end + 1])));
            if ((at == 0 || !IsNamePart(text[at - 1])) && !goesOn)
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
