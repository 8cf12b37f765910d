namespace TokenOperator.Core.Cli;

/// <summary>Asks the person at the command line.</summary>
public static class Confirmation
{
    /// <summary>True if the person types <c>yes</c> or <c>y</c>. An empty line and the end of the input mean no.</summary>
    public static async Task<bool> AskAsync(string question, CancellationToken cancellationToken)
    {
        await Console.Error.WriteAsync($"{question} [y/N] ");
        var answer = (await Console.In.ReadLineAsync(cancellationToken))?.Trim();
        if (answer is null)
            await Console.Error.WriteLineAsync();
        return answer is not null && (answer.Equals("y", StringComparison.OrdinalIgnoreCase) || answer.Equals("yes", StringComparison.OrdinalIgnoreCase));
    }
}
