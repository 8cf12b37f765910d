using Microsoft.Extensions.Logging.Abstractions;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;
using TokenOperator.Postgres.Encryption;
using TokenOperator.Postgres.Rows;
using TokenOperator.TestBed;
using static TokenOperator.Tests.Postgres.TestDatabase;

namespace TokenOperator.Tests.Postgres;

[Collection(PostgresGroup.Name), Trait("Category", PostgresGroup.Name)]
public sealed class PostgresKeyRotationTests(PostgresFixture fixture) : IAsyncLifetime, IDisposable
{
    private TestKeyring? _keyring;
    private TestDatabase? _database;

    private TestDatabase Database => _database!;

    private TestKeyring Keys => _keyring!;

    public async Task InitializeAsync()
    {
        _keyring = new TestKeyring();
        Keys.Add("1");
        _database = await fixture.CreateMigratedAsync();
        await Database.ExpectPlainRowsAsync();
    }

    public async Task DisposeAsync() => await Database.DisposeAsync();

    public void Dispose() => _keyring?.Dispose();

    [Fact]
    public async Task After_a_rotation_all_rows_are_under_the_current_key_and_the_old_key_can_be_removed()
    {
        var old = Database.Store(cipher: Cipher());
        foreach (var account in Enumerable.Range(0, 450))
            await old.ImportAsync(new AccountKey("google", $"a{account}"), Token($"t{account}"), "mail", "seed", null, default);
        await PlainRowAsync("plain");
        Keys.Add("2");

        (await Rotation().CountAsync(default)).Should().BeEquivalentTo([new KeyUsage("1", 450), new KeyUsage(null, 1)]);
        (await Rotation().RewriteAsync(RowSelection.NotCurrent, default)).Should().BeEquivalentTo(new RewriteResult(451, []));
        (await Rotation().CountAsync(default)).Should().BeEquivalentTo([new KeyUsage("2", 451)]);
        (await Rotation().RewriteAsync(RowSelection.NotCurrent, default)).Count.Should().Be(0);

        Keys.Remove("1");
        var records = await Database.Store(cipher: Cipher()).ListAsync(default);
        records.Should().HaveCount(451);
        records.Single(record => record.Key.Account == "a449").Token.AccessToken!.Reveal().Should().Be("t449");
        (await Database.ScalarAsync("select count(*) from oauth_tokens where generation <> 0 or updated_at <> created_at")).Should().Be(0L, "the tokens are the same");
    }

    [Fact]
    public async Task Encrypting_changes_only_rows_in_plain_text_and_decrypting_undoes_it()
    {
        await Database.Store(cipher: Cipher()).ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        await PlainRowAsync("plain");
        Keys.Add("2");
        (await Rotation().RewriteAsync(RowSelection.PlainText, default)).Count.Should().Be(1);
        (await Rotation().CountAsync(default)).Should().BeEquivalentTo([new KeyUsage("1", 1), new KeyUsage("2", 1)]);

        (await Rotation(Cipher(writesPlainText: true)).RewriteAsync(RowSelection.Encrypted, default)).Count.Should().Be(2);
        (await Rotation().CountAsync(default)).Should().BeEquivalentTo([new KeyUsage(null, 2)]);
        (await Database.ScalarAsync("select token_data->'mine'->>'a' from oauth_tokens where account = 'plain'")).Should().Be("1");
    }

    [Fact]
    public async Task Only_the_command_to_encrypt_accepts_rows_that_the_operator_refuses()
    {
        await Database.ExecuteAsync("insert into token_operator_made values ('encrypted')");
        var store = Database.Store(cipher: Cipher());
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        await PlainRowAsync("plain");
        await Database.ExecuteAsync("update oauth_tokens set generation = 7 where account = 'marcus'");
        Keys.Add("2");

        var rotated = await Rotation().RewriteAsync(RowSelection.NotCurrent, default);
        rotated.Count.Should().Be(0);
        rotated.Problems.Should().HaveCount(2).And.Contain(problem => problem.Contains("google/plain") && problem.Contains("plain text"))
            .And.Contain(problem => problem.Contains("google/marcus") && problem.Contains("generation 0") && problem.Contains("generation 7"));

        (await Rotation().RewriteAsync(RowSelection.PlainText, default)).Should().BeEquivalentTo(new RewriteResult(2, []));
        (await store.ListAsync(default)).Should().HaveCount(2);
        (await Rotation().RewriteAsync(RowSelection.PlainText, default)).Count.Should().Be(0);
    }

