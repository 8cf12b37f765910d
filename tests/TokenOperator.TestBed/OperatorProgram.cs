namespace TokenOperator.TestBed;

/// <summary>
/// The program under test: the one that TOKEN_OPERATOR_PROGRAM names, or else that of this build. <c>make test</c> and
/// <c>make soak</c> set the variable to the native program of the image.
/// </summary>
public static class OperatorProgram
{
    private const string Variable = "TOKEN_OPERATOR_PROGRAM";
    private const string Assembly = "token-operator.dll";

    /// <summary>An executable, or <c>token-operator.dll</c>.</summary>
    /// <exception cref="InvalidOperationException">The operator has not been built.</exception>
    public static string Path => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named ? named : OfThisBuild();

    /// <summary>The program that starts it with <see cref="Path"/> as its first argument.</summary>
    public static string Starter => Path.EndsWith(".dll", StringComparison.Ordinal) ? "dotnet" : "/usr/bin/env";

    /// <summary>Runs a verb to its end.</summary>
    /// <param name="environment">Variables added to those of this process; null removes one.</param>
    /// <param name="arguments">The verb and its arguments.</param>
    public static Task<CommandResult> RunAsync(IReadOnlyDictionary<string, string?> environment, params IEnumerable<string> arguments) =>
        Command.RunAsync(Starter, [Path, .. arguments], environment: environment);

    // Beside the tests, which reference it. The TestBed does not, so it looks in src, under the same path below the project: bin/Release/net10.0.
    private static string OfThisBuild()
    {
        var root = Repository.Root;
        var build = System.IO.Path.GetRelativePath(System.IO.Path.Combine(root, "tests", "TokenOperator.TestBed"), AppContext.BaseDirectory);
        string[] places = [AppContext.BaseDirectory, System.IO.Path.GetFullPath(System.IO.Path.Combine(root, "src", "TokenOperator", build))];
        return places.Select(place => System.IO.Path.Combine(place, Assembly)).FirstOrDefault(File.Exists)
            ?? throw new InvalidOperationException($"The operator has not been built. There is no {Assembly} in {string.Join(" or ", places)}. Run: make build");
    }
}
