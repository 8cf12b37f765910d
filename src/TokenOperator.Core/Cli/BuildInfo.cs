using System.Reflection;

namespace TokenOperator.Core.Cli;

/// <summary>The version of this program.</summary>
public static class BuildInfo
{
    /// <summary>The version, with the commit if the build knew it.</summary>
    public static string Version { get; } =
        typeof(BuildInfo).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";
}
