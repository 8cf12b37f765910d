using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using TokenOperator.Core.Settings;
using TokenOperator.Postgres;
using TokenOperator.Postgres.Migrations;
using TokenOperator.Postgres.Rows;
using TokenOperator.TestBed;
using static TokenOperator.Tests.Postgres.TestDatabase;

namespace TokenOperator.Tests.Postgres;

/// <summary>A password that changes in Postgres and in a mounted file while the operator runs.</summary>
[Collection(PostgresGroup.Name), Trait("Category", PostgresGroup.Name)]
public sealed class PasswordRotationTests(PostgresFixture fixture) : IAsyncLifetime
{
    private const string OldPassword = "old/pass?word#1";
    private const string NewPassword = "new@pass:word%2";

    private readonly string _folder = Directory.CreateTempSubdirectory("to-password-").FullName;
    private readonly ListLogger _log = new();
    private TestDatabase? _database;

    private TestDatabase Database => _database!;

    private string Role => $"rotating_{Database.Database.Name}";

    private string PasswordFile => Path.Combine(_folder, "password");

    private string UrlFile => Path.Combine(_folder, "uri");

    public async Task InitializeAsync()
    {
        _database = await fixture.CreateMigratedAsync();
        await Database.ExecuteAsync($"create role {Role} login password '{OldPassword}'; grant all on all tables in schema public to {Role}");
    }

    public async Task DisposeAsync()
    {
        Directory.Delete(_folder, recursive: true);
        await Database.DisposeAsync();
    }

    [Fact]
    public async Task A_new_password_in_the_password_file_is_used_without_a_restart()
    {
        await File.WriteAllTextAsync(PasswordFile, OldPassword + "\n");
        await using var operation = new Operation(Read(("DATABASE_URL", Uri(Role, null)), ("DATABASE_PASSWORD_FILE", PasswordFile)), _log);
        await operation.Store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);

        await RotateAsync(Role);
        await RefusedAsync(operation, $"Put the current password into {PasswordFile}");
        await File.WriteAllTextAsync(PasswordFile, NewPassword);

