using System.Globalization;

namespace TokenOperator.TestBed;

/// <summary>The programs of Postgres, and the user to run them as.</summary>
/// <param name="Initdb">Path of initdb.</param>
/// <param name="Postgres">Path of the server.</param>
/// <param name="BaseBackup">Path of pg_basebackup, which is one of the client programs.</param>
/// <param name="RunAs"><c>uid:gid</c> to run as, because Postgres refuses root; null if this process is not root.</param>
internal sealed record PostgresBinaries(string Initdb, string Postgres, string BaseBackup, string? RunAs)
{
    private const string Override = "TOKEN_OPERATOR_PG_BIN";
    private const string DebianFolder = "/usr/lib/postgresql";

    /// <summary>Looks in TOKEN_OPERATOR_PG_BIN, then on PATH, then for the newest version under /usr/lib/postgresql.</summary>
    /// <exception cref="InvalidOperationException">There is no Postgres. The message explains how to install one.</exception>
    public static PostgresBinaries Find()
    {
        var folder = Candidates().FirstOrDefault(f => File.Exists(Path.Combine(f, "initdb")) && File.Exists(Path.Combine(f, "postgres")))
            ?? throw new InvalidOperationException(
                $"No Postgres found: neither initdb and postgres on PATH nor a version under {DebianFolder}. " +
                $"Install it (apt-get install postgresql) or name the folder of its programs in {Override}.");
        var initdb = Path.Combine(folder, "initdb");
        // PATH may contain links to the server programs only.
        var home = Path.GetDirectoryName(File.ResolveLinkTarget(initdb, returnFinalTarget: true)?.FullName) ?? folder;
        return new PostgresBinaries(
            initdb, Path.Combine(folder, "postgres"), Path.Combine(home, "pg_basebackup"), Environment.IsPrivilegedProcess ? UnprivilegedUser() : null);
    }

    private static IEnumerable<string> Candidates()
    {
        if (Environment.GetEnvironmentVariable(Override) is { Length: > 0 } named)
            return [named];
        var onPath = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries);
        var installed = Directory.Exists(DebianFolder) ? Directory.GetDirectories(DebianFolder) : [];
        return onPath.Concat(installed.OrderByDescending(Version).Select(f => Path.Combine(f, "bin")));
    }

    private static double Version(string folder) =>
        double.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var version) ? version : 0;

    private static string UnprivilegedUser()
    {
        var users = File.ReadLines("/etc/passwd").Select(line => line.Split(':')).Where(fields => fields.Length > 3).ToLookup(fields => fields[0]);
        var user = users["postgres"].Concat(users["nobody"]).FirstOrDefault()
            ?? throw new InvalidOperationException("Postgres refuses to run as root, and /etc/passwd has neither postgres nor nobody to run it as.");
        return $"{user[2]}:{user[3]}";
    }
}
