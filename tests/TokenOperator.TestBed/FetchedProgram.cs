namespace TokenOperator.TestBed;

/// <summary>A third-party program that a script of this repository finds or downloads.</summary>
internal static class FetchedProgram
{
    /// <summary>Its path.</summary>
    /// <param name="variable">The environment variable that can name it.</param>
    /// <param name="script">The script, relative to the repository. It prints the program's path, and may download it.</param>
    /// <param name="ct">Gives up.</param>
    /// <exception cref="InvalidOperationException">The program is not available. The message contains the reason.</exception>
    public static Task<string> FindAsync(string variable, string script, CancellationToken ct = default) => FindAsync(variable, script, [], ct);

    /// <summary>As <see cref="FindAsync(string, string, CancellationToken)"/>, with arguments of the script.</summary>
    public static async Task<string> FindAsync(string variable, string script, IReadOnlyList<string> arguments, CancellationToken ct = default)
    {
        if (Environment.GetEnvironmentVariable(variable) is { Length: > 0 } named)
            return named;
        var found = await Command.RunAsync(Repository.File(script), arguments, ct: ct);
        return found.ExitCode == 0
            ? found.Output.Trim()
            : throw new InvalidOperationException($"{script} failed with exit code {found.ExitCode}: {found.Errors}");
    }
}
