using System.Globalization;
using Npgsql;

namespace TokenOperator.TestBed.Faults;

/// <summary>Uses up all connections of a Postgres: other clients lose theirs and get none until this object is disposed of.</summary>
public sealed class UsedUpConnections : IAsyncDisposable
{
    private const string EndOthers =
        "select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and application_name <> 'used-up'";

    private readonly List<NpgsqlConnection> _connections = [];

    private UsedUpConnections()
    {
    }

    /// <summary>Takes all connections, including those that are reserved for superusers. For a server with a small <c>max_connections</c>.</summary>
    public static async Task<UsedUpConnections> TakeAsync(PostgresDatabase database, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(database);
        var taken = new UsedUpConnections();
        try
        {
            await taken.TakeOneAsync(database, ct);
            var most = Convert.ToInt32(await taken.RunAsync("show max_connections", ct), CultureInfo.InvariantCulture);
            while (taken._connections.Count < most)
            {
                await taken.RunAsync(EndOthers, ct);
                try
                {
                    await taken.TakeOneAsync(database, ct);
                }
                catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.TooManyConnections)
                {
                    // A client that was disconnected is still there, or has reconnected.
                }
            }

            return taken;
        }
        catch
        {
            await taken.DisposeAsync();
            throw;
        }
    }

    /// <summary>Releases the connections.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var connection in _connections)
            await connection.DisposeAsync();
    }

    private async Task TakeOneAsync(PostgresDatabase database, CancellationToken ct)
    {
        var connection = new NpgsqlConnection(database.ConnectionString + ";Pooling=false;Application Name=used-up");
        try
        {
            await connection.OpenAsync(ct);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }

        _connections.Add(connection);
    }

    private async Task<object?> RunAsync(string sql, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(sql, _connections[0]);
        return await command.ExecuteScalarAsync(ct);
    }
}
