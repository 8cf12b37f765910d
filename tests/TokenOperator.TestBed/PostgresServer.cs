// Test fixture: a real Postgres in a temporary folder. May start processes; knows nothing of the product.
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Npgsql;

namespace TokenOperator.TestBed;

/// <summary>How a <see cref="PostgresServer"/> is run.</summary>
public sealed record PostgresServerOptions
{
    /// <summary>True writes through to the disk as in production; false (the default) is for tests, whose data nobody will miss.</summary>
    public bool Durable { get; init; }

    /// <summary>False leaves pg_stat_statements out; <see cref="PostgresServer.StatementsAsync"/> cannot count then.</summary>
    public bool CountStatements { get; init; } = true;

    /// <summary>Certificate chain and key (PEM) to offer TLS with; null for none.</summary>
    public (string Certificate, string Key)? Tls { get; init; }

    /// <summary>How much room the tablespace <c>small</c> has, as mount says it (<c>128k</c>); null for no such tablespace. See <see cref="PostgresServer.CanHaveSmallDisk"/>.</summary>
    public string? SmallDisk { get; init; }

    /// <summary>Further settings of postgresql.conf, such as <c>log_statement = all</c>.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();
}

/// <summary>One database on a <see cref="PostgresServer"/>, with the same address in both forms.</summary>
/// <param name="Name">The database's name.</param>
/// <param name="ConnectionString">In Npgsql's form.</param>
/// <param name="Uri">As <c>postgresql://</c>.</param>
public sealed record PostgresDatabase(string Name, string ConnectionString, string Uri)
{
    /// <summary>The same by way of another port on this machine.</summary>
    public PostgresDatabase At(int port) => this with
    {
        ConnectionString = new NpgsqlConnectionStringBuilder(ConnectionString) { Port = port }.ConnectionString,
        Uri = new UriBuilder(Uri) { Port = port }.Uri.AbsoluteUri,
    };
}

/// <summary>A statement as pg_stat_statements counted it.</summary>
public sealed record CountedStatement(string Text, long Calls);

/// <summary>
/// A Postgres of its own: initdb in a temporary folder, loopback and a socket in that folder, passwords by SCRAM.
/// It ends, and its folder with it, when it is disposed or when the process that started it ends in any way.
/// </summary>
public sealed class PostgresServer : IAsyncDisposable
{
    private const string User = "operator";
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(60);

    // The shell outlives neither us nor the server: its standard input closes when we die, however we die. A line on it is
    // the signal for the server. (PR_SET_PDEATHSIG would fire when a thread of the pool ends.)
    private const string Keeper = """
        trap '' INT
        { "$2" -D "$1/data" >>"$1/server.log" 2>&1 </dev/null; echo gone; } &
        if read -r signal; then last=no; else signal=QUIT; last=yes; fi
        until kill -"$signal" "$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)" 2>/dev/null || ! kill -0 $! 2>/dev/null; do sleep 0.05; done
        wait
        if [ "$last" = yes ]; then rm -rf "$1"; fi
        """;

