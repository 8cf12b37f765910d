using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;
using TokenOperator.Postgres.Encryption;
using TokenOperator.Postgres.Rows;
using TokenOperator.TestBed;
using static TokenOperator.Tests.Postgres.TestDatabase;

namespace TokenOperator.Tests.Postgres;

/// <summary>Someone who can write to the table and has no key tries to change which namespaces may use an account.</summary>
[Collection(PostgresGroup.Name), Trait("Category", PostgresGroup.Name)]
public sealed class AccessSealTests(PostgresFixture fixture) : IAsyncLifetime
{
    private static readonly AccountUser Mail = new("mail", "uid-1");
    private TestDatabase? _database;

    private TestDatabase Database => _database!;

    private PostgresTokenStore Store => Database.Store();

    public async Task InitializeAsync()
    {
        _database = await fixture.CreateMigratedAsync();
        await Store.ImportAsync(Marcus, Token("t0"), Mail, "seed", null, default);
    }

    public async Task DisposeAsync() => await Database.DisposeAsync();

    [Theory]
    [InlineData("namespaces = '{mail,evil}'")]
    [InlineData("namespaces = '{evil}', namespace_uids = null")]
    [InlineData("namespaces = null")]
    [InlineData("namespace_uids = '{mail/uid-2}'")]
    [InlineData("namespace_uids = null")]
    [InlineData("namespaces = null, denied_namespaces = '{mail}'")]
    [InlineData("access_seal = null, namespaces = '{mail,evil}'")]
    [InlineData("access_seal = null")]
    [InlineData("access_seal = 'x'")]
    [InlineData("access_seal = access_seal || '='")]
    [InlineData("access_seal = split_part(access_seal, ':', 1) || ':9' || split_part(access_seal, ':', 2) || ':' || split_part(access_seal, ':', 3)")]
    public async Task A_change_without_the_keys_is_reported_and_the_row_is_not_used(string change)
    {
        foreach (var database in new[] { "a new one", "an earlier one" })
        {
            await Database.ExecuteAsync($"update oauth_tokens set {change}");
            var failure = (await FluentActions.Awaiting(() => Store.FindAsync(Marcus, default)).Should().ThrowAsync<UnreadableRowException>(database)).Which;
            failure.Message.Should().Contain("Find out who writes to the table").And.Contain("accounts release").And.Contain("keys encrypt");
            await FluentActions.Awaiting(() => Store.ClaimAsync(Marcus, NewClaim("a"), 0, default)).Should().ThrowAsync<UnreadableRowException>();
            await FluentActions.Awaiting(() => Store.AllowAsync(Marcus, "web", default)).Should().ThrowAsync<UnreadableRowException>("it would confirm the change");
            await Database.ExpectPlainRowsAsync();
        }

        var released = (await Store.DisownAsync(Marcus, default))!;
        released.Namespaces.Should().BeNull();
        released.NamespaceUids.Should().BeEmpty();
        (await Store.AllowAsync(Marcus, "mail", default))!.IsOpenTo(Mail).Should().BeTrue("an administrator repairs it");
    }

    [Fact]
    public async Task A_seal_of_another_account_is_not_accepted()
    {
        var other = new AccountKey("google", "other");
        await Store.ImportAsync(other, Token("t"), new AccountUser("evil", "uid-9"), "seed", null, default);
        await Database.ExecuteAsync("update oauth_tokens set (namespaces, namespace_uids, access_seal) = (select namespaces, namespace_uids, access_seal from oauth_tokens where account = 'other') where account = 'marcus'");
        await FluentActions.Awaiting(() => Store.FindAsync(Marcus, default)).Should().ThrowAsync<UnreadableRowException>();
    }

