using System.Reflection;

namespace TokenOperator.Core.Cli;

/// <summary>The version of this program.</summary>
public static class BuildInfo
{
    /// <summary>The version, with the commit after a <c>+</c> if the build knew it.</summary>
    public static string Version { get; } =
        typeof(BuildInfo).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    /// <summary>The commit that the program was built from; null if the build did not know it.</summary>
    public static string? Revision { get; } = Version.IndexOf('+', StringComparison.Ordinal) is >= 0 and var plus ? Version[(plus + 1)..] : null;
}
