using System.Text.RegularExpressions;
using TokenOperator.Core.Settings;

namespace TokenOperator.Core.Cli;

/// <summary>The option <c>--namespace</c> and the setting <c>Namespaces</c>.</summary>
public static partial class NamespaceName
{
    /// <summary>Rejects a name that no namespace can have (RFC 1123 label), because a mistyped name would be recorded and never used.</summary>
    /// <exception cref="InvalidSettingException">The name is not valid.</exception>
    public static void Check(string? name, string option = "--namespace")
    {
        if (name is not null && !IsValid(name))
            throw new InvalidSettingException($"{option} is not the name of a namespace; expected 1 to 63 of a-z, 0-9 and -, starting and ending with a letter or digit.");
    }

    /// <summary>True if a namespace can have this name.</summary>
    public static bool IsValid(string name) => Label().IsMatch(name);

    [GeneratedRegex(@"\A[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\z", RegexOptions.CultureInvariant)]
    private static partial Regex Label();
}
