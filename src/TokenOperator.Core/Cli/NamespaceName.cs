using System.Text.RegularExpressions;
using TokenOperator.Core.Settings;

namespace TokenOperator.Core.Cli;

/// <summary>The option <c>--namespace</c> and the setting <c>Namespaces</c>.</summary>
public static partial class NamespaceName
{
    /// <summary>Refuses what no namespace can be called (RFC 1123 label); a mistyped one would be recorded and never used.</summary>
    /// <exception cref="InvalidSettingException">It is no such name.</exception>
    public static void Check(string? name, string option = "--namespace")
    {
        if (name is not null && !IsValid(name))
            throw new InvalidSettingException($"{option} is not the name of a namespace; expected 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit.");
    }

    /// <summary>True for what a namespace can be called.</summary>
    public static bool IsValid(string name) => Label().IsMatch(name);

    [GeneratedRegex(@"\A[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\z", RegexOptions.CultureInvariant)]
    private static partial Regex Label();
}
