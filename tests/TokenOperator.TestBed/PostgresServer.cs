// A real Postgres in a temporary folder. May start processes. Knows nothing about the product.
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Npgsql;

namespace TokenOperator.TestBed;

/// <summary>The options of a <see cref="PostgresServer"/>.</summary>
public sealed record PostgresServerOptions
{
    /// <summary>True syncs writes to the disk as in production. False, the default, is for tests, whose data may be lost in a crash.</summary>
    public bool Durable { get; init; }

    /// <summary>False disables pg_stat_statements, which <see cref="PostgresServer.StatementsAsync"/> needs.</summary>
    public bool CountStatements { get; init; } = true;

    /// <summary>The certificate chain and key (PEM) for TLS; null for no TLS.</summary>
    public (string Certificate, string Key)? Tls { get; init; }

    /// <summary>The size of the tablespace <c>small</c> in the syntax of mount (<c>128k</c>); null for no such tablespace. See <see cref="PostgresServer.CanHaveSmallDisk"/>.</summary>
    public string? SmallDisk { get; init; }

    /// <summary>Further settings of postgresql.conf, such as <c>log_statement = all</c>.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();
}

/// <summary>A database on a <see cref="PostgresServer"/>, with its address in two forms.</summary>
/// <param name="Name">The database's name.</param>
/// <param name="ConnectionString">The address in Npgsql's form.</param>
/// <param name="Uri">The address as a <c>postgresql://</c> URI.</param>
public sealed record PostgresDatabase(string Name, string ConnectionString, string Uri)
{
    /// <summary>The same database through another port on this machine.</summary>
    public PostgresDatabase At(int port) => this with
    {
        ConnectionString = new NpgsqlConnectionStringBuilder(ConnectionString) { Port = port }.ConnectionString,
        Uri = new UriBuilder(Uri) { Port = port }.Uri.AbsoluteUri,
    };
}

/// <summary>A statement as pg_stat_statements counted it.</summary>
public sealed record CountedStatement(string Text, long Calls);

/// <summary>
/// A Postgres with its own data directory in a temporary folder. It listens on loopback and on a socket in that folder, and
/// uses SCRAM passwords. It ends and the folder is deleted when it is disposed of, or when the process that started it ends.
/// </summary>
public sealed class PostgresServer : IAsyncDisposable
{
    private const string User = "operator";
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(60);

    // The shell ends with this process and with the server: its standard input closes when this process dies for any reason. A
    // line on it names the signal for the server. (PR_SET_PDEATHSIG would fire when a thread pool thread ends.)
    private const string Keeper = """
        trap '' INT
        { "$2" -D "$1/data" >>"$1/server.log" 2>&1 </dev/null; echo gone; } &
        if read -r signal; then last=no; else signal=QUIT; last=yes; fi
        until kill -"$signal" "$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)" 2>/dev/null || ! kill -0 $! 2>/dev/null; do sleep 0.05; done
        wait
        if [ "$last" = yes ]; then rm -rf "$1"; fi
        """;

    // The mount is in the server's own mount namespace: no other process sees it, and it goes when the server ends.
    private const string SmallDiskFolder = "/mnt";
    private const string OnSmallDisk = """
        mount -t tmpfs -o size="$1",uid="$2",gid="$3",mode=700 tmpfs "$4" || exit
        shift 4
        exec "$@"
        """;

    private static readonly Lazy<bool> Mounts = new(TryToMount);

    private readonly PostgresBinaries _binaries;
    private readonly PostgresServerOptions _options;
    private readonly string _password;
    private Process? _keeper;
    private TaskCompletionSource _gone = new();
    private int _databases;

