using Npgsql;
using NpgsqlTypes;

namespace TokenOperator.Postgres;

/// <summary>
/// The one way to the database: measures what it runs, counts what fails, and turns Npgsql's exceptions into
/// <see cref="StoreUnavailableException"/>.
/// </summary>
internal sealed class StatementRunner(ConnectionPool pool, PostgresSettings settings, StoreMetrics metrics)
{
    /// <summary>Runs one statement and reads its rows.</summary>
    /// <exception cref="StoreUnavailableException">The database cannot be used now.</exception>
    public Task<T> QueryAsync<T>(string sql, Func<NpgsqlDataReader, Task<T>> read, CancellationToken cancellationToken, params NpgsqlParameter[] parameters) =>
        RunAsync(async source =>
        {
            await using var connection = await settings.OpenAsync(source, cancellationToken);
            await using var command = new NpgsqlCommand(sql, connection);
            command.Parameters.AddRange(parameters);
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            return await read(reader);
        });

    /// <summary>Runs one statement and says how many rows it changed.</summary>
    /// <exception cref="StoreUnavailableException">The database cannot be used now.</exception>
    public Task<int> ExecuteAsync(string sql, CancellationToken cancellationToken, params NpgsqlParameter[] parameters) =>
        RunAsync(async source =>
        {
            await using var connection = await settings.OpenAsync(source, cancellationToken);
            await using var command = new NpgsqlCommand(sql, connection);
            command.Parameters.AddRange(parameters);
            return await command.ExecuteNonQueryAsync(cancellationToken);
        });

    /// <summary>Runs <paramref name="work"/>, which counts as one statement.</summary>
    /// <exception cref="StoreUnavailableException">The database cannot be used now.</exception>
    public async Task<T> RunAsync<T>(Func<NpgsqlDataSource, Task<T>> work)
    {
        var started = metrics.Begin();
        for (var isFirst = true; ; isFirst = false)
        {
            using var lease = pool.Rent();
            try
            {
                var result = await work(lease.Source);
                metrics.Succeeded(started);
                return result;
            }
            catch (Exception e) when (PostgresErrors.IsOfDatabase(e))
            {
                // A refused password means that no statement ran, so the work can start again.
                if (pool.TryReplace(lease) && PostgresErrors.IsPasswordRefused(e) && isFirst)
                    continue;
                metrics.Failed(started);
                throw PostgresErrors.Translate(e, settings);
            }
        }
    }
}

/// <summary>Values as parameters of a statement.</summary>
internal static class SqlValue
{
    /// <summary>A JSON document. It has no declared type: the server takes it as the type of the column, json or jsonb.</summary>
    public static NpgsqlParameter Json(string text) => new NpgsqlParameter<string> { TypedValue = text, NpgsqlDbType = NpgsqlDbType.Unknown };

    /// <summary>A text.</summary>
    public static NpgsqlParameter Of(string? value) => new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text };

    /// <summary>A JSON document, as <see cref="Json"/>, or null.</summary>
    public static NpgsqlParameter JsonOrNull(string? text) => text is null ? new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = NpgsqlDbType.Unknown } : Json(text);

    /// <summary>A text[]; null when there are none.</summary>
    public static NpgsqlParameter Of(IReadOnlyList<string> values) =>
        new() { Value = values.Count == 0 ? DBNull.Value : values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };

    /// <summary>An int.</summary>
    public static NpgsqlParameter Of(int value) => new NpgsqlParameter<int> { TypedValue = value };

    /// <summary>A bigint.</summary>
    public static NpgsqlParameter Of(long value) => new NpgsqlParameter<long> { TypedValue = value };

    /// <summary>A uuid.</summary>
    public static NpgsqlParameter Of(Guid value) => new NpgsqlParameter<Guid> { TypedValue = value };

    /// <summary>An interval.</summary>
    public static NpgsqlParameter Of(TimeSpan value) => new NpgsqlParameter<TimeSpan> { TypedValue = value };

    /// <summary>A timestamptz.</summary>
    public static NpgsqlParameter Of(DateTimeOffset? value) =>
        new() { Value = (object?)value?.ToUniversalTime() ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz };
}
