using System.Globalization;
using Npgsql;

namespace TokenOperator.TestBed.Faults;

/// <summary>The step of a statement on a row of <c>oauth_tokens</c>, for <see cref="RowHolds"/>.</summary>
public enum RowStep
{
    /// <summary>Inserts the row.</summary>
    Import,

    /// <summary>Claims the row.</summary>
    Claim,

    /// <summary>Commits new tokens and ends the claim.</summary>
    Commit,
}

/// <summary>
/// Holds statements on single rows inside Postgres, with a trigger that waits for advisory locks. A held statement can be
/// cancelled (<see cref="DropAsync"/>), or continues when all are released, even if its client is gone.
/// </summary>
public sealed class RowHolds : IAsyncDisposable
{
    private const string Prepare = """
        create table test_holds (provider text, account text, step text, key int generated always as identity);
        create function test_hold() returns trigger language plpgsql as $$
        declare held int;
        begin
          select h.key into held from test_holds h where h.provider = new.provider and h.account = new.account and h.step =
            case when tg_op = 'INSERT' then 'Import'
                 when new.generation > old.generation then 'Commit'
                 when new.claim_expires_at is not null and new.claim_id is distinct from old.claim_id then 'Claim' end;
          if held is not null then perform pg_advisory_xact_lock_shared(4711, held); end if;
          return new;
        end $$;
        create trigger test_hold before insert or update on oauth_tokens for each row execute function test_hold();
        """;

    private readonly NpgsqlConnection _connection;

    private RowHolds(NpgsqlConnection connection) => _connection = connection;

    /// <summary>Prepares a migrated database, as superuser.</summary>
    public static async Task<RowHolds> CreateAsync(PostgresDatabase database, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(database);
        var connection = new NpgsqlConnection(database.ConnectionString + ";Pooling=false");
        await connection.OpenAsync(ct);
        var holds = new RowHolds(connection);
        await holds.ExecuteAsync(Prepare, ct);
        return holds;
    }

    /// <summary>Holds this step of this row from now on.</summary>
    public Task HoldAsync(string provider, string account, RowStep step, CancellationToken ct = default) => ExecuteAsync(
        "with held as (insert into test_holds values ($1, $2, $3) returning key) select pg_advisory_lock(4711, key) from held",
        ct, provider, account, step.ToString());

    /// <summary>The rows whose statements are held.</summary>
    public async Task<IReadOnlySet<(string Provider, string Account)>> WaitingAsync(CancellationToken ct = default)
    {
        await using var command = new NpgsqlCommand(
            "select distinct provider, account from pg_locks join test_holds on key = objid::bigint where locktype = 'advisory' and classid = 4711 and not granted",
            _connection);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var found = new HashSet<(string, string)>();
        while (await reader.ReadAsync(ct))
            found.Add((reader.GetString(0), reader.GetString(1)));
        return found;
    }

    /// <summary>Ends the session of the held statement, which has no effect then.</summary>
    public async Task DropAsync(string provider, string account, RowStep step, CancellationToken ct = default)
    {
        await ExecuteAsync(
            """
            select pg_terminate_backend(l.pid) from pg_locks l join test_holds h on h.key = l.objid::bigint
            where locktype = 'advisory' and classid = 4711 and not granted and h.provider = $1 and h.account = $2 and h.step = $3
            """,
            ct, provider, account, step.ToString());
        await Eventually.SeesAsync(() => WaitingAsync(ct), waiting => !waiting.Contains((provider, account)), ct: ct);
    }

    /// <summary>Releases all statements and holds no further ones. Completes when the held statements have been executed.</summary>
    public async Task ReleaseAsync(CancellationToken ct = default)
    {
        await ExecuteAsync("delete from test_holds", ct);
        await ExecuteAsync("select pg_advisory_unlock_all()", ct);
        // A released statement keeps its shared lock until it is committed.
        await Eventually.SeesAsync(
            async () =>
            {
                await using var command = new NpgsqlCommand("select count(*) from pg_locks where locktype = 'advisory' and classid = 4711", _connection);
                return Convert.ToInt32(await command.ExecuteScalarAsync(ct), CultureInfo.InvariantCulture);
            },
            left => left == 0,
            ct: ct);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private async Task ExecuteAsync(string sql, CancellationToken ct, params string[] values)
    {
        await using var command = new NpgsqlCommand(sql, _connection);
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = value });
        await command.ExecuteNonQueryAsync(ct);
    }
}
