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
    public async Task One_of_several_concurrent_claims_wins()
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
    public async Task A_claim_is_refused_while_another_is_open_and_granted_when_that_has_ended()
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
    public async Task After_another_process_has_taken_an_expired_claim_its_holder_cannot_commit()
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
    public async Task An_expired_claim_that_no_process_has_taken_still_commits()
    {
        var store = Database.Store();
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        var claim = NewClaim("a", TimeSpan.Zero);
        await store.ClaimAsync(Marcus, claim, 0, default);
        (await store.CommitAsync(Marcus, claim.Id, 0, Token("late"), At(1), default)).Should().NotBeNull();
    }

    [Fact]
    public async Task A_claim_from_before_the_clock_of_the_server_was_set_back_blocks_no_other()
    {
        var store = Database.Store();
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        await store.ClaimAsync(Marcus, NewClaim("a"), 0, default);
        await Database.ExecuteAsync("update oauth_tokens set claim_expires_at = claim_expires_at + interval '1 day'");
        (await store.ClaimAsync(Marcus, NewClaim("b"), 0, default)).Should().NotBeNull();
    }

    [Fact]
    public async Task Tokens_without_a_claim_are_committed_to_an_unchanged_row_and_a_late_statement_has_no_effect()
    {
        var store = Database.Store();
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        var id = Guid.NewGuid();
        // The claim whose answer was lost has the same scope.
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
        (await CommitAsync(id, "lease", 5, "late")).Should().BeNull("another claim is open by now");
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
    public async Task A_leader_that_was_paused_cannot_take_over_the_claim_of_its_successor()
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
    public async Task A_row_shows_its_open_claim_until_the_claim_has_ended()
    {
        var store = Database.Store();
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        (await store.FindAsync(Marcus, default))!.OpenClaim.Should().BeNull();

        var claim = NewClaim("lease");
        await store.ClaimAsync(Marcus, claim, 0, default);
        var open = (await store.FindAsync(Marcus, default))!.OpenClaim!;
        open.Should().Be(new OpenClaim("lease", "a process", IsOver: false) { At = open.At });
        open.At.Should().BeCloseTo(DateTimeOffset.UtcNow, TimeSpan.FromSeconds(20)).And.BeBefore(DateTimeOffset.UtcNow);
        await Database.ExecuteAsync("update oauth_tokens set claimed_at = claimed_at - interval '25 minutes'");
        (await store.FindAsync(Marcus, default))!.OpenClaim!.At.Should().BeCloseTo(open.At.AddMinutes(-25), TimeSpan.FromSeconds(20), "it counts by the age of the claim");
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
