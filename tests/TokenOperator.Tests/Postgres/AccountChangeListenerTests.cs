using System.Threading.Channels;
using Npgsql;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;
using TokenOperator.TestBed;
using static TokenOperator.Tests.Postgres.TestDatabase;

namespace TokenOperator.Tests.Postgres;

[Collection(PostgresGroup.Name), Trait("Category", PostgresGroup.Name)]
public sealed class AccountChangeListenerTests(PostgresFixture fixture)
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Changes_by_another_process_are_reported_and_own_changes_are_not()
    {
        await using var database = await fixture.CreateMigratedAsync();
        var store = database.Store();
        var other = database.Store();
        await using var watch = new Watch(store);
        (await watch.NextAsync()).Should().BeNull("any account may have changed before");

        var own = new AccountKey("google", "own");
        await store.ImportAsync(own, Token("t"), "mail", "seed", null, default);
        await other.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        (await watch.NextAsync()).Should().Be(Marcus);

        var claim = NewClaim("a");
        await other.ClaimAsync(Marcus, claim, 0, default);
        await other.CommitAsync(Marcus, claim.Id, 0, Token("u"), At(1), default);
        await other.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        await other.AllowAsync(own, "web", default);
        (await watch.NextAsync()).Should().Be(own, "claims, commits and imports without effect send no notification");

        await other.ClaimAsync(Marcus, claim, 1, default);
        await other.DeleteAsync(Marcus, claim.Id, default);
        (await watch.NextAsync()).Should().Be(Marcus);
    }

    [Fact]
    public async Task A_manual_notification_means_that_any_account_may_have_changed()
    {
        await using var database = await fixture.CreateMigratedAsync();
        await using var watch = new Watch(database.Store());
        await watch.NextAsync();
        await database.ExecuteAsync("notify token_operator");
        (await watch.NextAsync()).Should().BeNull();
        await database.ExecuteAsync("notify token_operator, '[1]'");
        (await watch.NextAsync()).Should().BeNull();
    }

    [Theory]
    [InlineData("i::text")]
    [InlineData("json_build_object('provider', 'google', 'account', i::text)::text")]
    [InlineData("repeat('x', 7000) || i")]
    public async Task A_flood_of_notifications_from_a_role_that_can_only_connect_is_reported_in_few_items(string payload)
    {
        await using var database = await fixture.CreateMigratedAsync();
        await database.ExecuteAsync($"create role flooder_{database.Database.Name} login password 'pw'");
        await using var watch = new Watch(database.Store());
        await watch.NextAsync();

        await using (var flooder = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(database.Database.ConnectionString)
        {
            Username = $"flooder_{database.Database.Name}",
            Password = "pw",
            Pooling = false,
        }.ConnectionString))
        {
            await flooder.OpenAsync();
            for (var batch = 0; batch < 20; batch++)
            {
                await using var flood = new NpgsqlCommand($"select count(pg_notify('token_operator', {payload})) from generate_series({batch * 1000 + 1}, {(batch + 1) * 1000}) i", flooder);
                await flood.ExecuteNonQueryAsync();
            }
        }

        // The change of another process is seen, by its name or as a change of any account.
        await database.Store().ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        AccountKey? last;
        do
            last = await watch.NextAsync();
        while (last is not null && last != Marcus);
        watch.Received.Should().BeLessThan(250, "each item costs a statement");
    }

    [Fact]
    public async Task After_a_restart_of_the_server_the_listener_reconnects()
    {
        await using var server = await PostgresServer.StartAsync(new PostgresServerOptions { CountStatements = false });
        await using var database = await CreateMigratedAsync(server);
        var logger = new ListLogger();
        await using var watch = new Watch(database.Store(logger));
        (await watch.NextAsync()).Should().BeNull();

        await server.StopAsync(crash: true);
        await Eventually.IsTrueAsync(() => logger.Lines.Any(line => line.Contains("Cannot listen")));
        await server.StartAgainAsync();
        (await watch.NextAsync()).Should().BeNull("it missed notifications in the meantime");

        await database.Store().ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        (await watch.NextAsync()).Should().Be(Marcus);
    }

    [Fact]
    public async Task Before_the_migration_the_stream_waits_without_a_warning_and_starts_after_it()
    {
        await using var database = await fixture.CreateAsync();
        var logger = new ListLogger();
        await using var watch = new Watch(database.Store(logger));
        var first = watch.NextAsync();
        await Eventually.IsTrueAsync(() => !logger.Lines.IsEmpty);
        await database.ExecuteAsync("create table oauth_tokens (x int)");
        first.IsCompleted.Should().BeFalse("the table of an application is not enough");
        await database.ExecuteAsync("drop table oauth_tokens");

        await database.Migrator().UpAsync(default);
        (await first).Should().BeNull("any account may have changed before");
        logger.Lines.Where(line => !line.Contains("Listening for changes")).Should().ContainSingle().Which.Should().Contain("waiting for a migration");

        await database.Store().ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        (await watch.NextAsync()).Should().Be(Marcus);
    }

    [Fact]
    public async Task The_stream_ends_with_its_token_and_leaves_no_connection()
    {
        await using var database = await fixture.CreateMigratedAsync();
        await using (var watch = new Watch(database.Store()))
        {
            await watch.NextAsync();
            (await database.ScalarAsync(ListenersSql)).Should().Be(1L);
        }

        await Eventually.SeesAsync(() => database.ScalarAsync(ListenersSql), listeners => listeners is 0L);
    }

    private const string ListenersSql = "select count(*) from pg_stat_activity where datname = current_database() and query ilike 'listen%'";

    /// <summary>Reads the stream into a queue, so that a wait for one item can time out.</summary>
    private sealed class Watch : IAsyncDisposable
    {
        private readonly Channel<AccountKey?> _received = Channel.CreateUnbounded<AccountKey?>();
        private readonly CancellationTokenSource _stop = new();
        private readonly Task _reading;

        /// <summary>The number of items that were received.</summary>
        public int Received { get; private set; }

        public Watch(ITokenStore store) => _reading = ReadAsync(store);

        public async Task<AccountKey?> NextAsync() => await _received.Reader.ReadAsync().AsTask().WaitAsync(Timeout);

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            var end = () => _reading;
            await end.Should().ThrowAsync<OperationCanceledException>();
            _stop.Dispose();
        }

        private async Task ReadAsync(ITokenStore store)
        {
            await foreach (var key in store.WatchAsync(_stop.Token))
            {
                Received++;
                _received.Writer.TryWrite(key);
            }
        }
    }
}
