namespace TokenOperator.TestBed;

/// <summary>The commands of the section "Install" of the README.</summary>
public static class InstallCommands
{
    /// <summary>Each command in one line.</summary>
    public static IReadOnlyList<string> Read() =>
        [.. File.ReadAllText(Repository.File("README.md")).Split("\n## Install\n")[1].Split("\n```\n")[1].Replace("\\\n", "", StringComparison.Ordinal).Split('\n')];
}
