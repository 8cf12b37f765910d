using System.Runtime.InteropServices;
using TokenOperator.TestBed;

namespace TokenOperator.Benchmarks;

/// <summary>
/// The two programs that are compared: the native operator of the image, and the bare loop, which is compiled ahead of time
/// with the framework, so that JIT compilation does not count against it.
/// </summary>
/// <param name="Operator">Path of token-operator.</param>
/// <param name="BareLoop">Path of this program, whose verb <c>bare-loop</c> is the baseline.</param>
internal sealed record Programs(string Operator, string BareLoop)
{
    /// <summary>Publishes both programs to this project's bin folder.</summary>
    public static async Task<Programs> PublishAsync(bool reuse, CancellationToken ct)
    {
        var root = Repository.Root;
        var published = Path.Combine(root, "tests", "TokenOperator.Benchmarks", "bin", "published");
        var programs = new Programs(
            Path.Combine(published, "operator", "token-operator"), Path.Combine(published, "bare-loop", "TokenOperator.Benchmarks"));
        if (reuse && File.Exists(programs.Operator) && File.Exists(programs.BareLoop))
            return programs;
        await PublishAsync(Path.Combine(root, "src", "TokenOperator"), Path.Combine(published, "operator"), ct);
        await PublishAsync(Path.Combine(root, "tests", "TokenOperator.Benchmarks"), Path.Combine(published, "bare-loop"), ct);
        return programs;
    }

    private static async Task PublishAsync(string project, string output, CancellationToken ct)
    {
        await Console.Error.WriteLineAsync($"Publishing {Path.GetFileName(project)} (some minutes the first time)...");
        var result = await Command.RunAsync(
            "dotnet", ["publish", project, "-c", "Release", "-r", RuntimeInformation.RuntimeIdentifier, "--self-contained", "-o", output, "--nologo"], ct: ct);
        if (result.ExitCode != 0)
            throw new InvalidOperationException($"dotnet publish {project} failed: {result.Output}{result.Errors}");
    }
}
