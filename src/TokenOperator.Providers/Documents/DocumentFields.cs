using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers.Documents;

/// <summary>
/// The fields of one object of a document. It records each error with the path of the field, and remembers which fields were read, so that
/// the others are reported as unknown. A field that is not valid is read as absent.
/// </summary>
/// <param name="json">The object.</param>
/// <param name="path">The prefix of its fields in messages: empty, or with a dot at its end.</param>
/// <param name="errors">Where errors are recorded.</param>
internal sealed class DocumentFields(JsonObject json, string path, ICollection<string> errors)
{
    private const int MaxShown = 60;
    private const int MaxTextLength = 1024;
    private const int MaxItems = 200;

    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private readonly List<DocumentFields> _children = [];

    /// <summary>The paths of all fields that were read or looked for, here or in an object below.</summary>
    public IEnumerable<string> Known => _known.Select(name => path + name).Concat(_children.SelectMany(child => child.Known));

    /// <summary>True if the field is there.</summary>
    public bool Has(string name) => Find(name) is not null;

    /// <summary>A text that is not empty, printable and at most 1,024 characters long; null if the field is absent.</summary>
    public string? Text(string name) => Find(name) is { } value ? TextOf(name, value) : null;

    /// <summary>True or false.</summary>
    public bool Flag(string name, bool otherwise = false)
    {
        if (Find(name) is not { } value)
            return otherwise;
        if (value.GetValueKind() is JsonValueKind.True or JsonValueKind.False)
            return value.GetValue<bool>();
        Reject(name, $"is {Shown(value)}; expected true or false");
        return otherwise;
    }

    /// <summary>A duration such as <c>30m</c> from <paramref name="min"/> to <paramref name="max"/>; null if the field is absent.</summary>
    public TimeSpan? Duration(string name, TimeSpan min, TimeSpan max)
    {
        if (Text(name) is not { } text)
            return null;
        if (DurationText.TryParse(text, out var duration) && duration >= min && duration <= max)
            return duration;
        Reject(name, $"is \"{DisplayText.Of(text, MaxShown)}\"; expected a duration from {DurationText.Format(min)} to {DurationText.Format(max)}, such as 30m or 2160h");
        return null;
    }

    /// <summary>A number from <paramref name="min"/> to <paramref name="max"/>; null if the field is absent.</summary>
    public double? Number(string name, double min, double max)
    {
        if (Find(name) is not { } value)
            return null;
        if (value.GetValueKind() == JsonValueKind.Number && double.TryParse(value.ToJsonString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number >= min && number <= max)
            return number;
        Reject(name, string.Create(CultureInfo.InvariantCulture, $"is {Shown(value)}; expected a number from {min} to {max}"));
        return null;
    }

    /// <summary>A whole number from <paramref name="min"/> to <paramref name="max"/>; null if the field is absent.</summary>
    public int? Whole(string name, int min, int max)
    {
        if (Number(name, min, max) is not { } number)
            return null;
        if (double.IsInteger(number))
            return (int)number;
        Reject(name, string.Create(CultureInfo.InvariantCulture, $"is {number}; expected a whole number from {min} to {max}"));
        return null;
    }

    /// <summary>One of <paramref name="choices"/>, by name; <paramref name="otherwise"/> if the field is absent.</summary>
    public T Choice<T>(string name, T otherwise, params ReadOnlySpan<(string Name, T Value)> choices)
    {
        if (Text(name) is not { } text)
            return otherwise;
        var names = new List<string>();
        foreach (var choice in choices)
        {
            if (choice.Name == text)
                return choice.Value;
            names.Add(choice.Name);
        }

        Reject(name, $"is \"{DisplayText.Of(text, MaxShown)}\"; expected one of {string.Join(", ", names)}");
        return otherwise;
    }

    /// <summary>A list of texts; null if the field is absent.</summary>
    public IReadOnlyList<string>? Texts(string name) => Find(name) switch
    {
        null => null,
        JsonArray { Count: <= MaxItems } list => [.. list.Select((item, index) => TextOf($"{name}[{index}]", item)).OfType<string>()],
        var other => Rejected<IReadOnlyList<string>>(name, $"is {Shown(other)}; expected a list of at most {MaxItems} texts"),
    };

    /// <summary>An object whose names the author chose, each with a text; empty if the field is absent.</summary>
    public IReadOnlyDictionary<string, string> Map(string name)
    {
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (key, value) in Named(name))
        {
            if (TextOf($"{name}.{key}", value) is { } text)
                map[key] = text;
        }

        return map;
    }