    [Fact]
    public async Task A_name_does_not_move_from_one_list_to_another()
    {
        await Store.DenyAsync(Marcus, "evil", default);
        await Database.ExecuteAsync("update oauth_tokens set namespaces = namespaces || denied_namespaces, denied_namespaces = null");
        await FluentActions.Awaiting(() => Store.FindAsync(Marcus, default)).Should().ThrowAsync<UnreadableRowException>();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_earlier_list_with_its_own_seal_does_not_suit_the_tokens_of_a_later_one(bool isRefreshed)
    {
        await Store.AllowAsync(Marcus, "evil", default);
        await Database.ExecuteAsync("create table saved as select namespaces, namespace_uids, denied_namespaces, access_seal from oauth_tokens");
        await Store.DenyAsync(Marcus, "evil", default);
        if (isRefreshed)
        {
            var (store, claim) = (Store, NewClaim("a"));
            await store.ClaimAsync(Marcus, claim, 0, default);
            await store.CommitAsync(Marcus, claim.Id, 0, Token("t1"), At(1), default);
        }

        await Database.ExecuteAsync("update oauth_tokens set (namespaces, namespace_uids, denied_namespaces, access_seal) = (select * from saved)");

        (await FluentActions.Awaiting(() => Store.FindAsync(Marcus, default)).Should().ThrowAsync<UnreadableRowException>()).Which.Message
            .Should().Contain("Someone put it back");
    }

    [Fact]
    public async Task A_list_of_an_earlier_row_of_the_account_does_not_suit_a_new_one()
    {
        await Database.ExecuteAsync("create table saved as select namespaces, namespace_uids, denied_namespaces, access_seal from oauth_tokens");
        await Database.ExecuteAsync("delete from oauth_tokens");
        // The version of a new list is the time, in milliseconds.
        var later = Database.Store(time: new FakeTimeProvider(DateTimeOffset.UtcNow.AddMinutes(1)));
        await later.ImportAsync(Marcus, Token("of another"), new AccountUser("web", "uid-7"), "seed", null, default);
        await Database.ExecuteAsync("update oauth_tokens set (namespaces, namespace_uids, denied_namespaces, access_seal) = (select * from saved)");
        await FluentActions.Awaiting(() => Store.FindAsync(Marcus, default)).Should().ThrowAsync<UnreadableRowException>();
    }

    [Fact]
    public async Task Every_write_of_the_operator_keeps_the_row_readable_and_its_version_grows_with_the_access_only()
    {
        var store = Store;
        var version = (await store.FindAsync(Marcus, default))!.AccessVersion ?? throw new InvalidOperationException("The access is not sealed.");
        var claim = NewClaim("a");
        await store.ClaimAsync(Marcus, claim, 0, default);
        var denied = (await store.DenyAsync(Marcus, "evil", default))!;
        denied.AccessVersion.Should().BeGreaterThan(version);
        (await store.CommitAsync(Marcus, claim.Id, 0, Token("t1"), At(1), default))!.AccessVersion.Should().Be(denied.AccessVersion, "the access changed during the refresh");
        var replaced = (await store.ImportAsync(Marcus, Token("t2"), Mail, "seed2", 1, default))!;
        replaced.AccessVersion.Should().BeGreaterThan(denied.AccessVersion!.Value);
        (replaced.Namespaces!.Single(), replaced.DeniedNamespaces.Single()).Should().Be(("mail", "evil"));
        (await store.CommitUnclaimedAsync(Marcus, NewClaim("b"), 2, 5, Token("t5"), At(2), default))!.AccessVersion.Should().Be(replaced.AccessVersion);
        (await store.ListAsync(default)).Should().ContainSingle().Which.Token.AccessToken!.Reveal().Should().Be("t5");
    }

    [Fact]
    public async Task Changes_at_the_same_time_lose_none()
    {
        var names = Enumerable.Range(0, 8).Select(i => $"ns-{i}").ToList();
        await Task.WhenAll(names.Select(ns => Store.AllowAsync(Marcus, ns, default)));
        (await Store.FindAsync(Marcus, default))!.Namespaces.Should().BeEquivalentTo(["mail", .. names]);
    }

    [Theory]
    [InlineData(PlainRows.ByDatabase, true)]
    [InlineData(PlainRows.Accepted, true)]
    [InlineData(PlainRows.Refused, false)]
    public async Task A_row_that_was_never_sealed_is_used_where_plain_rows_are_and_sealed_at_the_next_change(PlainRows setting, bool isUsed)
    {
        await Database.ExpectPlainRowsAsync();
        var store = Database.Store(cipher: CipherOf(setting));
        // As a version without seals writes it.
        await Database.ExecuteAsync("delete from oauth_tokens");
        await Database.ExecuteAsync($"insert into oauth_tokens (provider, account, token_data, namespaces) values ('google', 'marcus', '{CipherOf(setting).Seal(Marcus, """{"refresh_token": "r"}""")}', '{{mail}}')");
        if (!isUsed)
        {
            (await FluentActions.Awaiting(() => store.FindAsync(Marcus, default)).Should().ThrowAsync<UnreadableRowException>()).Which.Message.Should().Contain("no seal");
            return;
        }

        (await store.FindAsync(Marcus, default))!.AccessVersion.Should().BeNull();
        (await store.RecordUidAsync(Marcus, Mail, default))!.AccessVersion.Should().NotBeNull();
        await Database.ExecuteAsync("update oauth_tokens set namespaces = '{mail,evil}', access_seal = null");
        (await FluentActions.Awaiting(() => store.FindAsync(Marcus, default)).Should().ThrowAsync<UnreadableRowException>("the tokens say that there was a seal")).Which.Message.Should().Contain("removed");
    }

    [Fact]
    public async Task The_keys_verbs_seal_the_access_again()
    {
        await Database.ExecuteAsync("update oauth_tokens set namespaces = '{mail,web}'");
        var rotation = Database.Rotation(Cipher);
        (await rotation.RewriteAsync(RowSelection.NotCurrent, default)).Count.Should().Be(0);
        (await rotation.RewriteAsync(RowSelection.PlainText, default)).Should().BeEquivalentTo(new RewriteResult(1, []));
        (await Store.FindAsync(Marcus, default))!.Namespaces.Should().Equal("mail", "web");
        (await rotation.RewriteAsync(RowSelection.PlainText, default)).Count.Should().Be(0);

        using var keys = new TestKeyring();
        keys.Add("1");
        var cipher = new TokenCipher(new Keyring(keys.Folder, TimeProvider.System, NullLogger.Instance), writesPlainText: false);
        await Database.Store(cipher: cipher).ImportAsync(new AccountKey("google", "other"), Token("t"), Mail, "seed", null, default);
        keys.Add("2");
        cipher = new TokenCipher(new Keyring(keys.Folder, TimeProvider.System, NullLogger.Instance), writesPlainText: false);
        var (store, claim) = (Database.Store(cipher: cipher), NewClaim("a"));
        await store.ClaimAsync(new AccountKey("google", "other"), claim, 0, default);
        await store.CommitAsync(new AccountKey("google", "other"), claim.Id, 0, Token("t1"), At(1), default);
        (await Database.Rotation(cipher).CountAsync(default)).Should().Contain(new KeyUsage("1", 1), "the seal is still under that key").And.Contain(new KeyUsage("2", 1));
        (await Database.Rotation(cipher).RewriteAsync(RowSelection.NotCurrent, default)).Count.Should().Be(1);
        keys.Remove("1");
        cipher = new TokenCipher(new Keyring(keys.Folder, TimeProvider.System, NullLogger.Instance), writesPlainText: false);
        (await Database.Store(cipher: cipher).FindAsync(new AccountKey("google", "other"), default))!.IsOpenTo(Mail).Should().BeTrue();
    }

    [Fact]
    public async Task Without_encryption_access_is_not_sealed()
    {
        var key = new AccountKey("google", "plain");
        var store = Database.Store(cipher: TokenCipher.None);
        await store.ImportAsync(key, Token("t"), Mail, "seed", null, default);
        (await store.AllowAsync(key, "web", default))!.AccessVersion.Should().BeNull();
        (await Database.ScalarAsync("select count(*) from oauth_tokens where account = 'plain' and access_seal is null")).Should().Be(1L);
    }

    private static TokenCipher CipherOf(PlainRows rows) => new(new Keyring(TestKeyring.Shared.Folder, TimeProvider.System, NullLogger.Instance), writesPlainText: false, rows);
}
