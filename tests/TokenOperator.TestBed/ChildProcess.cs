using System.Diagnostics;
using System.Globalization;

namespace TokenOperator.TestBed;

/// <summary>What a <see cref="ChildProcess"/> is to run.</summary>
/// <param name="File">The program's path.</param>
/// <param name="Arguments">Its arguments, as they are: no shell looks at them.</param>
public sealed record ChildProcessOptions(string File, IReadOnlyList<string> Arguments)
{
    /// <summary>Where its stdout and stderr go, appended. It can be read while the process runs.</summary>
    public required string LogFile { get; init; }

    /// <summary>Variables added to those of this process; null takes one away.</summary>
    public IReadOnlyDictionary<string, string?> Environment { get; init; } = new Dictionary<string, string?>();

    /// <summary>A folder to remove when this process dies without having disposed of the child; null for none.</summary>
    public string? FolderToRemoveWhenOrphaned { get; init; }
}

/// <summary>
/// A program that runs beside the tests for as long as it is needed. It is ended by its process id when it is disposed,
/// and also when the process that started it ends in any way, kill -9 included.
/// </summary>
public sealed class ChildProcess : IAsyncDisposable
{
    // The guard waits on a pipe that closes when we die, however we die; a line on it says that all is well. It is a child
    // of the program, so that a process id that was given to somebody else meanwhile is not hit. (PR_SET_PDEATHSIG is no
    // way: it fires when the thread that started the child ends, and threads of the pool do.)
    private const string Guarded = """
        log=$1 orphaned=$2
        shift 2
        exec 3<&0
        (
          trap '' INT TERM HUP
          if read -r _ <&3; then exit; fi
          read -r _ _ _ parent _ </proc/self/stat
          if [ "$parent" = $$ ]; then kill -KILL $$; fi
          if [ -n "$orphaned" ]; then rm -rf "$orphaned"; fi
        ) >/dev/null 2>&1 &
        exec "$@" </dev/null >>"$log" 2>&1 3<&-
        """;

    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

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

    /// <summary>The process id of the program itself, for signals and for /proc.</summary>
    public int Id { get; }

    /// <summary>True once the program has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>The exit code, 128 + the number of the signal that ended it; only when <see cref="HasExited"/>.</summary>
    public int ExitCode => _process.ExitCode;

    /// <summary>What the program wrote.</summary>
    public string LogFile { get; }

    /// <summary>Starts the program.</summary>
    /// <exception cref="FileNotFoundException">There is no such program.</exception>
    public static ChildProcess Start(ChildProcessOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (!File.Exists(options.File))
            throw new FileNotFoundException($"There is no program {options.File}.", options.File);
        var start = new ProcessStartInfo("/bin/sh") { RedirectStandardInput = true };
        foreach (var argument in (string[])["-c", Guarded, "sh", options.LogFile, options.FolderToRemoveWhenOrphaned ?? "", options.File])
            start.ArgumentList.Add(argument);
        foreach (var argument in options.Arguments)
            start.ArgumentList.Add(argument);
        foreach (var (name, value) in options.Environment)
            start.Environment[name] = value;
        return new ChildProcess(Process.Start(start) ?? throw new InvalidOperationException($"{options.File} cannot be started."), options);
    }

    /// <summary>Waits until the program has ended by itself or by a signal.</summary>
    /// <returns>Its exit code.</returns>
    public async Task<int> WaitForExitAsync(CancellationToken ct = default)
    {
        await _process.WaitForExitAsync(ct);
        return _process.ExitCode;
    }

    /// <summary>Asks the program to end (SIGTERM) and ends it (SIGKILL) when it has not after 10 s.</summary>
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

    /// <summary>Ends the program as a crash would (SIGKILL).</summary>
    /// <returns>Its exit code.</returns>
    public async Task<int> KillAsync(CancellationToken ct = default)
    {
        _process.Kill();
        await _process.WaitForExitAsync(ct);
        return _process.ExitCode;
    }

    /// <summary>Sends a signal by its name without SIG, such as <c>STOP</c> or <c>CONT</c>; nothing happens when the program has ended.</summary>
    public async Task SignalAsync(string signal, CancellationToken ct = default)
    {
        if (HasExited)
            return;
        using var kill = Process.Start("/bin/sh", ["-c", "kill -\"$1\" \"$2\" 2>/dev/null", "sh", signal, Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(ct);
    }

    /// <summary>The last lines of <see cref="LogFile"/>, for the message of an exception.</summary>
    public string LastLines() => LastLinesOf(LogFile);

    /// <summary>The last 15 lines of a log file, each on a line of its own, for the message of an exception.</summary>
    public static string LastLinesOf(string logFile) => File.Exists(logFile) && File.ReadLines(logFile).TakeLast(15).ToList() is { Count: > 0 } lines
        ? string.Concat(lines.Select(line => $"\n  {line}"))
        : "(nothing)";

    /// <summary>Throws when the program has ended though it should run.</summary>
    /// <exception cref="InvalidOperationException">It has; the message holds its exit code and last words.</exception>
    public void ThrowIfExited()
    {
        if (HasExited)
            throw new InvalidOperationException($"{_name} ended with exit code {ExitCode}. The last lines of {LogFile}: {LastLines()}");
    }

    /// <summary>Ends the program at once when it still runs.</summary>
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
            // The guard has gone before us: there is nobody to tell.
        }

        _process.Dispose();
    }
}