    private PostgresServer(PostgresBinaries binaries, PostgresServerOptions options, string password)
    {
        _binaries = binaries;
        _options = options;
        _password = password;
        // The path of a socket has at most 107 bytes, so the folder's name is short.
        Folder = Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), "to-pg-" + Path.GetRandomFileName()[..8]);
        LogFile = Path.Combine(Folder, "server.log");
    }

    /// <summary>The folder with all files of this server, including the Unix socket.</summary>
    public string Folder { get; }

    /// <summary>The server's log.</summary>
    public string LogFile { get; }

    /// <summary>The port on 127.0.0.1. It stays the same after a restart.</summary>
    public int Port { get; private set; }

    /// <summary>True if <see cref="PostgresServerOptions.SmallDisk"/> works here: this process is root and may mount.</summary>
    public static bool CanHaveSmallDisk => Mounts.Value;

    /// <summary>Creates a database cluster and starts it.</summary>
    /// <exception cref="InvalidOperationException">There are no binaries, or the server does not start. The message contains the last lines of its log.</exception>
    public static async Task<PostgresServer> StartAsync(PostgresServerOptions? options = null, CancellationToken ct = default)
    {
        var server = new PostgresServer(PostgresBinaries.Find(), options ?? new PostgresServerOptions(), Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12)));
        List<string> statements = [];
        if (server._options.CountStatements)
            statements.Add("create extension pg_stat_statements");
        if (server._options.SmallDisk is not null)
            statements.Add($"create tablespace small location '{SmallDiskFolder}'");
        return await server.StartAsync(
            () => server.Start(
                server._binaries.Initdb, "-D", server.DataFolder, "-U", User, "--pwfile", server.PasswordFile, "--auth=scram-sha-256", "--no-sync", "--encoding=UTF8", "--locale=C"),
            statements,
            ct);
    }

    /// <summary>Starts a hot standby of this server. It accepts reads, and writes after <c>pg_promote</c>.</summary>
    public async Task<PostgresServer> StartStandbyAsync(CancellationToken ct = default)
    {
        var standby = new PostgresServer(_binaries, _options, _password);
        return await standby.StartAsync(
            () => standby.Start(
                _binaries.BaseBackup, "-D", standby.DataFolder, "--write-recovery-conf", "--checkpoint=fast", "--no-sync", "-d", $"host=127.0.0.1 port={Port} user={User} password={_password}"),
            [],
            ct);
    }

    /// <summary>Stops replication on a standby: it does not receive what its primary commits from now on.</summary>
    public async Task StopFollowingAsync(CancellationToken ct = default)
    {
        await ExecuteAsync("alter system set primary_conninfo = ''", ct: ct);
        await ExecuteAsync("select pg_reload_conf()", ct: ct);
        await SeesAsync("not exists (select from pg_stat_wal_receiver)", ct: ct);
    }

    /// <summary>Waits until an SQL condition is true, for at most 30 s (the command timeout).</summary>
    public Task SeesAsync(string condition, string database = "postgres", CancellationToken ct = default) => ExecuteAsync(
        $"do $$ begin while not ({condition}) loop perform pg_sleep(0.02), pg_stat_clear_snapshot(); end loop; end $$", database, ct);

    /// <summary>Starts the server after <see cref="StopAsync"/>, on the same port with the same data.</summary>
    public async Task StartAgainAsync(CancellationToken ct = default)
    {
        _gone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _keeper = StartServer();
        _keeper.OutputDataReceived += (_, line) => { if (line.Data is null or "gone") _gone.TrySetResult(); };
        _keeper.BeginOutputReadLine();

        try
        {
            await Eventually.SeesAsync(IsUpOrGoneAsync, seen => seen, Timeout, ct, "Postgres accepts connections");
        }
        catch (TimeoutException e)
        {
            throw new InvalidOperationException($"{e.Message}. The last lines of {LogFile}: {ChildProcess.LastLinesOf(LogFile)}", e);
        }

        if (_gone.Task.IsCompleted)
            throw new InvalidOperationException($"Postgres ended while it started. The last lines of {LogFile}: {ChildProcess.LastLinesOf(LogFile)}");

        async Task<bool> IsUpOrGoneAsync()
        {
            if (!_gone.Task.IsCompleted)
                await ExecuteAsync("select 1", ct: ct);
            return true;
        }
    }

    /// <summary>Stops the server in order, or by a crash, without notice to its clients, if <paramref name="crash"/> is set.</summary>
    public async Task StopAsync(bool crash = false, CancellationToken ct = default)
    {
        if (_keeper is not { } keeper)
            return;
        await keeper.StandardInput.WriteLineAsync(crash ? "QUIT" : "INT");
        await keeper.StandardInput.FlushAsync(ct);
        await keeper.WaitForExitAsync(ct);
        _keeper = null;
        keeper.Dispose();
    }

    /// <summary>Resizes the tablespace <c>small</c>.</summary>
    public Task ResizeSmallDiskAsync(string size, CancellationToken ct = default) => RunAsync(
        Process.Start("nsenter", ["--mount", "--target", $"{_keeper!.Id}", "mount", "-o", $"remount,size={size}", SmallDiskFolder]), ct);

    /// <summary>Creates a database, empty or as a copy of a template that has no open connections.</summary>
    public async Task<PostgresDatabase> CreateDatabaseAsync(PostgresDatabase? template = null, CancellationToken ct = default)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"db{Interlocked.Increment(ref _databases)}");
        await ExecuteAsync($"create database {name} template {template?.Name ?? "template1"}", ct: ct);
        return Database(name);
    }

    /// <summary>The address of a database, whether it exists or not.</summary>
    public PostgresDatabase Database(string name) => new(
        name,
        new NpgsqlConnectionStringBuilder { Host = "127.0.0.1", Port = Port, Database = name, Username = User, Password = _password }.ConnectionString,
        string.Create(CultureInfo.InvariantCulture, $"postgresql://{User}:{_password}@127.0.0.1:{Port}/{name}"));

    /// <summary>Runs SQL as superuser, outside of a transaction, in the given database (by default postgres).</summary>
    public async Task ExecuteAsync(string sql, string database = "postgres", CancellationToken ct = default)
    {
        await using var connection = await OpenAsync(database, ct);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>
    /// The statements that clients sent to a database since <see cref="ResetStatementsAsync"/>, each with the number of its calls.
    /// The sum of calls is the number of executed statements.
    /// </summary>
    public async Task<IReadOnlyList<CountedStatement>> StatementsAsync(PostgresDatabase database, CancellationToken ct = default)
    {
        await using var connection = await OpenAsync("postgres", ct);
        await using var command = new NpgsqlCommand(
            "select query, sum(calls)::bigint from pg_stat_statements s join pg_database d on d.oid = s.dbid where datname = $1 and toplevel group by query",
            connection);
        command.Parameters.AddWithValue(database.Name);
        var found = new List<CountedStatement>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
            found.Add(new CountedStatement(reader.GetString(0), reader.GetInt64(1)));
        return found;
    }

    /// <summary>Resets the counts of all databases.</summary>
    public Task ResetStatementsAsync(CancellationToken ct = default) => ExecuteAsync("select pg_stat_statements_reset()", ct: ct);

    /// <summary>Stops the server at once and deletes its folder.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_keeper is { } keeper)
        {
            _keeper = null;
            keeper.StandardInput.Close();
            await keeper.WaitForExitAsync();
            keeper.Dispose();
        }

        if (Directory.Exists(Folder))
            Directory.Delete(Folder, recursive: true);
    }

    private string CertificateFile => Path.Combine(Folder, "server.crt");

    private string KeyFile => Path.Combine(Folder, "server.key");

    private string DataFolder => Path.Combine(Folder, "data");

    private string PasswordFile => Path.Combine(Folder, "password");

    private async Task<PostgresServer> StartAsync(Func<Process> makeData, IReadOnlyList<string> statements, CancellationToken ct)
    {
        try
        {
            await MakeFolderAsync(ct);
            await RunAsync(makeData(), ct);
            File.Delete(PasswordFile);
            await File.AppendAllLinesAsync(Path.Combine(DataFolder, "postgresql.conf"), Settings().Select(s => $"{s.Key} = '{s.Value}'"), ct);
            await StartAgainAsync(ct);
            foreach (var statement in statements)
                await ExecuteAsync(statement, ct: ct);
            return this;
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    private async Task MakeFolderAsync(CancellationToken ct)
    {
        if (OperatingSystem.IsWindows())
            throw new PlatformNotSupportedException("The test fixtures need a Unix shell.");
        Port = Ports.Free();
        Directory.CreateDirectory(Folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await File.WriteAllTextAsync(PasswordFile, _password, ct);
        if (_options.Tls is { } tls)
        {
            await File.WriteAllTextAsync(CertificateFile, tls.Certificate, ct);
            await File.WriteAllTextAsync(KeyFile, tls.Key, ct);
            // Postgres refuses a key file that other users can read.
            File.SetUnixFileMode(KeyFile, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        if (_binaries.RunAs is { } user)
            await RunAsync(Process.Start("chown", ["-R", user, Folder]), ct);
    }

    private Dictionary<string, string> Settings()
    {
        var settings = new Dictionary<string, string>
        {
            ["listen_addresses"] = "127.0.0.1",
            ["port"] = Port.ToString(CultureInfo.InvariantCulture),
            ["unix_socket_directories"] = Folder,
            ["max_connections"] = "100",
            ["shared_buffers"] = "64MB",
            ["log_line_prefix"] = "%m [%p] %d ",
            ["timezone"] = "UTC",
        };
        if (_options.Tls is not null)
            (settings["ssl"], settings["ssl_cert_file"], settings["ssl_key_file"]) = ("on", CertificateFile, KeyFile);
        if (_options.CountStatements)
            settings["shared_preload_libraries"] = "pg_stat_statements";
        if (!_options.Durable)
            settings["fsync"] = settings["full_page_writes"] = "off";
        foreach (var (name, value) in _options.Settings)
            settings[name] = value;
        return settings;
    }

    // These connections are not pooled: a pool would keep dead ones across a restart.
    private async Task<NpgsqlConnection> OpenAsync(string database, CancellationToken ct)
    {
        var connection = new NpgsqlConnection(Database(database).ConnectionString + ";Pooling=false");
        try
        {
            await connection.OpenAsync(ct);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private Process StartServer()
    {
        string[] keeper = ["/bin/sh", "-c", Keeper, "sh", Folder, _binaries.Postgres];
        return _options.SmallDisk is { } size && _binaries.RunAs?.Split(':') is [var user, var group]
            ? StartAsIs(["unshare", "--mount", "/bin/sh", "-c", OnSmallDisk, "sh", size, user, group, SmallDiskFolder, .. AsUser(keeper)])
            : Start(keeper);
    }

    private string[] AsUser(string[] command) =>
        _binaries.RunAs?.Split(':') is [var user, var group] ? ["setpriv", "--reuid", user, "--regid", group, "--clear-groups", .. command] : command;

    private Process Start(params string[] command) => StartAsIs(AsUser(command));

    private Process StartAsIs(string[] command)
    {
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardInput = true, RedirectStandardOutput = true, WorkingDirectory = Folder };
        start.Environment["LC_ALL"] = "C";
        return Process.Start(start) ?? throw new InvalidOperationException($"{command[0]} cannot be started.");
    }

    private static bool TryToMount()
    {
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess)
            return false;
        using var trial = Process.Start("unshare", ["--mount", "mount", "-t", "tmpfs", "tmpfs", SmallDiskFolder]);
        trial.WaitForExit();
        return trial.ExitCode == 0;
    }

    private static async Task RunAsync(Process process, CancellationToken ct)
    {
        using (process)
        {
            var said = process.StartInfo.RedirectStandardOutput ? await process.StandardOutput.ReadToEndAsync(ct) : "";
            await process.WaitForExitAsync(ct);
            if (process.ExitCode != 0)
                throw new InvalidOperationException($"{process.StartInfo.FileName} ended with exit code {process.ExitCode}: {said}");
        }
    }
}
