using Microsoft.Extensions.Time.Testing;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres.Rows;
using TokenOperator.TestBed;
using static TokenOperator.Tests.Postgres.TestDatabase;

namespace TokenOperator.Tests.Postgres;

/// <summary>Behind pgBouncer in transaction mode: all clients share two sessions of the server, and each statement may use another one.</summary>
[Collection(PostgresGroup.Name), Trait("Category", PostgresGroup.Name)]
public sealed class PoolerTests(PostgresFixture fixture)
{
    [Fact]
    public async Task Behind_a_pooler_the_table_is_created_and_accounts_are_refreshed_concurrently()
    {
        await using var pooler = await PgBouncer.StartAsync(await fixture.Server.CreateDatabaseAsync());
        await using var database = new TestDatabase(fixture.Server, pooler.Database);
        await database.Migrator().UpAsync(default);
        var store = database.Store();

        await Task.WhenAll(Enumerable.Range(1, 12).Select(async number =>
        {
            var key = new AccountKey("google", $"account-{number}");
            await store.ImportAsync(key, Token("first"), "mail", "seed", null, default);
            for (var generation = 0; generation < 6; generation++)
            {
                var claim = NewClaim("a");
                var claimed = await store.ClaimAsync(key, claim, generation, default);
                claimed.Should().NotBeNull();
                (await store.CommitAsync(key, claim.Id, generation, Token($"next-{generation}"), At(generation), default)).Should().NotBeNull();
            }
        }));

        (await store.ListAsync(default)).Should().HaveCount(12).And.OnlyContain(row => row.Generation == 6);
    }

    [Fact]
    public async Task Behind_a_pooler_without_LISTEN_any_account_may_have_changed_every_10_s()
    {
        await using var pooler = await PgBouncer.StartAsync(await fixture.Server.CreateDatabaseAsync());
        await using var database = new TestDatabase(fixture.Server, pooler.Database);
        await database.Migrator().UpAsync(default);
        var (time, logger) = (new FakeTimeProvider(), new ListLogger());
        await using var listener = new AccountChangeListener(database.Settings(), "me", Meters.OfStore, time, logger);
        (await listener.NextAsync(default)).Should().Equal([null], "any account may have changed before");

        var next = listener.NextAsync(default);
        time.Advance(TimeSpan.FromSeconds(9));
        next.IsCompleted.Should().BeFalse();
        time.Advance(TimeSpan.FromSeconds(1));

        (await next).Should().Equal([null]);
        logger.Lines.Should().ContainSingle(line => line.Contains("behind a connection pooler"));
    }
}
