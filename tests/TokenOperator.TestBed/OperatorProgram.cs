namespace TokenOperator.TestBed;

/// <summary>
/// The program that is tested: the one that TOKEN_OPERATOR_PROGRAM names, which <c>make test</c> sets to the native one of the
/// image; else that of the build beside this.
/// </summary>
public static class OperatorProgram
{
    private const string Variable = "TOKEN_OPERATOR_PROGRAM";

    /// <summary>An executable, or <c>token-operator.dll</c>.</summary>
    public static string Path { get; } = Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named
        ? named
        : System.IO.Path.Combine(AppContext.BaseDirectory, "token-operator.dll");

    /// <summary>What starts it, with <see cref="Path"/> as its first word.</summary>
    public static string Starter => Path.EndsWith(".dll", StringComparison.Ordinal) ? "dotnet" : "/usr/bin/env";
}
