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
        // The tests refer to the programs, so the build puts both beside them. For the test bed alone they are in src, under the same
        // path below their projects, such as bin/Release/net10.0.
        var root = TestAssets.RepositoryRoot();
        var build = Path.GetRelativePath(Path.Combine(root, "tests", "TokenOperator.TestBed"), AppContext.BaseDirectory);
        string[] folders = [AppContext.BaseDirectory, Path.GetFullPath(Path.Combine(root, "src", project, build))];
        return folders.Select(folder => Path.Combine(folder, assembly)).FirstOrDefault(File.Exists)
            ?? throw new InvalidOperationException($"The program has not been built: {assembly} is neither in {string.Join(" nor in ", folders)}. Run: make build");
    }

    /// <summary>The command that starts the program at <paramref name="path"/>.</summary>
    public static string Starter(string path) => path.EndsWith(".dll", StringComparison.Ordinal) ? "dotnet" : "/usr/bin/env";
}
