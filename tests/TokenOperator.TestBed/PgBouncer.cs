// A real PgBouncer in front of a PostgresServer. May start a process. Knows nothing about the product.
using System.Globalization;
using Npgsql;

namespace TokenOperator.TestBed;

/// <summary>A connection pooler in transaction mode.</summary>
public sealed class PgBouncer : IAsyncDisposable
{
    private readonly ChildProcess _process;
    private readonly string _folder;

    private PgBouncer(ChildProcess process, string folder, PostgresDatabase database)
    {
        (_process, _folder) = (process, folder);
        Database = database;
    }

    /// <summary>The database that it was started for, through the pooler.</summary>
    public PostgresDatabase Database { get; }

    /// <summary>Starts a pooler with two sessions, so that clients soon share them.</summary>
    /// <exception cref="InvalidOperationException">There is no pgbouncer, and it cannot be downloaded.</exception>
    public static async Task<PgBouncer> StartAsync(PostgresDatabase database, CancellationToken ct = default)
    {
        var binary = await FetchedProgram.FindAsync("TOKEN_OPERATOR_PGBOUNCER", "hack/pgbouncer.sh", ct);
        var (server, port) = (new NpgsqlConnectionStringBuilder(database.ConnectionString), Ports.Free());
        var folder = Directory.CreateTempSubdirectory("to-pool-").FullName;
        var settings = Path.Combine(folder, "pgbouncer.ini");
        var users = Path.Combine(folder, "users.txt");
        await File.WriteAllTextAsync(users, $"\"{server.Username}\" \"{server.Password}\"\n", ct);
        await File.WriteAllTextAsync(settings, string.Create(CultureInfo.InvariantCulture, $"""
            [databases]
            * = host=127.0.0.1 port={server.Port}
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {port}
            unix_socket_dir =
            auth_type = scram-sha-256
            auth_file = {users}
            pool_mode = transaction
            default_pool_size = 2
            {(Environment.IsPrivilegedProcess ? "user = nobody" : "")}
            """), ct);
        var process = ChildProcess.Start(new ChildProcessOptions(binary, [settings])
        {
            LogFile = Path.Combine(folder, "pgbouncer.log"),
            FolderToRemoveWhenOrphaned = folder,
        });
        server.Port = port;
        var pool = new PgBouncer(process, folder, new PostgresDatabase(
            database.Name, server.ConnectionString, string.Create(CultureInfo.InvariantCulture, $"postgresql://{server.Username}:{server.Password}@127.0.0.1:{port}/{database.Name}")));
        try
        {
            await Eventually.IsTrueAsync(() => { process.ThrowIfExited(); return Answers(port); }, ct: ct);
            return pool;
        }
        catch
        {
            await pool.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        if (Directory.Exists(_folder))
            Directory.Delete(_folder, recursive: true);
    }

    private static bool Answers(int port)
    {
        using var client = new System.Net.Sockets.TcpClient();
        try
        {
            client.Connect(System.Net.IPAddress.Loopback, port);
            return true;
        }
        catch (System.Net.Sockets.SocketException)
        {
            return false;
        }
    }
}
