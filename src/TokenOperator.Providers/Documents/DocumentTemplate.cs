using System.Text;
using System.Text.RegularExpressions;

namespace TokenOperator.Providers.Documents;

/// <summary>Texts with the names of parameters in braces, such as <c>https://login.example.com/{tenant}/token</c>.</summary>
internal static partial class DocumentTemplate
{
    /// <summary>The text with the values of the parameters, or null.</summary>
    /// <param name="template">The text.</param>
    /// <param name="parameters">All parameters that are declared. A value is null if no administrator has given it.</param>
    /// <param name="error">Why the result is null: the end of a sentence that starts with the name of the field.</param>
    public static string? Resolve(string template, IReadOnlyDictionary<string, string?> parameters, out string? error)
    {
        var text = new StringBuilder(template.Length);
        var rest = template.AsSpan();
        error = null;
        while (rest.IndexOfAny('{', '}') is >= 0 and var start)
        {
            text.Append(rest[..start]);
            var length = rest[start..].IndexOf('}');
            if (rest[start] == '}' || length < 0)
            {
                error = "has a brace without its counterpart; expected the name of a parameter in braces";
                return null;
            }

            var name = rest[(start + 1)..(start + length)].ToString();
            if (!parameters.TryGetValue(name, out var value))
            {
                error = Name().IsMatch(name)
                    ? $"uses the parameter {name}, which parameterDeclarations does not declare"
                    : "has braces around something that is not the name of a parameter";
                return null;
            }

            if (value is null)
            {
                error = $"needs a value for the parameter {name}: set parameters.{name}";
                return null;
            }

            text.Append(value);
            rest = rest[(start + length + 1)..];
        }

        return text.Append(rest).ToString();
    }

    /// <summary>The names of parameters.</summary>
    [GeneratedRegex(@"\A[a-z][A-Za-z0-9]{0,62}\z", RegexOptions.CultureInvariant)]
    public static partial Regex Name();

    /// <summary>The values of parameters that are part of an address: they can neither begin a path nor leave it.</summary>
    [GeneratedRegex(@"\A(?!\.{1,2}\z)[A-Za-z0-9._~-]{1,253}\z", RegexOptions.CultureInvariant)]
    public static partial Regex Value();
}
