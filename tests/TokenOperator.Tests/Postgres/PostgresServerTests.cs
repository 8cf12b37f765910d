using System.Diagnostics;
using Npgsql;
using TokenOperator.TestBed;

namespace TokenOperator.Tests.Postgres;

[Collection(PostgresGroup.Name), Trait("Category", PostgresGroup.Name)]
public sealed class PostgresServerTests(PostgresFixture fixture)
{
    [Fact]
    public async Task The_server_counts_the_statements_of_one_database()
    {
        var database = await fixture.Server.CreateDatabaseAsync();
        await using (var source = NpgsqlDataSource.Create(database.ConnectionString))
        {
            for (var i = 0; i < 3; i++)
            {
                await using var command = source.CreateCommand("select 42");
                await command.ExecuteNonQueryAsync();
            }
        }

        var statements = await fixture.Server.StatementsAsync(database);
        statements.Should().ContainSingle(s => s.Text == "select $1").Which.Calls.Should().Be(3);
    }

    [Fact]
    public async Task A_wrong_password_is_refused()
    {
        var settings = new NpgsqlConnectionStringBuilder(fixture.Server.Database("postgres").ConnectionString) { Password = "wrong" };
        await using var connection = new NpgsqlConnection(settings.ConnectionString);
        var open = () => connection.OpenAsync();
        (await open.Should().ThrowAsync<PostgresException>()).Which.SqlState.Should().Be(PostgresErrorCodes.InvalidPassword);
    }

    [Fact]
    public async Task A_stopped_server_keeps_its_data_and_its_port_and_a_disposed_server_keeps_nothing()
    {
        var server = await PostgresServer.StartAsync();
        var port = server.Port;
        var database = await server.CreateDatabaseAsync();
        await server.ExecuteAsync("create table t (x int)", database.Name);

        await server.StopAsync();
        var ask = () => server.ExecuteAsync("select 1");
        await ask.Should().ThrowAsync<NpgsqlException>();
        await server.StartAgainAsync();

        server.Port.Should().Be(port);
        await server.ExecuteAsync("select x from t", database.Name);
        await server.DisposeAsync();
        Directory.Exists(server.Folder).Should().BeFalse();
    }

    [Fact]
    public async Task A_server_that_cannot_start_fails_immediately_with_its_log()
    {
        var clock = Stopwatch.StartNew();
        var start = () => PostgresServer.StartAsync(new PostgresServerOptions { Settings = new Dictionary<string, string> { ["no_such_setting"] = "1" } });
        (await start.Should().ThrowAsync<InvalidOperationException>()).WithMessage("*no_such_setting*");
        clock.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(30));
    }
}
