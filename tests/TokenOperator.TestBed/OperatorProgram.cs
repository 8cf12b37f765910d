namespace TokenOperator.TestBed;

/// <summary>
/// The operator's program: the one that TOKEN_OPERATOR_PROGRAM names, which <c>make test</c> and <c>make soak</c> set to the native
/// program of the image, or else the one of this build.
/// </summary>
public static class OperatorProgram
{
    /// <summary>An executable, or <c>token-operator.dll</c>.</summary>
    /// <exception cref="InvalidOperationException">It has not been built.</exception>
    public static string Path => BuiltProgram.Find("TOKEN_OPERATOR_PROGRAM", "TokenOperator", "token-operator.dll");

    /// <summary>The command that starts it, with <see cref="Path"/> as its first argument.</summary>
    public static string Starter => BuiltProgram.Starter(Path);

    /// <summary>Runs a verb to its end.</summary>
    /// <param name="environment">Variables added to those of this process; null removes one.</param>
    /// <param name="arguments">The verb and its arguments.</param>
    public static Task<CommandResult> RunAsync(IReadOnlyDictionary<string, string?> environment, params IEnumerable<string> arguments) =>
        Command.RunAsync(Starter, [Path, .. arguments], environment: environment);
}

/// <summary>
/// The kubectl plugin's program: the one that TOKEN_OPERATOR_PLUGIN names, which <c>make test</c> sets to the native program, or else
/// the one of this build.
/// </summary>
public static class PluginProgram
{
    /// <summary>An executable, or <c>kubectl-oauthtoken.dll</c>.</summary>
    /// <exception cref="InvalidOperationException">It has not been built.</exception>
    public static string Path => BuiltProgram.Find("TOKEN_OPERATOR_PLUGIN", "KubectlOAuthToken", "kubectl-oauthtoken.dll");

    /// <summary>The command that starts it, with <see cref="Path"/> as its first argument.</summary>
    public static string Starter => BuiltProgram.Starter(Path);
}

/// <summary>Finds a program to test.</summary>
internal static class BuiltProgram
{
    /// <summary>The program that the environment variable names, or else the assembly of this build.</summary>
    /// <param name="variable">The environment variable.</param>
    /// <param name="project">The project's folder in src.</param>
    /// <param name="assembly">The file name of the assembly.</param>
    /// <exception cref="InvalidOperationException">It has not been built.</exception>
    public static string Find(string variable, string project, string assembly)
    {
        if (Environment.GetEnvironmentVariable(variable) is { Length: > 0 } named)
            return named;
        // A program needs its own output folder. In that of the tests it lacks the assemblies that the tests take from ASP.NET.
        var tests = new DirectoryInfo(AppContext.BaseDirectory);
        string[] folders =
        [
            // tests/TESTS/bin/Release/net10.0 and src/PROJECT/bin/Release/net10.0
            Path.Combine(Repository.Root, "src", project, "bin", tests.Parent!.Name, tests.Name),
            // With --artifacts-path FOLDER: FOLDER/bin/TESTS/release and FOLDER/bin/PROJECT/release
            Path.Combine(tests.Parent.Parent!.FullName, project, tests.Name),
        ];
        return folders.Select(folder => Path.Combine(folder, assembly)).FirstOrDefault(File.Exists)
            ?? throw new InvalidOperationException($"The program has not been built: {assembly} is neither in {string.Join(" nor in ", folders)}. Run: make build");
    }

    /// <summary>The command that starts the program at <paramref name="path"/>.</summary>
    public static string Starter(string path) => path.EndsWith(".dll", StringComparison.Ordinal) ? "dotnet" : "/usr/bin/env";
}
