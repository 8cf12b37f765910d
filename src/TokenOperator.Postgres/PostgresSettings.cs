using System.Globalization;
using System.Security.Authentication;
using System.Security.Cryptography;
using Npgsql;
using TokenOperator.Core.Settings;

namespace TokenOperator.Postgres;

/// <summary>The address of the database and the options of its connections. Prints without user and password. Thread-safe.</summary>
public sealed class PostgresSettings
{
    private readonly ConnectionFiles? _files;
    private volatile NpgsqlConnectionStringBuilder _settings;
    private volatile string? _problem;

    internal PostgresSettings(string setting, NpgsqlConnectionStringBuilder settings, ConnectionFiles? files, IReadOnlyList<string> notes)
    {
        Setting = setting;
        Notes = notes;
        _settings = settings;
        _files = files;
    }

    /// <summary>The environment variable from which the address was read.</summary>
    public string Setting { get; }

    /// <summary>What a person should know about the settings, one sentence each, without a secret.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>The longest wait for the answer to a statement.</summary>
    public TimeSpan CommandTimeout => TimeSpan.FromSeconds(_settings.CommandTimeout);

    /// <summary>The user, for messages that say what to grant.</summary>
    internal string User => _settings.Username ?? "";

    /// <summary>The database, for messages that say what to grant.</summary>
    internal string Database => _settings.Database ?? User;

    /// <summary>The connection string of the pool. It contains the password.</summary>
    internal string ConnectionString => _settings.ConnectionString;

    /// <summary>What to do when Postgres refuses the password.</summary>
    internal string PasswordAdvice => _files is { } files
        ? $"Put the current password into {string.Join(" or ", files.Paths)}. The operator reads the file again each time that Postgres refuses the password, and needs no restart."
            + (_problem is { } problem ? $" The file cannot be used now: {problem}" : "")
        : string.IsNullOrEmpty(_settings.Passfile)
            ? $"Put the current password into {Setting} and restart the operator. With DATABASE_URL_FILE or DATABASE_PASSWORD_FILE, the operator reads a new password without a restart."
            : $"Put the current password into {_settings.Passfile}. The operator reads the file for each new connection.";

    /// <summary>Creates the pool that the statements of the store share. Npgsql's log is off, because it contains statements.</summary>
    internal NpgsqlDataSource CreatePool() => new NpgsqlDataSourceBuilder(_settings.ConnectionString).Build();

    /// <summary>Opens a connection of <paramref name="pool"/>.</summary>
    internal Task<NpgsqlConnection> OpenAsync(NpgsqlDataSource pool, CancellationToken cancellationToken) =>
        OpenAsync(async () => await pool.OpenConnectionAsync(cancellationToken), cancellationToken);

    /// <summary>Opens a connection outside the pool, for work that needs one session: LISTEN, a migration.</summary>
    internal Task<NpgsqlConnection> ConnectAsync(CancellationToken cancellationToken) => OpenAsync(
        async () =>
        {
            var connection = new NpgsqlConnection(UnpooledConnectionString());
            try
            {
                await connection.OpenAsync(cancellationToken);
                return connection;
            }
            catch
            {
                await connection.DisposeAsync();
                throw;
            }
        },
        cancellationToken);

    /// <summary>Everything that goes wrong is an exception of the database, also what Npgsql finds in the settings only now.</summary>
    private async Task<NpgsqlConnection> OpenAsync(Func<Task<NpgsqlConnection>> open, CancellationToken cancellationToken)
    {
        var settings = _settings;
        try
        {
            return await open();
        }
        catch (Exception e) when (PostgresErrors.IsTlsRefused(e))
        {
            if (await ServerCertificate.ExplainAsync(settings, cancellationToken) is { } explanation)
                throw new AuthenticationException(explanation);
            throw;
        }
        catch (Exception e) when (e is not (OperationCanceledException or OutOfMemoryException) && !PostgresErrors.IsOfDatabase(e))
        {
            // The message of the exception can quote a value.
            throw new NpgsqlException(e is CryptographicException
                ? "a file with a certificate or a key cannot be read: check sslrootcert, sslcert, sslkey and sslpassword"
                : $"a value in the connection string cannot be used: {e.GetType().Name}");
        }
    }

    /// <summary>Reads the files with the address or the password again. What was read before stays in use when they cannot be used.</summary>
    internal void ReadFilesAgain()
    {
        if (_files is null)
            return;
        try
        {
            _settings = _files.Read()._settings;
            _problem = null;
        }
        catch (InvalidSettingException e)
        {
            _problem = e.Message;
        }
    }

    /// <summary>The connection string of <see cref="ConnectAsync"/>. It contains the password.</summary>
    internal string UnpooledConnectionString() => new NpgsqlConnectionStringBuilder(_settings.ConnectionString) { Pooling = false }.ConnectionString;

    /// <summary>Host and database, for messages.</summary>
    public override string ToString()
    {
        var settings = _settings;
        var host = settings.Host is { } hosts && (hosts.Contains(',') || hosts.StartsWith('/'))
            ? hosts
            : string.Create(CultureInfo.InvariantCulture, $"{settings.Host}:{settings.Port}");
        return $"database {settings.Database ?? settings.Username} at {host}";
    }
}

/// <summary>The files that contain the address or the password.</summary>
/// <param name="Paths">Where they are.</param>
/// <param name="Read">Reads all settings again. Throws <see cref="InvalidSettingException"/> when they cannot be used.</param>
internal sealed record ConnectionFiles(IReadOnlyList<string> Paths, Func<PostgresSettings> Read);