    // A mount in a namespace of the server's own: nobody else sees it, and it goes when the server does, however that ends.
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
        // A socket's path holds at most 107 bytes, so the folder is short.
        Folder = Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), "to-pg-" + Path.GetRandomFileName()[..8]);
        LogFile = Path.Combine(Folder, "server.log");
    }

    /// <summary>Everything of this server; the unix socket lies in it, too.</summary>
    public string Folder { get; }

    /// <summary>What the server wrote.</summary>
    public string LogFile { get; }

    /// <summary>The port on 127.0.0.1; the same after a restart.</summary>
    public int Port { get; private set; }

    /// <summary>True where <see cref="PostgresServerOptions.SmallDisk"/> can be had: for root, unless the container forbids to mount.</summary>
    public static bool CanHaveSmallDisk => Mounts.Value;

    /// <summary>Makes a cluster and starts it.</summary>
    /// <exception cref="InvalidOperationException">There are no binaries, or the server does not come up; the message holds its last words.</exception>
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

    /// <summary>A hot standby that follows this server: it answers reads, and takes writes after <c>pg_promote</c>.</summary>
    public async Task<PostgresServer> StartStandbyAsync(CancellationToken ct = default)
    {
        var standby = new PostgresServer(_binaries, _options, _password);
        return await standby.StartAsync(
            () => standby.Start(
                _binaries.BaseBackup, "-D", standby.DataFolder, "--write-recovery-conf", "--checkpoint=fast", "--no-sync", "-d", $"host=127.0.0.1 port={Port} user={User} password={_password}"),
            [],
            ct);
    }

    /// <summary>Makes a standby deaf to its primary: what that commits from now on is not here.</summary>
    public async Task StopFollowingAsync(CancellationToken ct = default)
    {
        await ExecuteAsync("alter system set primary_conninfo = ''", ct: ct);
        await ExecuteAsync("select pg_reload_conf()", ct: ct);
        await SeesAsync("not exists (select from pg_stat_wal_receiver)", ct: ct);
    }

    /// <summary>Waits until a condition of SQL holds here, for 30 s at most (the command timeout).</summary>
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

    /// <summary>Stops the server: its clients hear that it shuts down, or, when <paramref name="crash"/> is set, are cut off.</summary>
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

    /// <summary>Gives the tablespace <c>small</c> this much room.</summary>
    public Task ResizeSmallDiskAsync(string size, CancellationToken ct = default) => RunAsync(
        Process.Start("nsenter", ["--mount", "--target", $"{_keeper!.Id}", "mount", "-o", $"remount,size={size}", SmallDiskFolder]), ct);

    /// <summary>Makes a fresh database: empty, or a copy of a template that nobody is connected to.</summary>
    public async Task<PostgresDatabase> CreateDatabaseAsync(PostgresDatabase? template = null, CancellationToken ct = default)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"db{Interlocked.Increment(ref _databases)}");
        await ExecuteAsync($"create database {name} template {template?.Name ?? "template1"}", ct: ct);
        return Database(name);
    }

    /// <summary>The address of a database that may or may not be there.</summary>
    public PostgresDatabase Database(string name) => new(
        name,
        new NpgsqlConnectionStringBuilder { Host = "127.0.0.1", Port = Port, Database = name, Username = User, Password = _password }.ConnectionString,
        string.Create(CultureInfo.InvariantCulture, $"postgresql://{User}:{_password}@127.0.0.1:{Port}/{name}"));

    /// <summary>Runs SQL as superuser, outside of any transaction, in the database named (postgres unless told).</summary>
    public async Task ExecuteAsync(string sql, string database = "postgres", CancellationToken ct = default)
    {
        await using var connection = await OpenAsync(database, ct);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>
    /// The statements that clients sent to a database since <see cref="ResetStatementsAsync"/>, each with its calls.
    /// One call is one statement executed; the sum of calls is what the database had to do.
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

    /// <summary>Starts the counts of all databases anew.</summary>
    public Task ResetStatementsAsync(CancellationToken ct = default) => ExecuteAsync("select pg_stat_statements_reset()", ct: ct);

    /// <summary>Stops the server at once and removes its folder.</summary>
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
            throw new PlatformNotSupportedException("The test fixture needs a Unix shell.");
        Port = Ports.Free();
        Directory.CreateDirectory(Folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await File.WriteAllTextAsync(PasswordFile, _password, ct);
        if (_options.Tls is { } tls)
        {
            await File.WriteAllTextAsync(CertificateFile, tls.Certificate, ct);
            await File.WriteAllTextAsync(KeyFile, tls.Key, ct);
            // Postgres refuses a key that others may read.
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

    // The helper connections are not pooled: a pool would keep dead ones over a restart.
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
