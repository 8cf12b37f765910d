using Microsoft.Extensions.Time.Testing;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;
using TokenOperator.TestBed;
using TokenOperator.Tests.Refreshing;
using static TokenOperator.Tests.Postgres.TestDatabase;

namespace TokenOperator.Tests.Postgres;

/// <summary>Behind pgBouncer in transaction mode: two sessions of the server for all clients, another at each statement.</summary>
[Collection(PostgresGroup.Name), Trait("Category", PostgresGroup.Name)]
public sealed class PoolerTests(PostgresFixture fixture)
{
    [Fact]
    public async Task Behind_a_pooler_the_table_is_made_and_accounts_are_refreshed_side_by_side()
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
    public async Task Behind_a_pooler_which_cannot_be_listened_through_all_accounts_are_looked_at_every_10_s()
    {
        await using var pooler = await PgBouncer.StartAsync(await fixture.Server.CreateDatabaseAsync());
        await using var database = new TestDatabase(fixture.Server, pooler.Database);
        await database.Migrator().UpAsync(default);
        var (time, logger) = (new FakeTimeProvider(), new ListLogger());
        await using var notices = new AccountChangeListener(database.Settings(), "me", Meters.OfStore, time, logger);
        (await notices.NextAsync(default)).Should().Equal([null], "any may have changed before");

        var next = notices.NextAsync(default);
        time.Advance(TimeSpan.FromSeconds(9));
        next.IsCompleted.Should().BeFalse();
        time.Advance(TimeSpan.FromSeconds(1));

        (await next).Should().Equal([null]);
        logger.Lines.Should().ContainSingle(line => line.Contains("behind a connection pooler"));
    }
}
