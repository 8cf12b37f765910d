using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>A release of hack/releases, built from its commit by hack/earlier.sh.</summary>
/// <param name="Folder">The folder that hack/earlier.sh prints.</param>
public sealed record EarlierRelease(string Folder)
{
    private const string Script = "hack/earlier.sh";

    /// <summary>The releases with their commits, oldest first.</summary>
    public static IReadOnlyList<(string Version, string Commit)> All { get; } = [.. File.ReadAllLines(Repository.File("hack/releases"))
        .Where(line => !line.StartsWith('#')).Select(line => line.Split(' ')).Select(fields => (fields[0], fields[1]))];

    /// <summary>Their versions, for a theory.</summary>
    public static TheoryData<string> Versions => [.. All.Select(release => release.Version)];

    /// <summary>The operator.</summary>
    public string Program => Path.Combine(Folder, "program", "token-operator.dll");

    /// <summary>The chart.</summary>
    public string Chart => Path.Combine(Folder, "charts", "token-operator");

    /// <summary>Builds the release, unless it was built before.</summary>
    public static async Task<EarlierRelease> BuildAsync(string version)
    {
        var built = await Command.RunAsync(Repository.File(Script), [version]);
        return built.ExitCode == 0 ? new EarlierRelease(built.Output.Trim()) : throw new InvalidOperationException($"{Script} failed with exit code {built.ExitCode}: {built.Errors}");
    }

    /// <summary>Runs a verb of its operator to the end.</summary>
    public Task<CommandResult> RunAsync(IReadOnlyDictionary<string, string?> environment, params IEnumerable<string> arguments) =>
        Command.RunAsync("dotnet", [Program, .. arguments], environment: environment);
}

/// <summary>A test for each release of hack/releases. It is skipped in a clone without the commits of the releases.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class EarlierReleaseTheoryAttribute : TheoryAttribute
{
    public EarlierReleaseTheoryAttribute()
    {
        var missing = EarlierRelease.All.Where(release => Command.RunAsync("git", ["-C", Repository.Root, "cat-file", "-e", $"{release.Commit}^{{commit}}"]).GetAwaiter().GetResult().ExitCode != 0).ToList();
        if (missing.Count > 0)
            Skip = $"NOT TESTED: the commits of {string.Join(", ", missing.Select(release => release.Version))} are not in the history of this clone. In a shallow clone run: git fetch --unshallow";
    }
}
