using Microsoft.Extensions.Logging;
using Npgsql;

namespace TokenOperator.Postgres.Migrations;

/// <summary>Runs the SQL files of <see cref="Migration"/>, all in one transaction. An advisory lock lets one process at a time do it.</summary>
internal sealed partial class PostgresMigrator(
    StatementRunner statements, PostgresSettings settings, TimeProvider time, ILogger<PostgresMigrator> logger) : IMigrator
{
    private const string Versions = "token_operator_versions";

    // The number is arbitrary and unique within the database. The lock ends with its transaction, so it also works through
    // a pooler that assigns a session for one transaction at a time.
    private const string LockSql = "select pg_advisory_xact_lock(7238905612340117)";

    // A statement that waits for a table lock makes all later statements on the table wait, too: give up soon and retry.
    private const string ShortLocksSql = "set local lock_timeout = '2s'";
    private const int MaxLockAttempts = 15;

    // The form of the table is that of earlier releases, which created it with FluentMigrator.
    private const string CreateVersionsSql = $"""
        create table if not exists {Versions} (version bigint not null, applied_on timestamp, description varchar(1024));
        create unique index if not exists token_operator_versions_version on {Versions} (version)
        """;

    /// <summary>$1 schema, $2 parts. New tables are created in the schema of oauth_tokens, which need not be the first of the search path.</summary>
    private const string PrepareSql =
        "select set_config('search_path', quote_ident($1) || ', ' || current_setting('search_path'), true), set_config('token_operator.parts', $2, true)";

    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);

    // Also covers the wait for other processes that migrate.
    private static readonly TimeSpan StatementTimeout = TimeSpan.FromMinutes(2);

    /// <inheritdoc/>
    public async Task UpAsync(CancellationToken cancellationToken)
    {
        if (await CheckVersionAsync(cancellationToken) != Migration.Latest)
            await MigrateAsync(current => current >= Migration.Latest, Migration.Latest, cancellationToken);
    }

    /// <inheritdoc/>
    public async Task DownAsync(long toVersion, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(toVersion);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(toVersion, Migration.Latest);
        if (await CheckVersionAsync(cancellationToken) > toVersion)
            await MigrateAsync(current => current <= toVersion, toVersion, cancellationToken);
    }

    /// <inheritdoc/>
    public async Task<MigrationStatus> StatusAsync(CancellationToken cancellationToken)
    {
        var (current, _) = await ReadVersionAsync(cancellationToken);
        return new MigrationStatus(
            current, Migration.Latest, [.. Migration.All.Select(step => new MigrationStep(step.Version, step.Description, step.Version <= current))]);
    }

    /// <summary>False when another process was faster.</summary>
    private Task<bool> MigrateAsync(Func<long, bool> isDone, long target, CancellationToken cancellationToken) => statements.RunAsync(async _ =>
    {
        await using var connection = await settings.ConnectAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await ExecuteAsync(connection, LockSql, cancellationToken);

        // Another process may have migrated in the meantime.
        var current = await CheckVersionAsync(cancellationToken);
        if (isDone(current))
            return false;
        LogMigrating(settings, current, target);
        for (var attempt = 1; ; attempt++)
        {
            await transaction.SaveAsync("before_steps", cancellationToken);
            try
            {
                await ApplyAsync(connection, current, target, cancellationToken);
                break;
            }
            catch (PostgresException e) when (attempt < MaxLockAttempts && e.SqlState == PostgresErrorCodes.LockNotAvailable)
            {
                await transaction.RollbackAsync("before_steps", cancellationToken);
                LogTableLocked(RetryDelay);
                await Task.Delay(RetryDelay, time, cancellationToken);
            }
        }

        await transaction.CommitAsync(cancellationToken);
        LogMigrated(settings, target);
        return true;
    });

    private static async Task ApplyAsync(NpgsqlConnection connection, long current, long target, CancellationToken cancellationToken)
    {
        await ExecuteAsync(connection, ShortLocksSql, cancellationToken);
        var table = await ExistingTable.ReadAsync(connection, cancellationToken);
        var parts = current == 0 ? Adoption.Plan(table) : [];
        if (parts.Contains(Adoption.Table))
            parts = [.. parts, Adoption.Encrypted];
        await ExecuteAsync(connection, PrepareSql, cancellationToken, SqlValue.Of(table.Schema), SqlValue.Of(string.Join(' ', parts)));
        if (current == 0)
            await ExecuteAsync(connection, CreateVersionsSql, cancellationToken);
        foreach (var step in Migration.All.Where(step => step.Version > current && step.Version <= target))
        {
            await ExecuteAsync(connection, step.Up, cancellationToken);
            await ExecuteAsync(
                connection, $"insert into {Versions} (version, applied_on, description) values ($1, now() at time zone 'utc', $2)", cancellationToken,
                SqlValue.Of(step.Version), SqlValue.Of(step.Description));
        }

        foreach (var step in Migration.All.Reverse().Where(step => step.Version > target && step.Version <= current))
        {
            await ExecuteAsync(connection, step.Down, cancellationToken);
            await ExecuteAsync(connection, $"delete from {Versions} where version = $1", cancellationToken, SqlValue.Of(step.Version));
        }

        // An application may write rows until the next migration.
        if (target < current && target > 0)
            await ExecuteAsync(connection, "delete from token_operator_made where part = $1", cancellationToken, SqlValue.Of(Adoption.Encrypted));
        if (target == 0)
            await ExecuteAsync(connection, $"drop table {Versions}", cancellationToken);
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken, params NpgsqlParameter[] parameters)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = (int)StatementTimeout.TotalSeconds };
        command.Parameters.AddRange(parameters);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>The version of the database, if this program can work with its tables.</summary>
    /// <exception cref="SchemaException">A newer operator migrated the database, or the table was dropped.</exception>
    private async Task<long> CheckVersionAsync(CancellationToken cancellationToken)
    {
        var (version, hasTable) = await ReadVersionAsync(cancellationToken);
        if (version > Migration.Latest)
        {
            throw new SchemaException(
                $"{settings}: its tables have version {version}, but this operator supports versions up to {Migration.Latest}. " +
                "A newer operator migrated them: run that operator, or use it to migrate down first.");
        }

        if (version > 0 && !hasTable)
        {
            throw new SchemaException(
                $"{settings}: the table oauth_tokens is gone, although {Versions} says that it was migrated to version {version}. " +
                $"Restore it from a backup; or, to start with an empty table, drop the tables {Versions} and token_operator_made.");
        }

        return version;
    }

    private Task<(long Version, bool HasTable)> ReadVersionAsync(CancellationToken cancellationToken) => statements.RunAsync(async pool =>
    {
        try
        {
            await using var connection = await settings.OpenAsync(pool, cancellationToken);
            await using var command = new NpgsqlCommand($"select coalesce(max(version), 0), to_regclass('oauth_tokens') is not null from {Versions}", connection);
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            await reader.ReadAsync(cancellationToken);
            return (reader.GetInt64(0), reader.GetBoolean(1));
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            return (0, false);
        }
    });

    [LoggerMessage(6010, LogLevel.Information, "Migrating {Database} from version {From} to {To}")]
    private partial void LogMigrating(PostgresSettings database, long from, long to);

    [LoggerMessage(6011, LogLevel.Information, "{Database} is at version {Version}")]
    private partial void LogMigrated(PostgresSettings database, long version);

    [LoggerMessage(6012, LogLevel.Warning, "Another session has locked the table oauth_tokens; the migration is retried in {Delay}")]
    private partial void LogTableLocked(TimeSpan delay);
}
