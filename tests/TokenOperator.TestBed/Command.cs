using System.Diagnostics;

namespace TokenOperator.TestBed;

/// <summary>How a command ended and what it said.</summary>
/// <param name="ExitCode">0 for success.</param>
/// <param name="Output">Its stdout.</param>
/// <param name="Errors">Its stderr.</param>
public sealed record CommandResult(int ExitCode, string Output, string Errors);

/// <summary>Runs a command to its end.</summary>
public static class Command
{
    /// <summary>Runs a command and catches what it says; a cancelled one is ended with all its children.</summary>
    /// <param name="file">The program: a path, or a name on PATH.</param>
    /// <param name="arguments">Its arguments, as they are.</param>
    /// <param name="input">What it reads on stdin.</param>
    /// <param name="environment">Variables added to those of this process; null takes one away.</param>
    /// <param name="ct">Ends it.</param>
    public static async Task<CommandResult> RunAsync(
        string file,
        IEnumerable<string> arguments,
        string input = "",
        IReadOnlyDictionary<string, string?>? environment = null,
        CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        var start = new ProcessStartInfo(file) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        foreach (var (name, value) in environment ?? new Dictionary<string, string?>())
            start.Environment[name] = value;
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{file} cannot be started.");
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(ct);
            var errors = process.StandardError.ReadToEndAsync(ct);
            try
            {
                await process.StandardInput.WriteAsync(input.AsMemory(), ct);
                process.StandardInput.Close();
            }
            catch (IOException)
            {
                // It ended without reading all of its input; its exit code says what that means.
            }

            await process.WaitForExitAsync(ct);
            return new CommandResult(process.ExitCode, await output, await errors);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }
}
