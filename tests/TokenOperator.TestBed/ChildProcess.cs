using System.Diagnostics;
using System.Globalization;

namespace TokenOperator.TestBed;

/// <summary>The program of a <see cref="ChildProcess"/>.</summary>
/// <param name="File">The program's path.</param>
/// <param name="Arguments">Its arguments, without a shell in between.</param>
public sealed record ChildProcessOptions(string File, IReadOnlyList<string> Arguments)
{
    /// <summary>The file that its stdout and stderr are appended to. You can read it while the process runs.</summary>
    public required string LogFile { get; init; }

    /// <summary>Variables added to those of this process; null removes one.</summary>
    public IReadOnlyDictionary<string, string?> Environment { get; init; } = new Dictionary<string, string?>();

    /// <summary>A folder to delete if this process dies before it disposes of the child; null for none.</summary>
    public string? FolderToRemoveWhenOrphaned { get; init; }

    /// <summary>A shell command to run if this process dies before it disposes of the child; empty for none.</summary>
    public string CommandWhenOrphaned { get; init; } = "";
}

/// <summary>
/// A program that runs beside the tests. It is killed by its process id when it is disposed of, and also when the process
/// that started it ends for any reason, including kill -9.
/// </summary>
public sealed class ChildProcess : IAsyncDisposable
{
    // The guard waits on a pipe that closes when this process dies for any reason. A line on the pipe ends the guard. The guard
    // is a child of the program, so that it never kills another process that was given the same id. (PR_SET_PDEATHSIG does not
    // work here: it fires when the thread that started the child ends, and thread pool threads end.)
    private const string Guarded = """
        log=$1 orphaned=$2 cleanup=$3
        shift 3
        exec 3<&0
        (
          trap '' INT TERM HUP
          if read -r _ <&3; then exit; fi
          read -r _ _ _ parent _ </proc/self/stat
          if [ "$parent" = $$ ]; then kill -KILL $$; fi
          eval "$cleanup"
          if [ -n "$orphaned" ]; then rm -rf "$orphaned"; fi
        ) >/dev/null 2>&1 &
        exec "$@" </dev/null >>"$log" 2>&1 3<&-
        """;

    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    private readonly Process _process;
    private readonly string _name;
    private bool _disposed;

    private ChildProcess(Process process, ChildProcessOptions options)
    {
        _process = process;
        _name = Path.GetFileName(options.File);
        LogFile = options.LogFile;
        Id = process.Id;
    }

    /// <summary>The process id of the program, for signals and for /proc.</summary>
    public int Id { get; }

    /// <summary>True once the program has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>The exit code, or 128 + the number of the signal that ended the program. Valid only after <see cref="HasExited"/>.</summary>
    public int ExitCode => _process.ExitCode;

    /// <summary>The program's output.</summary>
    public string LogFile { get; }

    /// <summary>Starts the program.</summary>
    /// <exception cref="FileNotFoundException">There is no such program.</exception>
    public static ChildProcess Start(ChildProcessOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (!File.Exists(options.File))
            throw new FileNotFoundException($"There is no program {options.File}.", options.File);
        var start = new ProcessStartInfo("/bin/sh") { RedirectStandardInput = true };
        foreach (var argument in (string[])["-c", Guarded, "sh", options.LogFile, options.FolderToRemoveWhenOrphaned ?? "", options.CommandWhenOrphaned, options.File])
            start.ArgumentList.Add(argument);
        foreach (var argument in options.Arguments)
            start.ArgumentList.Add(argument);
        foreach (var (name, value) in options.Environment)
            start.Environment[name] = value;
        return new ChildProcess(Process.Start(start) ?? throw new InvalidOperationException($"{options.File} cannot be started."), options);
    }

    /// <summary>Waits until the program has ended on its own or by a signal.</summary>
    /// <returns>Its exit code.</returns>
    public async Task<int> WaitForExitAsync(CancellationToken ct = default)
    {
        await _process.WaitForExitAsync(ct);
        return _process.ExitCode;
    }

    /// <summary>Sends SIGTERM, and SIGKILL if the program is still running after 30 s.</summary>
    /// <returns>Its exit code.</returns>
    public async Task<int> StopAsync(CancellationToken ct = default)
    {
        await SignalAsync("TERM", ct);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(Timeout);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return await KillAsync(ct);
        }

        return _process.ExitCode;
    }

    /// <summary>Ends the program as a crash would, with SIGKILL.</summary>
    /// <returns>Its exit code.</returns>
    public async Task<int> KillAsync(CancellationToken ct = default)
    {
        _process.Kill();
        await _process.WaitForExitAsync(ct);
        return _process.ExitCode;
    }

    /// <summary>Sends a signal by its name without SIG, such as <c>STOP</c> or <c>CONT</c>. Does nothing if the program has ended.</summary>
    public async Task SignalAsync(string signal, CancellationToken ct = default)
    {
        if (!HasExited)
            await SignalAsync(Id, signal, ct);
    }

    /// <summary>Sends a signal to any process by its id. Does nothing if the process has ended.</summary>
    public static async Task SignalAsync(int id, string signal, CancellationToken ct = default)
    {
        using var kill = Process.Start("/bin/sh", ["-c", "kill -\"$1\" \"$2\" 2>/dev/null", "sh", signal, id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(ct);
    }

    /// <summary>The last lines of <see cref="LogFile"/>, for the message of an exception.</summary>
    public string LastLines() => LastLinesOf(LogFile);

    /// <summary>The last 15 lines of a log file, each on a line of its own, for the message of an exception.</summary>
    public static string LastLinesOf(string logFile) => File.Exists(logFile) && File.ReadLines(logFile).TakeLast(15).ToList() is { Count: > 0 } lines
        ? string.Concat(lines.Select(line => $"\n  {line}"))
        : "(nothing)";

    /// <summary>Throws if the program has ended.</summary>
    /// <exception cref="InvalidOperationException">The program has ended. The message contains its exit code and the last lines of its log.</exception>
    public void ThrowIfExited()
    {
        if (HasExited)
            throw new InvalidOperationException($"{_name} ended with exit code {ExitCode}. The last lines of {LogFile}: {LastLines()}");
    }

    /// <summary>Kills the program if it is still running.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_disposed)
            return;
        _disposed = true;
        if (!_process.HasExited)
            await KillAsync();
        try
        {
            await _process.StandardInput.WriteLineAsync();
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The guard has already ended.
        }

        _process.Dispose();
    }
}
