using TokenOperator.Core.Text;

namespace TokenOperator.Postgres;

/// <summary>Finds files with secrets that every user of the machine can read.</summary>
internal static class FileAccessCheck
{
    /// <summary>
    /// The files that everyone can read. The kubelet mounts a Secret with links to a folder <c>..data</c>, which only the
    /// processes of the pod see, so such files are left out.
    /// </summary>
    public static IEnumerable<string> WorldReadable(IEnumerable<string?> files) =>
        files.OfType<string>().Where(file => file.Length > 0 && IsWorldReadable(file));

    /// <summary>The command that changes this.</summary>
    public static string Remedy(string file) => $"chmod o-rwx {DisplayText.ShellWord(file)}";

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
