using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using TokenOperator.Core.Settings;
using TokenOperator.Postgres;
using TokenOperator.Postgres.Encryption;
using TokenOperator.Postgres.Hosting;
using TokenOperator.Postgres.Migrations;
using TokenOperator.Postgres.Rows;
using TokenOperator.TestBed;
using static TokenOperator.Tests.Postgres.TestDatabase;

namespace TokenOperator.Tests.Postgres;

[Collection(PostgresGroup.Name), Trait("Category", PostgresGroup.Name)]
public sealed class PostgresOutageTests(PostgresFixture fixture)
{
    private const string Secret = "hunter2-never-shown";

    [Fact]
    public async Task A_read_only_database_is_unavailable_for_writes_and_says_so()
    {
        await using var database = await fixture.CreateMigratedAsync();
        await database.Store().ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        await database.ExecuteAsync($"alter database {database.Database.Name} set default_transaction_read_only = on");
        var store = database.Store();

        (await store.ListAsync(default)).Should().ContainSingle();
        var claim = () => store.ClaimAsync(Marcus, NewClaim("a"), 0, default);
        (await claim.Should().ThrowAsync<StoreUnavailableException>()).WithMessage($"*database {database.Database.Name} at 127.0.0.1:*read-only*DATABASE_URL*");
    }

    [Fact]
    public async Task The_error_of_a_database_that_was_never_migrated_contains_the_command_to_run()
    {
        await using var database = await fixture.CreateAsync();
        var list = () => database.Store().ListAsync(default);
        (await list.Should().ThrowAsync<StoreUnavailableException>()).WithMessage("*oauth_tokens*token-operator migrate up*");
    }

    [Fact]
    public async Task A_missing_privilege_is_named()
    {
        await using var database = await fixture.CreateMigratedAsync();
        await database.ExecuteAsync($"create role reader_{database.Database.Name}; alter database {database.Database.Name} set role = reader_{database.Database.Name}");
        var list = () => database.Store().ListAsync(default);
        (await list.Should().ThrowAsync<StoreUnavailableException>()).WithMessage("*permission denied for table oauth_tokens*Grant it*GRANT SELECT, INSERT, UPDATE, DELETE ON oauth_tokens TO *");
    }

    [Theory]
    [InlineData("mailer")]
    [InlineData("Odd \"role\"-1")]
    public async Task A_role_that_may_not_create_tables_is_told_the_statement_that_allows_it(string name)
    {
        await using var database = await fixture.CreateAsync();
        var role = name + database.Database.Name;
        var quoted = $"\"{role.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
        await database.ExecuteAsync($"revoke create on schema public from public; create role {quoted} login password 'pw'");
        var settings = ConnectionStrings.Parse("DATABASE_URL", new NpgsqlConnectionStringBuilder(database.Database.ConnectionString) { Username = role, Password = "pw" }.ConnectionString);
        await using var pool = new ConnectionPool(settings, NullLogger<ConnectionPool>.Instance);
        var migrator = new PostgresMigrator(new StatementRunner(pool, settings, Meters.OfStore), settings, TimeProvider.System, NullLogger<PostgresMigrator>.Instance);

        var error = (await FluentActions.Awaiting(() => migrator.UpAsync(default)).Should().ThrowAsync<StoreUnavailableException>()).Which;

        error.Message.Should().Contain($"in the database {database.Database.Name}").And.Contain("GRANT USAGE, CREATE ON SCHEMA public TO ");
        await database.ExecuteAsync(error.Message[error.Message.IndexOf("GRANT ", StringComparison.Ordinal)..]);
        await migrator.UpAsync(default);
    }

    [Theory]
    [InlineData("permission denied for schema tokens", "GRANT USAGE, CREATE ON SCHEMA tokens TO mailer;")]
    [InlineData("permission denied for database Mail", "GRANT CONNECT, CREATE ON DATABASE \"Mail\" TO mailer;")]
    [InlineData("permission denied for table oauth_tokens", "GRANT SELECT, INSERT, UPDATE, DELETE ON oauth_tokens TO mailer;")]
    [InlineData("permission denied for sequence oauth_tokens_id_seq", "GRANT USAGE ON SEQUENCE oauth_tokens_id_seq TO mailer;")]
    [InlineData("must be owner of table oauth_tokens", "ALTER TABLE oauth_tokens OWNER TO mailer;")]
    [InlineData("keine Berechtigung für Schema public", "GRANT USAGE, CREATE ON SCHEMA public TO mailer; and, if the tables exist: GRANT SELECT, INSERT, UPDATE, DELETE ON oauth_tokens, token_operator_versions, token_operator_made, token_operator_consents, token_operator_devices TO mailer;")]
    public void Each_missing_privilege_has_its_statement(string message, string statement) =>
        MissingPrivilege.Advice(message, "mailer", "tokens").Should().EndWith(statement);

    [Fact]
    public async Task A_client_certificate_that_cannot_be_read_makes_the_database_unavailable_and_ends_nothing()
    {
        using var folder = new TestKeyring();
        var file = Path.Combine(folder.Folder, "client.pem");
        await File.WriteAllTextAsync(file, "no certificate");
        await using var database = await fixture.CreateAsync();
        var list = () => database.Store(further: $"SSL Mode=Require;SSL Certificate={file};SSL Key={file}").ListAsync(default);
        (await list.Should().ThrowAsync<StoreUnavailableException>()).Which.Message.Should().StartWith("Postgres, database ");
    }

