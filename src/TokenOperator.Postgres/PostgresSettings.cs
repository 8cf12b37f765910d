using System.Globalization;
using Npgsql;

namespace TokenOperator.Postgres;

/// <summary>Where the database is and how it is spoken to. Prints without user and password.</summary>
public sealed class PostgresSettings
{
    private readonly NpgsqlConnectionStringBuilder _settings;

    internal PostgresSettings(string setting, NpgsqlConnectionStringBuilder settings)
    {
        Setting = setting;
        _settings = settings;
    }

    /// <summary>The setting that it came from, as an environment variable spells it.</summary>
    public string Setting { get; }

    /// <summary>Longest wait for a statement's answer.</summary>
    public TimeSpan CommandTimeout => TimeSpan.FromSeconds(_settings.CommandTimeout);

    /// <summary>The pool that the store's statements share. Nothing of Npgsql is logged: its log lines hold statements.</summary>
    internal NpgsqlDataSource CreatePool() => new NpgsqlDataSourceBuilder(_settings.ConnectionString).Build();

    /// <summary>A connection of its own, for what must keep its session: LISTEN, a migration.</summary>
    internal NpgsqlConnection CreateConnection() => new(UnpooledConnectionString());

    /// <summary>For a library that opens its own connections. Holds the password.</summary>
    internal string UnpooledConnectionString() => new NpgsqlConnectionStringBuilder(_settings.ConnectionString) { Pooling = false }.ConnectionString;

    /// <summary>Host and database, as messages name them.</summary>
    public override string ToString()
    {
        var host = _settings.Host is { } hosts && (hosts.Contains(',') || hosts.StartsWith('/'))
            ? hosts
            : string.Create(CultureInfo.InvariantCulture, $"{_settings.Host}:{_settings.Port}");
        return $"database {_settings.Database ?? _settings.Username} at {host}";
    }
}
