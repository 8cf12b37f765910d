namespace TokenOperator.TestBed;

/// <summary>
/// The program that is tested: the one that TOKEN_OPERATOR_PROGRAM names, which <c>make test</c> and <c>make soak</c> set to the native
/// one of the image; else that of the same build as this.
/// </summary>
public static class OperatorProgram
{
    private const string Variable = "TOKEN_OPERATOR_PROGRAM";
    private const string Assembly = "token-operator.dll";

    /// <summary>An executable, or <c>token-operator.dll</c>.</summary>
    /// <exception cref="InvalidOperationException">It has not been built.</exception>
    public static string Path => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named ? named : OfThisBuild();

    /// <summary>What starts it, with <see cref="Path"/> as its first word.</summary>
    public static string Starter => Path.EndsWith(".dll", StringComparison.Ordinal) ? "dotnet" : "/usr/bin/env";

    /// <summary>Runs one of its verbs to its end.</summary>
    /// <param name="environment">Variables added to those of this process; null removes one.</param>
    /// <param name="arguments">The verb and its arguments.</param>
    public static Task<CommandResult> RunAsync(IReadOnlyDictionary<string, string?> environment, params IEnumerable<string> arguments) =>
        Command.RunAsync(Starter, [Path, .. arguments], environment: environment);

    // Beside the tests, which refer to it; for the test fixture alone in src, under the same path below its project: bin/Release/net10.0.
    private static string OfThisBuild()
    {
        var root = Repository.Root;
        var build = System.IO.Path.GetRelativePath(System.IO.Path.Combine(root, "tests", "TokenOperator.TestBed"), AppContext.BaseDirectory);
        string[] places = [AppContext.BaseDirectory, System.IO.Path.GetFullPath(System.IO.Path.Combine(root, "src", "TokenOperator", build))];
        return places.Select(place => System.IO.Path.Combine(place, Assembly)).FirstOrDefault(File.Exists)
            ?? throw new InvalidOperationException($"The operator has not been built: there is no {Assembly} in {string.Join(" or ", places)}. Run: make build");
    }
}
