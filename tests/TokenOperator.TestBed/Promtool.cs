namespace TokenOperator.TestBed;

/// <summary>Prometheus' own tool for testing rules.</summary>
public static class Promtool
{
    private const string Variable = "TOKEN_OPERATOR_PROMTOOL";
    private const string Script = "hack/promtool.sh";

    /// <summary>Runs it, once found: in TOKEN_OPERATOR_PROMTOOL, else by hack/promtool.sh, which may fetch it.</summary>
    /// <exception cref="InvalidOperationException">It could not be had.</exception>
    public static async Task<CommandResult> RunAsync(params string[] arguments) => await Command.RunAsync(await FetchedProgram.FindAsync(Variable, Script), arguments);
}
