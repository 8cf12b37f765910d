using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;
using static TokenOperator.Tests.Postgres.TestDatabase;

namespace TokenOperator.Tests.Postgres;

[Collection(PostgresGroup.Name), Trait("Category", PostgresGroup.Name)]
public sealed class EncryptedRowTests(PostgresFixture fixture) : IAsyncLifetime
{
    private static readonly AccountKey Other = new("google", "other");
    private TestDatabase? _database;

    private TestDatabase Database => _database!;

    public async Task InitializeAsync() => _database = await fixture.CreateMigratedAsync();

    public async Task DisposeAsync() => await Database.DisposeAsync();

    [Fact]
    public async Task A_row_contains_no_readable_token_after_an_import_a_commit_or_a_new_seed()
    {
        var store = Database.Store();
        await store.ImportAsync(Marcus, Token("marked-1", "marked-refresh-1"), "mail", "seed", null, default);
        (await StoredAsync()).Should().NotContain("marked").And.Contain("A256GCM");
        var claim = NewClaim("a");
        await store.ClaimAsync(Marcus, claim, 0, default);
        await store.CommitAsync(Marcus, claim.Id, 0, Token("marked-2", "marked-refresh-2"), At(1), default);
        (await StoredAsync()).Should().NotContain("marked");
        await store.ImportAsync(Marcus, Token("marked-3", "marked-refresh-3"), "mail", "seed", 1, default);
        (await StoredAsync()).Should().NotContain("marked");
        (await store.FindAsync(Marcus, default))!.Token.RefreshToken!.Reveal().Should().Be("marked-refresh-3");
    }

    [Fact]
    public async Task A_row_in_plain_text_is_encrypted_at_its_next_write_with_the_applications_own_data()
    {
        await Database.ExecuteAsync("""insert into oauth_tokens (provider, account, token_data) values ('google', 'marcus', '{"refresh_token": "marked-1", "mine": {"a": [1, 2]}}')""");
        var store = Database.Store();
        (await store.FindAsync(Marcus, default))!.Token.RefreshToken!.Reveal().Should().Be("marked-1");
        var claim = NewClaim("a");
        await store.ClaimAsync(Marcus, claim, 0, default);
        await store.CommitAsync(Marcus, claim.Id, 0, Token("new", null), At(1), default);
        var stored = await StoredAsync();
        stored.Should().NotContain("marked").And.NotContain("mine");
        Cipher.Open(Marcus, stored).Should().Contain("\"mine\":{\"a\":[1,2]}").And.Contain("marked-1");
    }

    [Fact]
    public async Task A_row_that_was_moved_to_another_account_is_reported_and_never_overwritten()
    {
        var logger = new ListLogger();
        var store = Database.Store(logger);
        await store.ImportAsync(Marcus, Token("marked-1", "marked-refresh"), "mail", "seed", null, default);
        await store.ImportAsync(Other, Token("theirs"), "web", "seed", null, default);
        await Database.ExecuteAsync("update oauth_tokens set token_data = (select token_data from oauth_tokens where account = 'marcus') where account = 'other'");
        var before = await StoredAsync("other");

        (await store.ListAsync(default)).Should().ContainSingle().Which.Key.Should().Be(Marcus);
        logger.Lines.Should().ContainSingle().Which.Should().Contain("google/other").And.Contain("another account").And.NotContain("marked");
        var claim = NewClaim("a");
        await FluentActions.Awaiting(() => store.FindAsync(Other, default)).Should().ThrowAsync<UnreadableRowException>();
        await FluentActions.Awaiting(() => store.ClaimAsync(Other, claim, 0, default)).Should().ThrowAsync<UnreadableRowException>();
        (await store.CommitAsync(Marcus, claim.Id, 0, Token("x"), At(1), default)).Should().BeNull();
        (await StoredAsync("other")).Should().Be(before);
        (await Database.ScalarAsync("select count(*) from oauth_tokens where claim_expires_at is not null")).Should().Be(0L);
    }

    [Fact]
    public async Task A_column_of_type_json_accepts_encrypted_rows_too()
    {
        await Database.ExecuteAsync("alter table oauth_tokens alter column token_data type json");
        var store = Database.Store();
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        (await store.FindAsync(Marcus, default))!.Token.AccessToken!.Reveal().Should().Be("t");
    }

    private async Task<string> StoredAsync(string account = "marcus") =>
        (string)(await Database.ScalarAsync($"select token_data::text from oauth_tokens where account = '{account}'"))!;
}
