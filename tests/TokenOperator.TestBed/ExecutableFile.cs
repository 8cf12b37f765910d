using System.Diagnostics;

namespace TokenOperator.TestBed;

/// <summary>Writes programs for a test to run.</summary>
public static class ExecutableFile
{
    /// <summary>
    /// Writes a script that only its owner can execute. A child process writes it: a file that this process has open for writing is
    /// inherited by any process that another test starts at that moment, and cannot be run then ("Text file busy", golang/go#22315).
    /// </summary>
    /// <param name="path">The path. An existing file is replaced.</param>
    /// <param name="script">The script, including its first line (#!).</param>
    /// <exception cref="IOException">The file could not be written.</exception>
    public static void Write(string path, string script)
    {
        using var install = Process.Start(new ProcessStartInfo("install", ["-m", "700", "/dev/stdin", path]) { RedirectStandardInput = true })
            ?? throw new InvalidOperationException("install cannot be started.");
        install.StandardInput.Write(script);
        install.StandardInput.Close();
        install.WaitForExit();
        if (install.ExitCode != 0)
            throw new IOException($"{path} could not be written: install ended with {install.ExitCode}.");
    }
}
