using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;
using TokenOperator.Postgres.Encryption;
using TokenOperator.Postgres.Migrations;
using TokenOperator.Postgres.Rows;
using TokenOperator.TestBed;

namespace TokenOperator.Tests.Postgres;

/// <summary>A new database for one test.</summary>
internal sealed class TestDatabase : IAsyncDisposable
{
    public static readonly AccountKey Marcus = new("google", "marcus");
    private readonly List<ConnectionPool> _pools = [];

    public TestDatabase(PostgresServer server, PostgresDatabase database)
    {
        Server = server;
        Database = database;
    }

    public PostgresServer Server { get; }

    public PostgresDatabase Database { get; }

    public static async Task<TestDatabase> CreateMigratedAsync(PostgresServer server)
    {
        var database = new TestDatabase(server, await server.CreateDatabaseAsync());
        await database.Migrator().UpAsync(default);
        return database;
    }

    public static TokenSet Token(string name, string? refreshToken = "1//refresh") => new()
    {
        AccessToken = new SecretValue(name),
        RefreshToken = SecretValue.From(refreshToken),
        Scopes = ["https://mail.google.com/"],
        IssuedAt = At(0),
        ExpiresAt = At(60),
    };

    public static DateTimeOffset At(int minutes) => new DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero).AddMinutes(minutes);

    public static Claim NewClaim(string scope, TimeSpan? duration = null, long term = 0) =>
        new(Guid.NewGuid(), scope, "a process", duration ?? TimeSpan.FromMinutes(1)) { Term = term };

    /// <summary>Encrypts with the key that the tests share.</summary>
    public static TokenCipher Cipher { get; } = new(new Keyring(TestKeyring.Shared.Folder, TimeProvider.System, NullLogger.Instance), writesPlainText: false);

    public PostgresTokenStore Store(ILogger<PostgresTokenStore>? logger = null, string further = "", TokenCipher? cipher = null, TimeProvider? time = null)
    {
        var settings = Settings(further);
        var statements = Statements(settings);
        return new PostgresTokenStore(statements, settings, cipher ?? Cipher, new AccessWriter(statements, cipher ?? Cipher, time ?? TimeProvider.System), Meters.OfStore, time ?? TimeProvider.System, logger ?? NullLogger<PostgresTokenStore>.Instance);
    }

    public PostgresKeyRotation Rotation(TokenCipher cipher) => new(Statements(Settings()), cipher, TimeProvider.System);

    public PostgresPendingAuthorizations PendingAuthorizations() => new(Statements(Settings()), Cipher);

    public PostgresMigrator Migrator(StoreMetrics? metrics = null)
    {
        var settings = Settings();
        return new PostgresMigrator(Statements(settings, metrics), settings, TimeProvider.System, NullLogger<PostgresMigrator>.Instance);
    }

    public PostgresSettings Settings(string further = "") => ConnectionStrings.Parse("DATABASE_URL", Database.ConnectionString + ";" + further);

    /// <summary>Makes this a database in which rows in plain text are expected, as one that an earlier version created.</summary>
    public Task ExpectPlainRowsAsync() => ExecuteAsync("delete from token_operator_made where part = 'encrypted'");

    public Task ExecuteAsync(string sql) => Server.ExecuteAsync(sql, Database.Name);

    public async Task<object?> ScalarAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(Database.ConnectionString + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var pool in _pools)
            await pool.DisposeAsync();
    }

    private StatementRunner Statements(PostgresSettings settings, StoreMetrics? metrics = null)
    {
        var pool = new ConnectionPool(settings, NullLogger<ConnectionPool>.Instance);
        _pools.Add(pool);
        return new StatementRunner(pool, settings, metrics ?? Meters.OfStore);
    }
}

/// <summary>Calls for a namespace whose UID is not known.</summary>
internal static class StoreExtensions
{
    public static Task<AccountRecord?> ImportAsync(
        this ITokenStore store, AccountKey key, TokenSet token, string? ns, string seedFingerprint, long? replacesGeneration, CancellationToken ct) =>
        store.ImportAsync(key, token, ns is null ? null : new AccountUser(ns, null), seedFingerprint, replacesGeneration, ct);

    public static Task<AccountRecord?> AllowByProofAsync(this ITokenStore store, AccountKey key, string ns, CancellationToken ct) =>
        store.AllowByProofAsync(key, new AccountUser(ns, null), ct);
}
