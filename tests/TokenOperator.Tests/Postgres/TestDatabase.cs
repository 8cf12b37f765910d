using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;
using TokenOperator.Postgres.Encryption;
using TokenOperator.TestBed;
using TokenOperator.Tests.Refreshing;

namespace TokenOperator.Tests.Postgres;

/// <summary>A fresh database of one test, with what the tests ask of it.</summary>
internal sealed class TestDatabase : IAsyncDisposable
{
    public static readonly AccountKey Marcus = new("google", "marcus");
    private readonly List<NpgsqlDataSource> _pools = [];

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

    /// <summary>A key of the tests' own.</summary>
    public static TokenCipher Cipher { get; } = new(new Keyring(TestKeyring.Shared.Folder, TimeProvider.System, NullLogger.Instance), writesPlainText: false);

    public PostgresTokenStore Store(ILogger<PostgresTokenStore>? logger = null, string further = "", TokenCipher? cipher = null)
    {
        var settings = Settings(further);
        return new PostgresTokenStore(Pool(settings), settings, cipher ?? Cipher, Meters.OfStore, TimeProvider.System, logger ?? NullLogger<PostgresTokenStore>.Instance);
    }

    public PostgresRowEncryption Rows(TokenCipher cipher)
    {
        var settings = Settings();
        return new PostgresRowEncryption(Pool(settings), settings, cipher);
    }

    public PostgresPendingAuthorizations Consents()
    {
        var settings = Settings();
        return new PostgresPendingAuthorizations(Pool(settings), settings);
    }

    public PostgresMigrator Migrator()
    {
        var settings = Settings();
        return new PostgresMigrator(Pool(settings), settings, TimeProvider.System, NullLogger<PostgresMigrator>.Instance);
    }

    public PostgresSettings Settings(string further = "") => ConnectionStrings.Parse("DATABASE_URL", Database.ConnectionString + ";" + further);

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

    private NpgsqlDataSource Pool(PostgresSettings settings)
    {
        var pool = settings.CreatePool();
        _pools.Add(pool);
        return pool;
    }
}
