namespace TokenOperator.TestBed;

/// <summary>A program of others that a script of this repository finds, or fetches where there is none.</summary>
internal static class FetchedProgram
{
    /// <summary>Its path.</summary>
    /// <param name="variable">The environment variable that can name it.</param>
    /// <param name="script">Prints its path, relative to the repository; may fetch it.</param>
    /// <param name="ct">Gives up.</param>
    /// <exception cref="InvalidOperationException">It could not be had; the message says why.</exception>
    public static async Task<string> FindAsync(string variable, string script, CancellationToken ct = default)
    {
        if (Environment.GetEnvironmentVariable(variable) is { Length: > 0 } named)
            return named;
        var found = await Command.RunAsync(Repository.File(script), [], ct: ct);
        return found.ExitCode == 0
            ? found.Output.Trim()
            : throw new InvalidOperationException($"{script} ended with exit code {found.ExitCode}: {found.Errors}");
    }
}
