using Microsoft.Win32.SafeHandles;
using TokenOperator.Core.Text;

namespace KubectlOAuthToken.Output;

/// <summary>Standard output that fails when its reader has closed the pipe (<c>logs -f | grep -m1</c>). .NET's own ignores that.</summary>
internal static class StandardOutput
{
    /// <summary>The exit code that a shell reports for a program that SIGPIPE ended.</summary>
    public const int ClosedExitCode = 141;

    private const int FileDescriptor = 1;
    private const int BrokenPipe = 32;

    /// <summary>Replaces <see cref="Console.Out"/> if it is a pipe.</summary>
    public static void Open()
    {
        if (OperatingSystem.IsWindows() || !Console.IsOutputRedirected)
            return;
        var output = new FileStream(new SafeFileHandle(FileDescriptor, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        // A FileStream tracks its own position in a file, so it would overwrite what other processes append.
        if (!output.CanSeek)
            Console.SetOut(new PrintableWriter(new StreamWriter(output) { AutoFlush = true }, isTerminal: false));
    }

    /// <summary>Whether <paramref name="e"/> means that the reader has closed the pipe (EPIPE).</summary>
    public static bool IsClosed(IOException e) => !OperatingSystem.IsWindows() && e.HResult == BrokenPipe;
}
