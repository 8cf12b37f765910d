namespace TokenOperator.TestBed;

/// <summary>promtool, which tests Prometheus rules.</summary>
public static class Promtool
{
    private const string Variable = "TOKEN_OPERATOR_PROMTOOL";
    private const string Script = "hack/promtool.sh";

    /// <summary>Runs the promtool that TOKEN_OPERATOR_PROMTOOL names, or else the one that hack/promtool.sh finds or downloads.</summary>
    /// <exception cref="InvalidOperationException">promtool is not available.</exception>
    public static async Task<CommandResult> RunAsync(params string[] arguments) => await Command.RunAsync(await FetchedProgram.FindAsync(Variable, Script), arguments);
}
