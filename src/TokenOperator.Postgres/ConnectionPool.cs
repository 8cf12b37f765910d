using Microsoft.Extensions.Logging;
using Npgsql;

namespace TokenOperator.Postgres;

/// <summary>
/// The pool that the statements of the store share. It is replaced when Postgres refuses the password and the file that the address
/// or the password came from contains another one by then. Thread-safe.
/// </summary>
internal sealed partial class ConnectionPool : IAsyncDisposable
{
    private readonly PostgresSettings _settings;
    private readonly ILogger _logger;
    private readonly Lock _replacing = new();
    private volatile NpgsqlDataSource _current;
    private string _connectionString;

    /// <summary>Creates the pool, which does not connect yet, and logs the notes on the settings.</summary>
    public ConnectionPool(PostgresSettings settings, ILogger<ConnectionPool> logger)
    {
        (_settings, _logger) = (settings, logger);
        _connectionString = settings.ConnectionString;
        _current = settings.CreatePool();
        foreach (var note in settings.Notes)
            LogNote(note);
    }

    /// <summary>The pool to use now.</summary>
    public NpgsqlDataSource Current => _current;

    /// <summary>Looks for another password after Postgres has refused that of <paramref name="refused"/>.</summary>
    /// <returns>True when <see cref="Current"/> is another pool than <paramref name="refused"/>.</returns>
    public bool TryReplace(NpgsqlDataSource refused)
    {
        lock (_replacing)
        {
            if (_current != refused)
                return true;
            _settings.ReadFilesAgain();
            if (_settings.ConnectionString == _connectionString)
                return false;
            _connectionString = _settings.ConnectionString;
            _current = _settings.CreatePool();
            // Other statements can still be about to use the old pool, so it is not disposed of.
            refused.Clear();
            LogReplaced(_settings);
            return true;
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _current.DisposeAsync();

    [LoggerMessage(6020, LogLevel.Warning, "Settings of the connection to Postgres: {Note}")]
    private partial void LogNote(string note);

    [LoggerMessage(6021, LogLevel.Information, "Postgres refused the password; the operator uses what the file contains now, {Database}")]
    private partial void LogReplaced(PostgresSettings database);
}
