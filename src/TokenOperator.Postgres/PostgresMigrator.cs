using System.Data.Common;
using Microsoft.Extensions.Logging;
using Npgsql;
using TokenOperator.Postgres.Migrations;

namespace TokenOperator.Postgres;

/// <summary>Decides what to migrate, lets one process at a time do it, and leaves the doing to <see cref="MigrationRun"/>.</summary>
internal sealed class PostgresMigrator(NpgsqlDataSource pool, PostgresSettings settings, TimeProvider clock, ILogger<PostgresMigrator> logger)
    : IMigrator
{
    // The number is arbitrary; it is ours alone within the database. The lock ends with its transaction, so it works through
    // a pooler that hands out sessions by transaction.
    private const string LockSql = "select pg_advisory_xact_lock(7238905612340117)";
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);
    private const int LockTries = 15;
    private const int SecondsForOthers = 120;

    /// <inheritdoc/>
    public Task UpAsync(CancellationToken ct) => GuardedAsync(async () =>
    {
        if (await VersionAsync(ct) != SchemaVersions.Latest)
            await MigrateAsync(SchemaVersions.Latest, up: true, ct);
    });

    /// <inheritdoc/>
    public Task DownAsync(long toVersion, CancellationToken ct)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(toVersion);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(toVersion, SchemaVersions.Latest);
        return GuardedAsync(async () =>
        {
            if (await VersionAsync(ct) > toVersion)
                await MigrateAsync(toVersion, up: false, ct);
        });
    }

    /// <inheritdoc/>
    public async Task<MigrationStatus> StatusAsync(CancellationToken ct)
    {
        var current = 0L;
        await GuardedAsync(async () => current = (await ReadVersionAsync(ct)).Version);
        return new MigrationStatus(
            current, SchemaVersions.Latest, [.. SchemaVersions.All.Select(step => new MigrationStep(step.Version, step.Description, step.Version <= current))]);
    }

    private async Task MigrateAsync(long target, bool up, CancellationToken ct)
    {
        await using var connection = settings.CreateConnection();
        await connection.OpenAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await using (var wait = new NpgsqlCommand(LockSql, connection) { CommandTimeout = SecondsForOthers })
            await wait.ExecuteNonQueryAsync(ct);

        // Another process may have done it meanwhile.
        var current = await VersionAsync(ct);
        if (up ? current >= target : current <= target)
            return;
        var table = await ExistingTable.ReadAsync(pool, ct);
        var parts = current < SchemaVersions.Table ? Adoption.Plan(table) : await MadeAsync(ct);
        logger.Migrating(settings, current, target);
        await RunAsync(table.Schema, parts, target, up, ct);
        if (target == 0)
            await ExecuteAsync($"drop table {SchemaVersions.VersionTable}", ct);
        logger.Migrated(settings, target);
    }

    private async Task RunAsync(string schema, IReadOnlySet<string> parts, long target, bool up, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await Task.Run(() => MigrationRun.To(settings.UnpooledConnectionString(), schema, parts, target, up), ct);
                return;
            }
            catch (Exception e) when (attempt < LockTries && PostgresErrors.Find<PostgresException>(e)?.SqlState == PostgresErrorCodes.LockNotAvailable)
            {
                logger.MigrationWaits(RetryDelay);
                await Task.Delay(RetryDelay, clock, ct);
            }
        }
    }

    /// <summary>The database's version, checked.</summary>
    private async Task<long> VersionAsync(CancellationToken ct)
    {
        var (version, hasTable) = await ReadVersionAsync(ct);
        if (version > SchemaVersions.Latest)
        {
            throw new SchemaException(
                $"{settings}: its tables have version {version}, this operator knows versions up to {SchemaVersions.Latest}. " +
                "A newer operator migrated them: run that one, or let it migrate down first.");
        }

        if (version > 0 && !hasTable)
        {
            throw new SchemaException(
                $"{settings}: the table oauth_tokens is gone although {SchemaVersions.VersionTable} says that it was migrated to version {version}. " +
                $"Restore it from a backup; or, to begin with an empty one, drop the tables {SchemaVersions.VersionTable} and {SchemaVersions.MadeTable}.");
        }

        return version;
    }

    private async Task<(long Version, bool HasTable)> ReadVersionAsync(CancellationToken ct)
    {
        try
        {
            await using var command = pool.CreateCommand(
                $"select coalesce(max(version), 0), to_regclass('oauth_tokens') is not null from {SchemaVersions.VersionTable}");
            await using var reader = await command.ExecuteReaderAsync(ct);
            await reader.ReadAsync(ct);
            return (reader.GetInt64(0), reader.GetBoolean(1));
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            return (0, false);
        }
    }

    private async Task<IReadOnlySet<string>> MadeAsync(CancellationToken ct)
    {
        await using var command = pool.CreateCommand($"select part from {SchemaVersions.MadeTable}");
        await using var reader = await command.ExecuteReaderAsync(ct);
        var parts = new HashSet<string>();
        while (await reader.ReadAsync(ct))
            parts.Add(reader.GetString(0));
        return parts;
    }

    private async Task ExecuteAsync(string sql, CancellationToken ct)
    {
        await using var command = pool.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(ct);
    }

    private async Task GuardedAsync(Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (Exception e) when (PostgresErrors.IsOfDatabase(e) || PostgresErrors.Find<DbException>(e) is not null)
        {
            throw PostgresErrors.Translate(e, settings);
        }
    }
}
