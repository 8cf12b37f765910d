using Npgsql;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;
using TokenOperator.TestBed.Faults;
using static TokenOperator.Tests.Postgres.TestDatabase;

namespace TokenOperator.Tests.Postgres;

/// <summary>Commits that fail because of Postgres or the network: in the end, the issued token is in the row, once.</summary>
[Collection(PostgresGroup.Name), Trait("Category", PostgresGroup.Name)]
public sealed class PostgresFaultTests(PostgresFixture fixture)
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_repeated_commit_whose_answer_was_lost_recognizes_its_own_work(bool isClaimed)
    {
        await using var database = await fixture.CreateMigratedAsync();
        await using var proxy = FaultProxy.Start("127.0.0.1", fixture.Server.Port);
        var store = database.Store(further: $"Port={proxy.Port}");
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        var claim = NewClaim("a");
        if (isClaimed)
            await store.ClaimAsync(Marcus, claim, 0, default);
        Task<AccountRecord?> CommitAsync() => isClaimed
            ? store.CommitAsync(Marcus, claim.Id, 0, Token("new", "rotated"), At(1), default)
            : store.CommitUnclaimedAsync(Marcus, claim, 0, 1, Token("new", "rotated"), At(1), default);

        // The statement arrives and waits for a lock. The connection breaks before the answer.
        await using (var other = new NpgsqlConnection(database.Database.ConnectionString + ";Pooling=false"))
        {
            await other.OpenAsync();
            await using var transaction = await other.BeginTransactionAsync();
            await using (var hold = new NpgsqlCommand("select 1 from oauth_tokens for update", other))
                await hold.ExecuteNonQueryAsync();
            var commit = CommitAsync();
            await Eventually.SeesAsync(() => WaitersAsync(database), waiters => waiters == 1);
            proxy.HalfOpen();
            proxy.Cut();
            await FluentActions.Awaiting(() => commit).Should().ThrowAsync<StoreUnavailableException>();
        }

        await Eventually.SeesAsync(() => WaitersAsync(database), waiters => waiters == 0);
        (await CommitAsync())!.Generation.Should().Be(1);
        (await store.FindAsync(Marcus, default))!.Token.RefreshToken!.Reveal().Should().Be("rotated");
    }

    [Fact]
    public async Task A_commit_can_be_repeated_after_its_session_was_terminated()
    {
        await using var database = await fixture.CreateMigratedAsync();
        var store = database.Store();
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        var claim = NewClaim("a");
        await store.ClaimAsync(Marcus, claim, 0, default);
        await database.ExecuteAsync("create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(3); return new; end $$");
        await database.ExecuteAsync("create trigger slow before update on oauth_tokens for each row execute function slow()");

        var commit = store.CommitAsync(Marcus, claim.Id, 0, Token("new"), At(1), default);
        await Eventually.SeesAsync(
            () => database.ScalarAsync($"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{database.Database.Name}' and wait_event = 'PgSleep'"),
            terminated => terminated is true);
        (await FluentActions.Awaiting(() => commit).Should().ThrowAsync<StoreUnavailableException>()).WithMessage("*shutting down*");
        (await store.CommitAsync(Marcus, claim.Id, 0, Token("new"), At(1), default))!.Generation.Should().Be(1, "a statement of three seconds is slow and does not time out");
    }

    private static async Task<long> WaitersAsync(TestDatabase database) => (long)(await database.ScalarAsync(
        $"select count(*) from pg_stat_activity where datname = '{database.Database.Name}' and wait_event_type = 'Lock'"))!;
}
