namespace TokenOperator.TestBed;

/// <summary>Prometheus' own tool for testing rules.</summary>
public static class Promtool
{
    private const string Variable = "TOKEN_OPERATOR_PROMTOOL";
    private const string Script = "hack/promtool.sh";

    /// <summary>Runs it, once found: in TOKEN_OPERATOR_PROMTOOL, else by hack/promtool.sh, which may fetch it.</summary>
    /// <exception cref="InvalidOperationException">It could not be had.</exception>
    public static async Task<CommandResult> RunAsync(params string[] arguments) => await Command.RunAsync(await FindAsync(), arguments);

    private static async Task<string> FindAsync()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named)
            return named;
        var found = await Command.RunAsync(Path.Combine(TestAssets.RepositoryRoot(), Script), []);
        return found.ExitCode == 0
            ? found.Output.Trim()
            : throw new InvalidOperationException($"{Script} ended with exit code {found.ExitCode}: {found.Errors}");
    }
}
