using System.Globalization;
using Npgsql;

namespace TokenOperator.Postgres;

/// <summary>The address of the database and the options of its connections. Prints without user and password.</summary>
public sealed class PostgresSettings
{
    private readonly NpgsqlConnectionStringBuilder _settings;

    internal PostgresSettings(string setting, NpgsqlConnectionStringBuilder settings)
    {
        Setting = setting;
        _settings = settings;
    }

    /// <summary>The environment variable from which the address was read.</summary>
    public string Setting { get; }

    /// <summary>The longest wait for the answer to a statement.</summary>
    public TimeSpan CommandTimeout => TimeSpan.FromSeconds(_settings.CommandTimeout);

    /// <summary>Creates the pool that the statements of the store share. Npgsql's log is off, because it contains statements.</summary>
    internal NpgsqlDataSource CreatePool() => new NpgsqlDataSourceBuilder(_settings.ConnectionString).Build();

    /// <summary>Creates a connection outside the pool, for work that needs one session: LISTEN, a migration.</summary>
    internal NpgsqlConnection CreateConnection() => new(UnpooledConnectionString());

    /// <summary>The connection string of <see cref="CreateConnection"/>. It contains the password.</summary>
    internal string UnpooledConnectionString() => new NpgsqlConnectionStringBuilder(_settings.ConnectionString) { Pooling = false }.ConnectionString;

    /// <summary>Host and database, for messages.</summary>
    public override string ToString()
    {
        var host = _settings.Host is { } hosts && (hosts.Contains(',') || hosts.StartsWith('/'))
            ? hosts
            : string.Create(CultureInfo.InvariantCulture, $"{_settings.Host}:{_settings.Port}");
        return $"database {_settings.Database ?? _settings.Username} at {host}";
    }
}
