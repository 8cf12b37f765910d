using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace KubectlOAuthToken.Output;

/// <summary>Reads a template of <see cref="JsonPathTemplate"/>. Errors are FormatExceptions in kubectl's words.</summary>
internal sealed partial class JsonPathParser
{
    private readonly string _text;
    private int _at;

    private JsonPathParser(string text) => _text = text;

    private char Current => _at < _text.Length ? _text[_at] : '\0';

    /// <summary>The parts of a template.</summary>
    public static IReadOnlyList<JsonPathPart> Parse(string text) => new JsonPathParser(text).Body(isRange: false);

    private List<JsonPathPart> Body(bool isRange)
    {
        var parts = new List<JsonPathPart>();
        while (_at < _text.Length)
        {
            if (Current != '{')
            {
                var end = _text.IndexOf('{', _at);
                parts.Add(new([new JsonPathStep.Text(Take((end < 0 ? _text.Length : end) - _at))]));
                continue;
            }

            _at++;
            var (steps, keyword) = Expression();
            if (keyword == "end")
                return isRange ? parts : throw new FormatException("not in range, nothing to end");
            parts.Add(keyword is null ? new(steps) : new(steps, Body(isRange: true)));
        }

        return parts;
    }

    /// <summary>The steps up to the closing brace, and the keyword <c>range</c> or <c>end</c> if there is one.</summary>
    private (IReadOnlyList<JsonPathStep> Steps, string? Keyword) Expression()
    {
        var steps = new List<JsonPathStep>();
        string? keyword = null;
        while (Current != '}')
        {
            switch (Current)
            {
                case '\0' or '\r' or '\n':
                    throw new FormatException("unclosed action");
                case ' ' or '@' or '$':
                    _at++;
                    break;
                case '[' when Rest.StartsWith("[?(", StringComparison.Ordinal):
                    steps.Add(Filter());
                    break;
                case '[':
                    steps.AddRange(Index());
                    break;
                case '"' or '\'':
                    steps.Add(new JsonPathStep.Text(Quoted()));
                    break;
                case '.' when Rest.StartsWith("..", StringComparison.Ordinal):
                    if (steps is [.., JsonPathStep.Descendants])
                        throw new FormatException("invalid multiple recursive descent");
                    steps.Add(new JsonPathStep.Descendants());
                    _at++;
                    // A name may follow without a dot of its own.
                    _at += _at + 1 < _text.Length && IsNamePart(_text[_at + 1]) ? 0 : 1;
                    break;
                case '.':
                    _at++;
                    steps.Add(Name() is var name && name == "*" ? new JsonPathStep.Children() : new JsonPathStep.Field(name.Replace("\\", "", StringComparison.Ordinal)));
                    break;
                case '+' or '-' or (>= '0' and <= '9'):
                    steps.Add(new JsonPathStep.Literal(Number()));
                    break;
                case var letter when IsNamePart(letter):
                    var word = Name();
                    if (word is "true" or "false")
                        steps.Add(new JsonPathStep.Literal(JsonValue.Create(word == "true")));
                    else
                        keyword = word is "range" or "end" ? word : throw new FormatException($"unrecognized identifier {word}");
                    break;
                default:
                    throw new FormatException($"unrecognized character in action: {Current}");
            }
        }

        _at++;
        return (steps, keyword);
    }

    private ReadOnlySpan<char> Rest => _text.AsSpan(_at);

    private string Take(int length)
    {
        _at += length;
        return _text.Substring(_at - length, length);
    }

    /// <summary>Everything up to a character that ends a name. A backslash takes that meaning from the next character.</summary>
    private string Name()
    {
        var start = _at;
        while (Current is not ('\0' or ' ' or '\t' or '\r' or '\n' or '.' or ',' or '[' or ']' or '$' or '@' or '{' or '}'))
            _at += Current == '\\' ? 2 : 1;
        _at = Math.Min(_at, _text.Length);
        return _text[start.._at];
    }