    [Fact]
    public async Task Unreadable_rows_are_named_and_left_unchanged()
    {
        await Database.Store(cipher: Cipher()).ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        await Database.ExecuteAsync("insert into oauth_tokens (provider, account, token_data) select 'google', 'moved', token_data from oauth_tokens");
        await Database.ExecuteAsync("""insert into oauth_tokens (provider, account, token_data) values ('google', 'foreign', '["marked-4711"]')""");
        Keys.Add("2");

        var rewritten = await Rotation().RewriteAsync(RowSelection.NotCurrent, default);

        rewritten.Count.Should().Be(1);
        rewritten.Problems.Should().HaveCount(2).And.Contain(problem => problem.Contains("google/moved")).And.Contain(problem => problem.Contains("google/foreign"));
        string.Concat(rewritten.Problems).Should().NotContain("marked");
        (await Database.ScalarAsync("""select count(*) from oauth_tokens where account = 'foreign' and token_data = '["marked-4711"]' or account = 'moved' and token_data->>'kid' = '1'""")).Should().Be(2L);
    }

    [Fact]
    public async Task Rows_whose_key_has_an_invalid_name_are_counted_together()
    {
        foreach (var account in new[] { "a", "b" })
            await Database.ExecuteAsync($$"""insert into oauth_tokens (provider, account, token_data) values ('google', '{{account}}', '{"ciphertext": "", "kid": "no\u001bname {{account}}"}')""");
        (await Rotation().CountAsync(default)).Should().Equal(new KeyUsage(KeyUsage.InvalidName, 2));
    }

    [Fact]
    public async Task Refreshes_during_a_rotation_continue_and_none_is_lost()
    {
        const int accounts = 20;
        AccountKey Key(int i) => new("google", $"a{i}");
        var store = Database.Store(cipher: Cipher());
        for (var i = 0; i < accounts; i++)
            await store.ImportAsync(Key(i), Token("t0"), "mail", "seed", null, default);
        Keys.Add("2");
        using var done = new CancellationTokenSource();
        var rotating = Task.Run(async () =>
        {
            // Alternates between the keys, so that there is always something to write.
            for (var round = 0; !done.IsCancellationRequested; round++)
                await Rotation(round % 2 == 0 ? Cipher() : Cipher(writesPlainText: true)).RewriteAsync(round % 2 == 0 ? RowSelection.NotCurrent : RowSelection.Encrypted, default);
            return true;
        });

        const int refreshes = 20;
        await Task.WhenAll(Enumerable.Range(0, accounts).Select(async i =>
        {
            for (var n = 0; n < refreshes; n++)
            {
                var claim = NewClaim("lease");
                (await store.ClaimAsync(Key(i), claim, n, default))!.Token.RefreshToken!.Reveal().Should().Be(n == 0 ? "1//refresh" : $"r{n}");
                (await store.CommitAsync(Key(i), claim.Id, n, Token($"t{n + 1}", $"r{n + 1}"), At(n), default)).Should().NotBeNull();
            }
        }));
        await done.CancelAsync();
        await rotating;

        (await store.ListAsync(default)).Should().HaveCount(accounts).And.OnlyContain(
            record => record.Generation == refreshes && record.Token.RefreshToken!.Reveal() == $"r{refreshes}");
    }

    [Fact]
    public async Task A_row_that_is_decrypted_during_a_refresh_can_be_read_after_it()
    {
        var store = Database.Store(cipher: Cipher());
        await store.ImportAsync(Marcus, Token("t0"), "mail", "seed", null, default);
        var claim = NewClaim("lease");
        await store.ClaimAsync(Marcus, claim, 0, default);

        (await Rotation(Cipher(writesPlainText: true)).RewriteAsync(RowSelection.Encrypted, default)).Count.Should().Be(1);
        (await store.CommitAsync(Marcus, claim.Id, 0, Token("t1"), At(0), default)).Should().NotBeNull();

        (await store.FindAsync(Marcus, default))!.Token.AccessToken!.Reveal().Should().Be("t1");
    }

    private Task PlainRowAsync(string account) => Database.ExecuteAsync(
        $$$"""insert into oauth_tokens (provider, account, token_data, created_at, updated_at) values ('google', '{{{account}}}', '{"refresh_token": "r", "mine": {"a": 1}}', now(), now())""");

    private PostgresKeyRotation Rotation(TokenCipher? cipher = null) => Database.Rotation(cipher ?? Cipher());

    private TokenCipher Cipher(bool writesPlainText = false) => new(new Keyring(Keys.Folder, TimeProvider.System, NullLogger.Instance), writesPlainText);
}