        (await operation.Store.ListAsync(default)).Should().ContainSingle("the first statement after the change reads the file");
        await operation.Migrator.UpAsync(default);
    }

    [Fact]
    public async Task A_new_user_and_password_in_the_file_with_the_address_are_used_without_a_restart()
    {
        await File.WriteAllTextAsync(UrlFile, Uri(Role, OldPassword) + "\n");
        await using var operation = new Operation(Read(("DATABASE_URL_FILE", UrlFile)), _log);
        await operation.Store.ListAsync(default);
        await Database.ExecuteAsync($"create role {Role}_b login password '{NewPassword}'; grant all on all tables in schema public to {Role}_b");

        await RotateAsync(Role);
        await RefusedAsync(operation, $"Put the current password into {UrlFile}");
        await File.WriteAllTextAsync(UrlFile, "half a URI");
        await RefusedAsync(operation, "The file cannot be used now: DATABASE_URL_FILE: ");
        await File.WriteAllTextAsync(UrlFile, Uri(Role + "_b", NewPassword));

        await operation.Store.ListAsync(default);
    }

    [Fact]
    public async Task All_statements_at_the_same_time_and_the_listener_use_the_new_password()
    {
        await File.WriteAllTextAsync(PasswordFile, OldPassword);
        await using var operation = new Operation(Read(("DATABASE_URL", Uri(Role, null)), ("DATABASE_PASSWORD_FILE", PasswordFile)), _log);
        await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => operation.Store.ListAsync(default)));
        await using var listener = new AccountChangeListener(operation.Settings, "me", Meters.OfStore, TimeProvider.System, _log);
        await listener.NextAsync(default);

        await RotateAsync(Role);
        await File.WriteAllTextAsync(PasswordFile, NewPassword);

        (await listener.NextAsync(default)).Should().Equal([null], "it has connected again");
        // Each connection of the old pool that the server has ended costs one statement.
        await Eventually.IsTrueAsync(() => operation.CanListAsync());
        await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => operation.Store.ListAsync(default)));
    }

    [Fact]
    public async Task A_new_address_in_the_file_is_used_after_the_old_one_stopped_answering()
    {
        await File.WriteAllTextAsync(UrlFile, $"postgresql://{Role}@127.0.0.1:{Ports.Free()}/{Database.Database.Name}?connect_timeout=1");
        await using var operation = new Operation(Read(("DATABASE_URL_FILE", UrlFile)), _log);
        (await operation.RefusalAsync()).Should().NotBeEmpty();

        await File.WriteAllTextAsync(UrlFile, Uri(Role, OldPassword));

        await operation.RefusalAsync();
        await operation.Store.ListAsync(default);
    }

    [Fact]
    public async Task A_replaced_pool_ends_with_its_last_statement_and_not_before()
    {
        await File.WriteAllTextAsync(UrlFile, Uri(Role, OldPassword));
        await using var pool = new ConnectionPool(Read(("DATABASE_URL_FILE", UrlFile)), NullLogger<ConnectionPool>.Instance);
        var first = pool.Rent();
        var second = pool.Rent();
        pool.TryReplace(first).Should().BeFalse("the file is as before");

        await File.WriteAllTextAsync(UrlFile, Uri(Role, NewPassword));
        pool.TryReplace(first).Should().BeTrue();
        pool.TryReplace(second).Should().BeTrue("another statement has replaced it");
        using (var current = pool.Rent())
            current.Source.Should().NotBeSameAs(first.Source);

        second.Dispose();
        await using (await first.Source.OpenConnectionAsync())
        {
            // A statement that has started still has its pool.
        }

        first.Dispose();
        await first.Source.Invoking(source => source.OpenConnectionAsync().AsTask()).Should().ThrowAsync<ObjectDisposedException>();
    }

    [Fact]
    public async Task A_refused_password_from_the_environment_names_the_setting_and_the_way_to_avoid_a_restart()
    {
        await using var operation = new Operation(Read(("DATABASE_URL", Uri(Role, "wrong"))), _log);
        await RefusedAsync(operation, "Put the current password into DATABASE_URL and restart the operator. With DATABASE_URL_FILE or DATABASE_PASSWORD_FILE");
    }

    [Theory]
    [InlineData("DATABASE_URL_FILE", null, "the file cannot be read")]
    [InlineData("DATABASE_URL_FILE", "", "the file is empty")]
    [InlineData("DATABASE_URL_FILE", "nonsense marked-4711", "neither a URI nor")]
    [InlineData("DATABASE_PASSWORD_FILE", null, "the file cannot be read")]
    [InlineData("DATABASE_PASSWORD_FILE", "\n", "the file is empty")]
    public void A_file_that_cannot_be_used_is_refused_with_its_setting(string setting, string? content, string problem)
    {
        var file = Path.Combine(_folder, "some");
        if (content is not null)
            File.WriteAllText(file, content);
        var read = () => Read((setting, file), ("PGHOST", "h"), ("PGUSER", "u"));
        read.Should().Throw<InvalidSettingException>().Which.Message.Should().Contain(setting).And.Contain(problem).And.NotContain("marked");
    }

    [Fact]
    public void A_password_file_that_every_user_of_the_machine_can_read_is_noted()
    {
        File.WriteAllText(PasswordFile, "pw");
        UnixMode.Set(PasswordFile, "644");
        Read(("DATABASE_URL", Uri(Role, null)), ("DATABASE_PASSWORD_FILE", PasswordFile)).Notes.Should().BeEmpty("nobody else can open the folder");
        UnixMode.Set(_folder, "755");
        Read(("DATABASE_URL", Uri(Role, null)), ("DATABASE_PASSWORD_FILE", PasswordFile)).Notes.Should().ContainSingle().Which.Should().Contain($"chmod o-rwx {PasswordFile}");
    }

    private static PostgresSettings Read(params (string Key, string? Value)[] values) =>
        ConnectionStrings.Read(new ConfigurationBuilder().AddInMemoryCollection(values.Select(v => KeyValuePair.Create(v.Key, v.Value))).Build());

    private static async Task RefusedAsync(Operation operation, string advice)
    {
        // Connections that the server ended are noticed by the statements that use them.
        await Eventually.IsTrueAsync(async () => (await operation.RefusalAsync()).Contains("refuses the password", StringComparison.Ordinal));
        (await operation.RefusalAsync()).Should().Contain(advice).And.NotContain(OldPassword).And.NotContain(NewPassword);
    }

    private string Uri(string role, string? password)
    {
        var user = password is null ? role : $"{role}:{System.Uri.EscapeDataString(password)}";
        return $"postgresql://{user}@127.0.0.1:{fixture.Server.Port}/{Database.Database.Name}";
    }

    private async Task RotateAsync(string role)
    {
        await Database.ExecuteAsync($"alter role {role} password '{NewPassword}'");
        await Database.ExecuteAsync($"select pg_terminate_backend(pid) from pg_stat_activity where usename = '{role}'");
    }

    /// <summary>What the operator has for one database.</summary>
    private sealed class Operation : IAsyncDisposable
    {
        private readonly ConnectionPool _pool;

        public Operation(PostgresSettings settings, ListLogger log)
        {
            Settings = settings;
            _pool = new ConnectionPool(settings, NullLogger<ConnectionPool>.Instance);
            var statements = new StatementRunner(_pool, settings, Meters.OfStore);
            Store = new PostgresTokenStore(statements, settings, TestDatabase.Cipher, new AccessWriter(statements, TestDatabase.Cipher, TimeProvider.System), Meters.OfStore, TimeProvider.System, log);
            Migrator = new PostgresMigrator(statements, settings, TimeProvider.System, NullLogger<PostgresMigrator>.Instance);
        }

        public PostgresSettings Settings { get; }

        public PostgresTokenStore Store { get; }

        public PostgresMigrator Migrator { get; }

        public async Task<bool> CanListAsync() => await RefusalAsync() == "";

        public async Task<string> RefusalAsync()
        {
            try
            {
                await Store.ListAsync(default);
                return "";
            }
            catch (StoreUnavailableException e)
            {
                return e.Message;
            }
        }

        public ValueTask DisposeAsync() => _pool.DisposeAsync();
    }
}
