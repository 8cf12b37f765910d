namespace TokenOperator.Tests.Postgres;

/// <summary>The rights on files, written as for chmod.</summary>
internal static class UnixMode
{
    /// <summary>Sets the rights on a file or folder to <paramref name="octal"/>, such as 640.</summary>
    public static void Set(string path, string octal)
    {
        if (OperatingSystem.IsWindows())
            throw new PlatformNotSupportedException("The tests need a Unix file system.");
        File.SetUnixFileMode(path, (UnixFileMode)Convert.ToInt32(octal, 8));
    }
}
