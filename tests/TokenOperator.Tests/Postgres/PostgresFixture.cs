using TokenOperator.TestBed;

namespace TokenOperator.Tests.Postgres;

/// <summary>The Postgres that the storage tests share. Each test creates a database of its own.</summary>
public sealed class PostgresFixture : IAsyncLifetime
{
    private PostgresServer? _server;
    private PostgresDatabase? _migrated;

    public PostgresServer Server => _server ?? throw new InvalidOperationException("Not started.");

    public async Task InitializeAsync()
    {
        _server = await PostgresServer.StartAsync();
        await using var template = await TestDatabase.CreateMigratedAsync(_server);
        _migrated = template.Database;
    }

    /// <summary>An empty database.</summary>
    internal async Task<TestDatabase> CreateAsync() => new(Server, await Server.CreateDatabaseAsync());

    /// <summary>A database that was migrated up.</summary>
    internal async Task<TestDatabase> CreateMigratedAsync() => new(Server, await Server.CreateDatabaseAsync(_migrated));

    public async Task DisposeAsync()
    {
        if (_server is not null)
            await _server.DisposeAsync();
    }
}

[CollectionDefinition(Name)]
public sealed class PostgresGroup : ICollectionFixture<PostgresFixture>
{
    public const string Name = "Postgres";
}
