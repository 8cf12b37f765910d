using System.Diagnostics;

namespace TokenOperator.TestBed;

/// <summary>Writes programs that a test runs at once.</summary>
public static class ExecutableFile
{
    /// <summary>
    /// Writes a script, executable for its owner alone. Another process writes it: a file that this one has open for writing is
    /// inherited by whatever another test starts at that moment, and can then not be run yet ("Text file busy", golang/go#22315).
    /// </summary>
    /// <param name="path">Where; what lies there is replaced.</param>
    /// <param name="script">All of it, with its first line (#!).</param>
    /// <exception cref="IOException">It could not be written.</exception>
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
