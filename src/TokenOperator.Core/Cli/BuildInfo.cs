using System.Reflection;

namespace TokenOperator.Core.Cli;

/// <summary>What this program is.</summary>
public static class BuildInfo
{
    /// <summary>Its version, with the commit when the build knew it.</summary>
    public static string Version { get; } =
        typeof(BuildInfo).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";
}
