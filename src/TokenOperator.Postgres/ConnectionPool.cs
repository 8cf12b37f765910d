using Microsoft.Extensions.Logging;
using Npgsql;

namespace TokenOperator.Postgres;

/// <summary>
/// The pool that the statements of the store share. It is replaced when a statement fails and the file that the address or the
/// password came from contains another one by then. Thread-safe.
/// </summary>
internal sealed partial class ConnectionPool : IAsyncDisposable
{
    private readonly PostgresSettings _settings;
    private readonly ILogger _logger;
    private readonly Lock _replacing = new();
    private volatile SharedSource _current;
    private string _connectionString;

    /// <summary>Creates the pool, which does not connect yet, and logs the notes on the settings.</summary>
    public ConnectionPool(PostgresSettings settings, ILogger<ConnectionPool> logger)
    {
        (_settings, _logger) = (settings, logger);
        _connectionString = settings.ConnectionString;
        _current = new SharedSource(settings.CreatePool());
        foreach (var note in settings.Notes)
            LogNote(note);
    }

    /// <summary>The pool to use now. Dispose of it after the statement: a pool that was replaced ends with its last statement.</summary>
    public PoolLease Rent()
    {
        while (true)
        {
            if (_current is var current && current.TryHold())
                return new PoolLease(current);
        }
    }

    /// <summary>Looks for another address or password after a statement on <paramref name="failed"/> has failed.</summary>
    /// <returns>True when <see cref="Rent"/> gives another pool than <paramref name="failed"/>.</returns>
    public bool TryReplace(PoolLease failed)
    {
        lock (_replacing)
        {
            if (!failed.IsOf(_current))
                return true;
            _settings.ReadFilesAgain();
            if (_settings.ConnectionString == _connectionString)
                return false;
            _connectionString = _settings.ConnectionString;
            var old = _current;
            _current = new SharedSource(_settings.CreatePool());
            old.Source.Clear();
            old.Release();
            LogReplaced(_settings);
            return true;
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _current.Source.DisposeAsync();

    [LoggerMessage(6020, LogLevel.Warning, "Settings of the connection to Postgres: {Note}")]
    private partial void LogNote(string note);

    [LoggerMessage(6021, LogLevel.Information, "A statement failed, and the file with the address or the password of Postgres has changed; the operator uses what it contains now, {Database}")]
    private partial void LogReplaced(PostgresSettings database);

    /// <summary>A pool with the number of its holders. The last one to release it disposes of it.</summary>
    internal sealed class SharedSource(NpgsqlDataSource source)
    {
        // The connection pool itself holds its current source.
        private int _holders = 1;

        public NpgsqlDataSource Source => source;

        public bool TryHold()
        {
            var seen = Volatile.Read(ref _holders);
            while (seen > 0)
            {
                var before = Interlocked.CompareExchange(ref _holders, seen + 1, seen);
                if (before == seen)
                    return true;
                seen = before;
            }

            return false;
        }

        public void Release()
        {
            if (Interlocked.Decrement(ref _holders) == 0)
                source.Dispose();
        }
    }
}

/// <summary>A pool while one statement uses it.</summary>
internal sealed class PoolLease(ConnectionPool.SharedSource shared) : IDisposable
{
    /// <summary>The pool.</summary>
    public NpgsqlDataSource Source => shared.Source;

    /// <summary>True if this is a lease of <paramref name="other"/>.</summary>
    public bool IsOf(ConnectionPool.SharedSource other) => shared == other;

    /// <inheritdoc/>
    public void Dispose() => shared.Release();
}