    /// <summary>As <see cref="Map"/>, but a name can have a list of texts.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> MultiMap(string name)
    {
        var map = new List<KeyValuePair<string, string>>();
        foreach (var (key, value) in Named(name))
        {
            var values = value is JsonArray list ? list.Select((item, index) => TextOf($"{name}.{key}[{index}]", item)) : [TextOf($"{name}.{key}", value)];
            map.AddRange(values.OfType<string>().Select(text => KeyValuePair.Create(key, text)));
        }

        return map;
    }

    /// <summary>An object; one without fields if the field is absent.</summary>
    public DocumentFields Object(string name) => Child(
        Find(name) switch
        {
            null => [],
            JsonObject found => found,
            var other => Rejected<JsonObject>(name, $"is {Shown(other)}; expected an object") ?? [],
        },
        $"{path}{name}.");

    /// <summary>The objects of an object whose names the author chose.</summary>
    public IEnumerable<(string Name, DocumentFields Fields)> Objects(string name)
    {
        foreach (var (key, value) in Named(name))
        {
            if (value is JsonObject found)
                yield return (key, Child(found, $"{path}{name}.{key}."));
            else
                Reject($"{name}.{key}", $"is {Shown(value)}; expected an object");
        }
    }

    /// <summary>A list of objects; empty if the field is absent.</summary>
    public IEnumerable<DocumentFields> List(string name)
    {
        if (Find(name) is not { } value)
            yield break;
        if (value is not JsonArray { Count: <= MaxItems } list)
        {
            Reject(name, $"is {Shown(value)}; expected a list of at most {MaxItems} objects");
            yield break;
        }

        for (var i = 0; i < list.Count; i++)
        {
            if (list[i] is JsonObject found)
                yield return Child(found, $"{path}{name}[{i}].");
            else
                Reject($"{name}[{i}]", $"is {Shown(list[i])}; expected an object");
        }
    }

    /// <summary>Records that the field cannot be used.</summary>
    /// <param name="name">The field.</param>
    /// <param name="problem">The end of a sentence that starts with the path of the field.</param>
    public void Reject(string name, string problem) => errors.Add(DisplayText.Line($"{path}{name} {problem}."));

    /// <summary>Records that this object cannot be used.</summary>
    public void Reject(string problem) => errors.Add(DisplayText.Line($"{path.TrimEnd('.')} {problem}."));

    /// <summary>Records every field that nothing has read, here or in an object below.</summary>
    public void RejectUnknown()
    {
        foreach (var (name, _) in json)
        {
            if (!_known.Contains(name))
                errors.Add(DisplayText.Line($"{path}{DisplayText.Of(name, MaxShown)} is not a field of a provider document.{Hint(name)}"));
        }

        foreach (var child in _children)
            child.RejectUnknown();
    }

    // A list of all fields would be longer than the other errors of a message.
    private string Hint(string unknown) => DidYouMean.Suggest(unknown, _known) is { Length: > 0 } suggestion ? suggestion : " docs/provider-reference.md lists the fields.";

    private DocumentFields Child(JsonObject found, string childPath)
    {
        var child = new DocumentFields(found, childPath, errors);
        _children.Add(child);
        return child;
    }

    private JsonNode? Find(string name)
    {
        _known.Add(name);
        return json[name];
    }

    private IEnumerable<KeyValuePair<string, JsonNode?>> Named(string name)
    {
        switch (Find(name))
        {
            case null:
                return [];
            case JsonObject { Count: <= MaxItems } found:
                return found.Where(field => IsName(name, field.Key));
            case var other:
                Reject(name, $"is {Shown(other)}; expected an object with at most {MaxItems} fields");
                return [];
        }
    }

    private bool IsName(string name, string key)
    {
        if (key.Length is > 0 and <= MaxTextLength && DisplayText.IsPrintable(key))
            return true;
        Reject(name, $"has the name \"{DisplayText.Of(key, MaxShown)}\"; expected 1 to {MaxTextLength} printable characters");
        return false;
    }

    private string? TextOf(string name, JsonNode? value)
    {
        if (value?.GetValueKind() == JsonValueKind.String && value.GetValue<string>() is { Length: > 0 and <= MaxTextLength } text && DisplayText.IsPrintable(text))
            return text;
        Reject(name, $"is {Shown(value)}; expected 1 to {MaxTextLength} printable characters");
        return null;
    }

    private T? Rejected<T>(string name, string problem)
        where T : class
    {
        Reject(name, problem);
        return null;
    }

    private static string Shown(JsonNode? value) => value?.GetValueKind() switch
    {
        null or JsonValueKind.Null => "null",
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => $"a list of {((JsonArray)value).Count}",
        JsonValueKind.String => $"\"{DisplayText.Of(value.GetValue<string>(), MaxShown)}\"",
        _ => DisplayText.Of(value.ToJsonString(), MaxShown),
    };
}
