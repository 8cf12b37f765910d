using System.Diagnostics;
using System.Globalization;

namespace TokenOperator.TestBed;

/// <summary>The result of a command.</summary>
/// <param name="ExitCode">0 for success.</param>
/// <param name="Output">Its stdout.</param>
/// <param name="Errors">Its stderr; empty if it was not captured.</param>
public sealed record CommandResult(int ExitCode, string Output, string Errors);

/// <summary>Runs commands to their end.</summary>
public static class Command
{
    /// <summary>Runs a command and captures its output. If it is cancelled, it is killed with all its children.</summary>
    /// <param name="file">The program: a path, or a name on PATH.</param>
    /// <param name="arguments">Its arguments, without a shell in between.</param>
    /// <param name="input">Its stdin.</param>
    /// <param name="environment">Variables added to those of this process; null removes one.</param>
    /// <param name="captureErrors">False passes its stderr through to that of this process, for a command that reports progress there.</param>
    /// <param name="ct">Kills the command.</param>
    public static async Task<CommandResult> RunAsync(
        string file,
        IEnumerable<string> arguments,
        string input = "",
        IReadOnlyDictionary<string, string?>? environment = null,
        bool captureErrors = true,
        CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        var start = new ProcessStartInfo(file) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = captureErrors };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        foreach (var (name, value) in environment ?? new Dictionary<string, string?>())
            start.Environment[name] = value;
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{file} cannot be started.");
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(ct);
            var errors = captureErrors ? process.StandardError.ReadToEndAsync(ct) : Task.FromResult("");
            try
            {
                await process.StandardInput.WriteAsync(input.AsMemory(), ct);
                process.StandardInput.Close();
            }
            catch (IOException)
            {
                // The command ended without reading all of its input. Its exit code shows whether that is an error.
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

    /// <summary>The path of a program on PATH, or null if there is none.</summary>
    public static string? Find(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(':', StringSplitOptions.RemoveEmptyEntries)
        .Select(folder => Path.Combine(folder, program))
        .FirstOrDefault(File.Exists);
}

/// <summary>The options of this program's own verbs.</summary>
internal static class Arguments
{
    /// <summary>The number that follows <paramref name="name"/>, or a default.</summary>
    public static double Number(IReadOnlyList<string> args, string name, double otherwise) =>
        args.SkipWhile(argument => argument != name).Skip(1).FirstOrDefault() is { } text ? double.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
