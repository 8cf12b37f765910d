namespace TokenOperator.TestBed;

/// <summary>kubectl for one kubeconfig.</summary>
/// <param name="program">The path of kubectl.</param>
/// <param name="kubeconfig">The path of the kubeconfig.</param>
/// <param name="cacheFolder">The discovery cache. It is not in the home folder, where another cluster on the same port may have left its own.</param>
public sealed class Kubectl(string program, string kubeconfig, string cacheFolder)
{
    /// <summary>The kubeconfig that it runs with.</summary>
    public string Kubeconfig => kubeconfig;

    /// <summary>The same kubectl as another user.</summary>
    public Kubectl As(string otherKubeconfig) => new(program, otherKubeconfig, cacheFolder);

    /// <summary>Runs kubectl, and leaves the meaning of its exit code to the caller.</summary>
    public Task<CommandResult> TryRunAsync(IEnumerable<string> arguments, string input = "", CancellationToken ct = default) =>
        Command.RunAsync(program, [.. arguments, "--kubeconfig", kubeconfig, "--cache-dir", cacheFolder], input, ct: ct);

    /// <summary>Runs kubectl, which must succeed.</summary>
    /// <returns>Its stdout.</returns>
    /// <exception cref="InvalidOperationException">kubectl failed. The message contains the command and its stderr.</exception>
    public async Task<string> RunAsync(IEnumerable<string> arguments, string input = "", CancellationToken ct = default)
    {
        var all = arguments.ToList();
        var result = await TryRunAsync(all, input, ct);
        return result.ExitCode == 0
            ? result.Output
            : throw new InvalidOperationException($"kubectl {string.Join(' ', all)} failed with exit code {result.ExitCode}: {result.Errors.Trim()}");
    }

    /// <summary>Runs kubectl with the words of a line, which must succeed.</summary>
    /// <param name="line">Arguments that contain no spaces, such as <c>get oauthtokens -n mail</c>.</param>
    /// <param name="ct">Ends it.</param>
    public Task<string> RunAsync(string line, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(line);
        return RunAsync(line.Split(' ', StringSplitOptions.RemoveEmptyEntries), ct: ct);
    }

    /// <summary>Starts kubectl with the words of a line and does not wait for its end, as for a watch. Its output goes to <paramref name="logFile"/>.</summary>
    public ChildProcess Start(string line, string logFile)
    {
        ArgumentNullException.ThrowIfNull(line);
        return ChildProcess.Start(new ChildProcessOptions(
            program, [.. line.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--kubeconfig", kubeconfig, "--cache-dir", cacheFolder])
        {
            LogFile = logFile,
        });
    }

    /// <summary>Applies a file, or all files of a folder.</summary>
    public Task ApplyAsync(string path, CancellationToken ct = default) => RunAsync(["apply", "-f", path], ct: ct);

    /// <summary>Applies YAML or JSON text.</summary>
    public Task ApplyTextAsync(string yaml, CancellationToken ct = default) => RunAsync(["apply", "-f", "-"], yaml, ct);
}
