using TokenOperator.Core.Tokens;
using static TokenOperator.Tests.Postgres.TestDatabase;

namespace TokenOperator.Tests.Postgres;

[Collection(PostgresGroup.Name), Trait("Category", PostgresGroup.Name)]
public sealed class PostgresClaimTests(PostgresFixture fixture) : IAsyncLifetime
{
    private static readonly RefreshFailure Failure = new(FailureKind.RateLimited, "429 slow down", 2, At(1), At(5), "inputs");
    private TestDatabase? _database;

    private TestDatabase Database => _database!;

    public async Task InitializeAsync() => _database = await fixture.CreateMigratedAsync();

    public async Task DisposeAsync() => await Database.DisposeAsync();

    [Fact]
    public async Task Of_many_claims_at_once_exactly_one_wins()
    {
        var stores = new[] { Database.Store(), Database.Store() };
        await stores[0].ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);

        for (var generation = 0; generation < 3; generation++)
        {
            var claims = Enumerable.Range(0, 24).Select(i => NewClaim($"scope{i}")).ToArray();
            var expected = generation;
            var won = await Task.WhenAll(claims.Select((claim, i) => stores[i % 2].ClaimAsync(Marcus, claim, expected, default)));
            won.Count(record => record is not null).Should().Be(1);

            // Every claimer commits; only the winner's token is stored.
            var committed = await Task.WhenAll(claims.Select((claim, i) => stores[i % 2].CommitAsync(Marcus, claim.Id, expected, Token($"by{i}"), At(1), default)));
            var winner = Array.FindIndex(won, record => record is not null);
            committed.Select((record, i) => (record, i)).Should().OnlyContain(c => (c.record != null) == (c.i == winner));
            (await stores[0].FindAsync(Marcus, default))!.Token.AccessToken!.Reveal().Should().Be($"by{winner}");
        }
    }

    [Fact]
    public async Task A_claim_is_refused_while_another_is_open_and_given_when_that_is_over()
    {
        var store = Database.Store();
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        var first = NewClaim("a");
        (await store.ClaimAsync(Marcus, first, 0, default)).Should().NotBeNull();
        (await store.ClaimAsync(Marcus, NewClaim("b"), 0, default)).Should().BeNull();

        await store.ReleaseAsync(Marcus, first.Id, default);
        (await store.ClaimAsync(Marcus, NewClaim("b"), 0, default)).Should().NotBeNull();
    }

    [Fact]
    public async Task An_expired_claim_is_taken_by_another_and_its_holder_commits_nothing_then()
    {
        var store = Database.Store();
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        var expired = NewClaim("a", TimeSpan.Zero);
        await store.ClaimAsync(Marcus, expired, 0, default);
        var next = NewClaim("b");

        (await store.ClaimAsync(Marcus, next, 0, default)).Should().NotBeNull();
        (await store.CommitAsync(Marcus, expired.Id, 0, Token("late"), At(1), default)).Should().BeNull();
        (await store.FailAsync(Marcus, expired.Id, Failure, default)).Should().BeNull();
        (await store.CommitAsync(Marcus, next.Id, 0, Token("right"), At(1), default)).Should().NotBeNull();
    }

    [Fact]
    public async Task An_expired_claim_that_nobody_took_still_commits()
    {
        var store = Database.Store();
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        var claim = NewClaim("a", TimeSpan.Zero);
        await store.ClaimAsync(Marcus, claim, 0, default);
        (await store.CommitAsync(Marcus, claim.Id, 0, Token("late"), At(1), default)).Should().NotBeNull();
    }

    [Fact]
    public async Task A_claim_from_before_the_servers_clock_was_set_back_holds_nobody_up()
    {
        var store = Database.Store();
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        await store.ClaimAsync(Marcus, NewClaim("a"), 0, default);
        await Database.ExecuteAsync("update oauth_tokens set claim_expires_at = claim_expires_at + interval '1 day'");
        (await store.ClaimAsync(Marcus, NewClaim("b"), 0, default)).Should().NotBeNull();
    }

    [Fact]
    public async Task Tokens_that_came_without_a_claim_are_committed_where_nobody_else_wrote_and_a_late_statement_does_nothing()
    {
        var store = Database.Store();
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        var id = Guid.NewGuid();
        // The claim whose answer was lost is of the same scope.
        await store.ClaimAsync(Marcus, NewClaim("lease"), 0, default);
        Task<AccountRecord?> CommitAsync(Guid by, string scope, long generation, string token) =>
            store.CommitUnclaimedAsync(Marcus, NewClaim(scope) with { Id = by }, 0, generation, Token(token), At((int)generation), default);

        (await CommitAsync(id, "other", 1, "theirs")).Should().BeNull("a claim of another scope is open");
        (await CommitAsync(id, "lease", 1, "first"))!.Generation.Should().Be(1);
        (await CommitAsync(id, "lease", 1, "first"))!.Generation.Should().Be(1, "its answer may have been lost");
        (await CommitAsync(id, "lease", 3, "third"))!.Generation.Should().Be(3, "the first may have been committed and its answer lost");
        (await CommitAsync(id, "lease", 2, "second")).Should().BeNull("it is late");
        (await CommitAsync(Guid.NewGuid(), "lease", 4, "a stranger's")).Should().BeNull();
        (await store.FindAsync(Marcus, default))!.Token.AccessToken!.Reveal().Should().Be("third");

        (await store.ClaimAsync(Marcus, NewClaim("lease"), 3, default)).Should().NotBeNull();
        (await CommitAsync(id, "lease", 5, "late")).Should().BeNull("somebody asks by now");
    }

    [Fact]
    public async Task A_claim_of_the_same_scope_is_taken_over()
    {
        var store = Database.Store();
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        var dead = NewClaim("lease");
        await store.ClaimAsync(Marcus, dead, 0, default);
        var heir = NewClaim("lease");

        (await store.ClaimAsync(Marcus, heir, 0, default)).Should().NotBeNull();
        (await store.CommitAsync(Marcus, dead.Id, 0, Token("late"), At(1), default)).Should().BeNull();
        (await store.CommitAsync(Marcus, heir.Id, 0, Token("right"), At(1), default)).Should().NotBeNull();
    }

    [Fact]
    public async Task A_leader_that_was_paused_takes_no_claim_from_its_successor()
    {
        var store = Database.Store();
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        var paused = NewClaim("lease", term: 4);
        await store.ClaimAsync(Marcus, paused, 0, default);
        var successor = NewClaim("lease", term: 5);

        (await store.ClaimAsync(Marcus, successor, 0, default)).Should().NotBeNull();
        (await store.ClaimAsync(Marcus, NewClaim("lease", term: 4), 0, default)).Should().BeNull();
        (await store.CommitAsync(Marcus, paused.Id, 0, Token("late"), At(1), default)).Should().BeNull();
        (await store.CommitAsync(Marcus, successor.Id, 0, Token("right"), At(1), default)).Should().NotBeNull();
    }

    [Fact]
    public async Task A_row_shows_the_claim_that_stands_on_it_and_none_once_that_has_ended()
    {
        var store = Database.Store();
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        (await store.FindAsync(Marcus, default))!.OpenClaim.Should().BeNull();

        var claim = NewClaim("lease");
        await store.ClaimAsync(Marcus, claim, 0, default);
        (await store.FindAsync(Marcus, default))!.OpenClaim.Should().Be(new OpenClaim("lease", "a process", IsOver: false));
        (await store.CommitAsync(Marcus, claim.Id, 0, Token("t"), At(1), default))!.OpenClaim.Should().BeNull();

        await store.ClaimAsync(Marcus, NewClaim("lease", TimeSpan.Zero), 1, default);
        (await store.ListAsync(default)).Single().OpenClaim!.IsOver.Should().BeTrue();
    }

    [Fact]
    public async Task A_claim_for_another_generation_or_no_row_is_refused()
    {
        var store = Database.Store();
        (await store.ClaimAsync(Marcus, NewClaim("a"), 0, default)).Should().BeNull();
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        (await store.ClaimAsync(Marcus, NewClaim("a"), 1, default)).Should().BeNull();
    }
}
