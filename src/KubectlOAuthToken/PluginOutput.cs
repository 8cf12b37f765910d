using Microsoft.Win32.SafeHandles;

namespace KubectlOAuthToken;

/// <summary>Standard output that notices when nobody reads it any more (<c>logs -f | grep -m1</c>); that of .NET goes on in silence.</summary>
internal static class PluginOutput
{
    /// <summary>What a shell says of a program that SIGPIPE has ended.</summary>
    public const int Gone = 141;

    private const int StandardOutput = 1;
    private const int BrokenPipe = 32;

    /// <summary>Replaces <see cref="Console.Out"/>, where it is a pipe.</summary>
    public static void Open()
    {
        if (OperatingSystem.IsWindows() || !Console.IsOutputRedirected)
            return;
        var output = new FileStream(new SafeFileHandle(StandardOutput, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        // In a file this stream would not see what others write to it.
        if (!output.CanSeek)
            Console.SetOut(new StreamWriter(output) { AutoFlush = true });
    }

    /// <summary>True for what a write throws then.</summary>
    public static bool IsGone(IOException e) => !OperatingSystem.IsWindows() && e.HResult == BrokenPipe;
}