    [Fact]
    public async Task A_locked_row_is_unavailable_after_the_timeout()
    {
        await using var database = await fixture.CreateMigratedAsync();
        await database.Store().ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        await using var connection = new NpgsqlConnection(database.Database.ConnectionString);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var hold = new NpgsqlCommand("update oauth_tokens set updated_at = now()", connection);
        await hold.ExecuteNonQueryAsync();

        var claim = () => database.Store(further: "Command Timeout=1").ClaimAsync(Marcus, NewClaim("a"), 0, default);
        (await claim.Should().ThrowAsync<StoreUnavailableException>()).WithMessage("*does not answer (waited up to 1 s)*");
    }

    [Fact]
    public async Task A_stopped_server_is_unavailable_and_is_used_again_after_its_start()
    {
        await using var server = await PostgresServer.StartAsync(new PostgresServerOptions { CountStatements = false });
        await using var database = await CreateMigratedAsync(server);
        var store = database.Store();
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        var claim = NewClaim("a");
        await store.ClaimAsync(Marcus, claim, 0, default);

        await server.StopAsync();
        var commit = () => store.CommitAsync(Marcus, claim.Id, 0, Token("new"), At(1), default);
        await commit.Should().ThrowAsync<StoreUnavailableException>();
        (await commit.Should().ThrowAsync<StoreUnavailableException>()).WithMessage("*cannot be reached (ConnectionRefused*");

        await server.StartAgainAsync();
        (await commit()).Should().NotBeNull("the claim is still open");
    }

    [Fact]
    public async Task No_error_contains_the_password()
    {
        await using var database = await fixture.CreateAsync();
        var good = new NpgsqlConnectionStringBuilder(database.Database.ConnectionString) { Password = Secret };
        string[] settings =
        [
            good.ConnectionString,
            new NpgsqlConnectionStringBuilder(good.ConnectionString) { Database = "no_such_database" }.ConnectionString,
            new NpgsqlConnectionStringBuilder(good.ConnectionString) { Port = 1 }.ConnectionString,
            new NpgsqlConnectionStringBuilder(good.ConnectionString) { Host = "no-such-host.invalid" }.ConnectionString,
            new NpgsqlConnectionStringBuilder(good.ConnectionString) { Host = "127.0.0.1:1,127.0.0.1:2" }.ConnectionString,
            new NpgsqlConnectionStringBuilder(good.ConnectionString) { Host = fixture.Server.Folder }.ConnectionString,
            new NpgsqlConnectionStringBuilder(good.ConnectionString) { SslMode = SslMode.Require }.ConnectionString,
        ];
        foreach (var setting in settings)
        {
            var services = new ServiceCollection().AddLogging().AddPostgresStorage(new SettingsReader(
                new ConfigurationBuilder().AddInMemoryCollection([new("DATABASE_URL", setting), new("Encryption", "None")]).Build()));
            await using var provider = services.BuildServiceProvider();
            var store = provider.GetRequiredService<ITokenStore>();
            var migrator = provider.GetRequiredService<IMigrator>();
            foreach (var action in new[] { () => store.ListAsync(default), () => migrator.UpAsync(default), () => (Task)migrator.StatusAsync(default) })
            {
                var error = (await action.Should().ThrowAsync<StoreUnavailableException>()).Which;
                error.ToString().Should().NotContain(Secret);
                error.InnerException.Should().BeNull("a server's error can quote parameters");
                error.Message.Should().StartWith("Postgres, database ");
            }
        }
    }

    [Fact]
    public async Task A_server_that_quotes_parameters_in_its_errors_reveals_no_token()
    {
        await using var database = await fixture.CreateMigratedAsync();
        await database.ExecuteAsync($"alter database {database.Database.Name} set log_parameter_max_length_on_error = -1");
        await database.ExecuteAsync("alter table oauth_tokens add constraint broken check (account <> 'marcus')");
        var import = () => database.Store(cipher: TokenCipher.None).ImportAsync(Marcus, Token(Secret), "mail", "seed", null, default);
        var error = (await import.Should().ThrowAsync<StoreUnavailableException>()).Which;
        error.Message.Should().Contain("23514");
        error.ToString().Should().NotContain(Secret);
    }

    [Fact]
    public async Task A_URI_a_Unix_socket_and_several_hosts_connect()
    {
        await using var database = await fixture.CreateMigratedAsync();
        var socket = database.Database.Uri.Replace($"127.0.0.1:{fixture.Server.Port}", "", StringComparison.Ordinal)
            + $"?host={Uri.EscapeDataString(fixture.Server.Folder)}&port={fixture.Server.Port}";
        foreach (var uri in new[] { database.Database.Uri, socket, database.Database.Uri.Replace("127.0.0.1:", "127.0.0.1:1,127.0.0.1:", StringComparison.Ordinal) })
        {
            var settings = ConnectionStrings.Parse("DATABASE_URL", uri);
            await using var pool = new ConnectionPool(settings, NullLogger<ConnectionPool>.Instance);
            var statements = new StatementRunner(pool, settings, Meters.OfStore);
            var store = new PostgresTokenStore(statements, settings, TestDatabase.Cipher, new AccessWriter(statements, TestDatabase.Cipher, TimeProvider.System), Meters.OfStore, TimeProvider.System, NullLogger<PostgresTokenStore>.Instance);
            (await store.ListAsync(default)).Should().BeEmpty(uri);
        }
    }
}