    private JsonValue Number()
    {
        var start = _at++;
        while (char.IsAsciiDigit(Current) || Current == '.')
            _at++;
        var text = _text[start.._at];
        return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) ? JsonValue.Create(whole)
            : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? JsonValue.Create(number)
            : throw new FormatException($"cannot parse number {text}");
    }

    private string Quoted()
    {
        var quote = Current;
        var start = ++_at;
        for (; Current != quote || _text[_at - 1] == '\\'; _at++)
        {
            if (Current is '\0' or '\n')
                throw new FormatException("unterminated quoted string");
        }

        return Unescaped(_text[start.._at++]);
    }

    /// <summary>The escapes of a string in Go that someone needs in a template.</summary>
    private static string Unescaped(string text)
    {
        var result = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '\\')
            {
                result.Append(text[i]);
                continue;
            }

            var next = ++i < text.Length ? text[i] : '\0';
            if (next == 'u' && i + 4 < text.Length && ushort.TryParse(text.AsSpan(i + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code))
            {
                result.Append((char)code);
                i += 4;
                continue;
            }

            result.Append(next switch
            {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                '\\' or '"' or '\'' => next,
                _ => throw new FormatException($"unquote string {text} error invalid syntax"),
            });
        }

        return result.ToString();
    }

    private IReadOnlyList<JsonPathStep> Index()
    {
        var end = _text.IndexOfAny([']', '\n'], _at);
        if (end < 0 || _text[end] != ']')
            throw new FormatException("unterminated array");
        var text = _text[(_at + 1)..end];
        _at = end + 1;
        return Index(text);
    }

    private static IReadOnlyList<JsonPathStep> Index(string text)
    {
        if (text.Contains(',', StringComparison.Ordinal))
            return [new JsonPathStep.Union([.. text.Split(',').Select(part => Index(part.Trim(' ')))])];
        if (Key().Match(text) is { Success: true, Groups: [_, var key] })
            return Steps($".{key.Value}");
        if (SliceText().Match(text == "*" ? ":" : text) is not { Success: true, Groups: [_, var start, var end, var step] })
            throw new FormatException($"invalid array index {text}");
        return [new JsonPathStep.Slice(Whole(start.Value), Whole(end.Value.TrimStart(':')), Whole(step.Value.TrimStart(':')), IsIndex: end.Length == 0)];
    }

    private static int? Whole(string text) => text.Length == 0 ? null
        : int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number
        : throw new FormatException($"array index {text} is not a number");

    private JsonPathStep.Filter Filter()
    {
        var start = _at += "[?(".Length;
        char? quote = null;
        for (; Current != ')' || quote is not null; _at++)
        {
            if (Current is '\0' or '\n')
                throw new FormatException("unterminated filter");
            if (Current is '"' or '\'' && _text[_at - 1] != '\\' && (quote is null || quote == Current))
                quote = quote is null ? Current : null;
        }

        var text = _text[start.._at++];
        if (Current != ']')
            throw new FormatException("unclosed array expect ]");
        _at++;
        return Comparison().Match(text) is { Success: true, Groups: [_, var left, var operation, var right] }
            ? new JsonPathStep.Filter(Steps(left.Value), operation.Value, Steps(right.Value))
            : new JsonPathStep.Filter(Steps(text), null, []);
    }

    /// <summary>The steps of an expression inside of another one.</summary>
    private static IReadOnlyList<JsonPathStep> Steps(string text)
    {
        var parser = new JsonPathParser($"{text}}}");
        var (steps, keyword) = parser.Expression();
        return keyword is null && parser._at == parser._text.Length ? steps : throw new FormatException($"unrecognized expression {text}");
    }

    private static bool IsNamePart(char c) => c == '_' || char.IsLetterOrDigit(c);

    [GeneratedRegex(@"\A'([^']*)'\z", RegexOptions.CultureInvariant)]
    private static partial Regex Key();

    [GeneratedRegex(@"\A(-?[0-9]*)(:-?[0-9]*)?(:-?[0-9]*)?\z", RegexOptions.CultureInvariant)]
    private static partial Regex SliceText();

    [GeneratedRegex(@"\A([^!<>=]+)([!<>=]+)(.+?)\z", RegexOptions.CultureInvariant)]
    private static partial Regex Comparison();
}
