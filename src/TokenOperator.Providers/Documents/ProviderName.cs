using System.Text.RegularExpressions;
using TokenOperator.Core.Text;

namespace TokenOperator.Providers.Documents;

/// <summary>The names that a provider can have.</summary>
public static partial class ProviderName
{
    /// <summary>True if <c>spec.provider</c> can have this value.</summary>
    public static bool IsValid(string name) => Pattern().IsMatch(name);

    /// <summary>A sentence about a name that is not valid.</summary>
    public static string Problem(string where, string name) =>
        $"{where} is \"{DisplayText.Of(name, 63)}\", which no provider can have; expected 1 to 63 of a-z, 0-9 and -, starting and ending with a letter or digit.";

    [GeneratedRegex(@"\A[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\z", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
