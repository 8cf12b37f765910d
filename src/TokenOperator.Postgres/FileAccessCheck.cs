namespace TokenOperator.Postgres;

/// <summary>Finds files with secrets that every user of the machine can read.</summary>
internal static class FileAccessCheck
{
    /// <summary>
    /// A sentence for each file that everyone can read. The kubelet mounts a Secret with links to a folder <c>..data</c>, which only the
    /// processes of the pod see, so such files are left out.
    /// </summary>
    public static IEnumerable<string> WorldReadable(IEnumerable<string?> files) =>
        from file in files
        where !string.IsNullOrEmpty(file) && IsWorldReadable(file)
        select $"Every user of this machine can read the file {file}, which contains a secret. Run: chmod o-rwx {Core.Text.DisplayText.ShellWord(file)}";

    private static bool IsWorldReadable(string file)
    {
        if (OperatingSystem.IsWindows() || Path.GetDirectoryName(Path.GetFullPath(file)) is not { } folder || Path.Exists(Path.Combine(folder, "..data")))
            return false;
        try
        {
            return File.GetUnixFileMode(file).HasFlag(UnixFileMode.OtherRead) && File.GetUnixFileMode(folder).HasFlag(UnixFileMode.OtherExecute);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
