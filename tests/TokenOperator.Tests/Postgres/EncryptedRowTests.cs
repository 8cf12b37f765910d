using Microsoft.Extensions.Logging.Abstractions;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;
using TokenOperator.Postgres.Encryption;
using TokenOperator.TestBed;
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
    public async Task The_host_of_a_row_is_sealed_with_its_tokens_and_only_tokens_of_another_host_replace_it()
    {
        var store = Database.Store();
        await store.ImportAsync(Marcus, Token("t", "refresh-1"), "mail", "seed", null, default);
        (await HostAsync()).Should().BeNull("no host has issued a token yet");
        var claim = NewClaim("a");
        await store.ClaimAsync(Marcus, claim, 0, default);
        await store.CommitAsync(Marcus, claim.Id, 0, Token("t", "refresh-2") with { TokenHost = "old.example" }, At(1), default);
        (await HostAsync()).Should().Be("old.example");
        (await StoredAsync()).Should().NotContain("old.example");

        await store.ImportAsync(Marcus, Token("t", "refresh-3"), "mail", "seed", 1, default);
        (await HostAsync()).Should().Be("old.example", "a file does not say where its tokens came from");
        await store.ImportAsync(Marcus, Token("t", "refresh-4") with { TokenHost = "new.example" }, "mail", "seed", 2, default);
        (await HostAsync()).Should().Be("new.example");

        async Task<string?> HostAsync() => (await store.FindAsync(Marcus, default))!.Token.TokenHost;
    }

    [Fact]
    public async Task A_row_in_plain_text_is_encrypted_at_its_next_write_with_the_applications_own_data()
    {
        await Database.ExpectPlainRowsAsync();
        await Database.ExecuteAsync("""insert into oauth_tokens (provider, account, token_data) values ('google', 'marcus', '{"refresh_token": "marked-1", "mine": {"a": [1, 2]}}')""");
        var logger = new ListLogger();
        var store = Database.Store(logger);
        (await store.FindAsync(Marcus, default))!.Token.RefreshToken!.Reveal().Should().Be("marked-1");
        var claim = NewClaim("a");
        await store.ClaimAsync(Marcus, claim, 0, default);
        await store.CommitAsync(Marcus, claim.Id, 0, Token("new", null), At(1), default);
        await store.ClaimAsync(Marcus, NewClaim("a"), 1, default);
        logger.Lines.Should().ContainSingle("the row is in plain text once").Which.Should().Contain("google/marcus").And.Contain("Encryption=Required").And.NotContain("marked");
        var stored = await StoredAsync();
        stored.Should().NotContain("marked").And.NotContain("mine");
        Cipher.Open(Marcus, stored).Should().Contain("\"mine\":{\"a\":[1,2]}").And.Contain("marked-1");
    }

    [Theory]
    [InlineData(true, PlainRows.ByDatabase, false)]
    [InlineData(true, PlainRows.Accepted, true)]
    [InlineData(true, PlainRows.Refused, false)]
    [InlineData(false, PlainRows.ByDatabase, true)]
    [InlineData(false, PlainRows.Accepted, true)]
    [InlineData(false, PlainRows.Refused, false)]
    public async Task A_row_in_plain_text_is_used_only_where_one_is_expected(bool isNewDatabase, PlainRows setting, bool isUsed)
    {
        if (!isNewDatabase)
            await Database.ExpectPlainRowsAsync();
        await Database.ExecuteAsync("""insert into oauth_tokens (provider, account, token_data, namespaces) values ('google', 'marcus', '{"refresh_token": "marked-1"}', '{mail}')""");
        var store = Database.Store(cipher: new TokenCipher(new Keyring(TestKeyring.Shared.Folder, TimeProvider.System, NullLogger.Instance), writesPlainText: false, setting));
        if (isUsed)
        {
            (await store.FindAsync(Marcus, default))!.Token.RefreshToken!.Reveal().Should().Be("marked-1");
            return;
        }

        (await FluentActions.Awaiting(() => store.FindAsync(Marcus, default)).Should().ThrowAsync<UnreadableRowException>()).Which.Message
            .Should().Contain("is in plain text").And.Contain("token-operator keys encrypt").And.Contain("Encryption=Optional").And.NotContain("marked");
        await FluentActions.Awaiting(() => store.ClaimAsync(Marcus, NewClaim("a"), 0, default)).Should().ThrowAsync<UnreadableRowException>();
        (await StoredAsync()).Should().Contain("marked-1", "it is left unchanged");
    }

    [Fact]
    public async Task An_adopted_table_is_one_in_which_rows_in_plain_text_are_expected()
    {
        await using var database = await fixture.CreateAsync();
        await database.ExecuteAsync(
            """
            create table oauth_tokens (id serial primary key, provider text not null, account text not null, token_data jsonb not null,
              expires_at timestamptz, created_at timestamptz default now(), updated_at timestamptz default now(), unique (provider, account));
            insert into oauth_tokens (provider, account, token_data) values ('google', 'marcus', '{"refresh_token": "r"}');
            """);
        await database.Migrator().UpAsync(default);
        var store = database.Store();
        (await store.FindAsync(Marcus, default))!.Token.RefreshToken!.Reveal().Should().Be("r");

        var claim = NewClaim("a");
        await store.ClaimAsync(Marcus, claim, 0, default);
        await store.CommitAsync(Marcus, claim.Id, 0, Token("t"), At(1), default);
        await database.Migrator().DownAsync(0, default);
        await database.Migrator().UpAsync(default);
        (await store.FindAsync(Marcus, default))!.Token.AccessToken!.Reveal().Should().Be("t", "the generations start again");
    }

    [Fact]
    public async Task An_old_document_of_the_same_account_that_is_put_back_is_reported_and_not_used()
    {
        var store = Database.Store();
        await store.ImportAsync(Marcus, Token("t0", "r0"), "mail", "seed", null, default);
        var old = await StoredAsync();
        var claim = NewClaim("a");
        await store.ClaimAsync(Marcus, claim, 0, default);
        await store.CommitAsync(Marcus, claim.Id, 0, Token("t1", "r1"), At(1), default);
        await store.ImportAsync(Marcus, Token("t2", "r2"), "mail", "seed2", 1, default);
        var unclaimed = NewClaim("b");
        (await store.CommitUnclaimedAsync(Marcus, unclaimed, 2, 6, Token("t6", "r6"), At(2), default))!.Token.RefreshToken!.Reveal().Should().Be("r6", "each write is for its own generation");

        foreach (var database in new[] { "a new one", "an earlier one" })
        {
            await Database.ExecuteAsync($"update oauth_tokens set token_data = '{old}'");
            (await FluentActions.Awaiting(() => store.FindAsync(Marcus, default)).Should().ThrowAsync<UnreadableRowException>(database)).Which.Message
                .Should().Contain("generation 0 of the row, and the row has generation 6").And.Contain("Find out who writes to the table");
            await Database.ExecuteAsync($"update oauth_tokens set token_data = token_data || '{{\"generation\": 6}}'");
            (await FluentActions.Awaiting(() => store.FindAsync(Marcus, default)).Should().ThrowAsync<UnreadableRowException>(database)).Which.Message.Should().Contain("cannot be decrypted");
            await Database.ExpectPlainRowsAsync();
        }
    }

    [Fact]
    public async Task A_row_that_an_earlier_version_encrypted_is_read_where_that_version_worked_and_its_readers_can_read_new_rows()
    {
        var store = Database.Store();
        await store.ImportAsync(Marcus, Token("t0"), "mail", "seed", null, default);
        // Earlier versions write the same document without these members, and ignore them.
        await Database.ExecuteAsync("update oauth_tokens set token_data = token_data - 'generation' - 'seal'");

        (await FluentActions.Awaiting(() => store.FindAsync(Marcus, default)).Should().ThrowAsync<UnreadableRowException>()).Which.Message.Should().Contain("keys encrypt");
        await Database.ExpectPlainRowsAsync();
        (await store.FindAsync(Marcus, default))!.Token.AccessToken!.Reveal().Should().Be("t0");
        var claim = NewClaim("a");
        await store.ClaimAsync(Marcus, claim, 0, default);
        await store.CommitAsync(Marcus, claim.Id, 0, Token("t1"), At(1), default);
        (await Database.ScalarAsync("select (token_data->>'generation') from oauth_tokens")).Should().Be("1");
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
