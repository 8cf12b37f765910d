using Microsoft.Extensions.Time.Testing;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Refreshing;

namespace TokenOperator.Tests.Refreshing;

/// <summary>Memory holds the rows that an object names, and no others: rows stay when their objects are deleted.</summary>
public sealed class NeededRowsTests : IDisposable
{
    private static readonly AccountRecord Row = new()
    {
        Key = new AccountKey("google", "marcus"),
        Generation = 7,
        Namespaces = ["mail"],
        Token = new TokenSet { RefreshToken = new SecretValue("refresh-7") },
    };

    private static readonly Seed Seed = new(new TokenSet { RefreshToken = new SecretValue("seed") }, null);

    private readonly RefreshingFixture _fixture = new(Row, new FakeTimeProvider(new DateTimeOffset(2026, 5, 1, 12, 0, 0, TimeSpan.Zero)));

    private AccountRepository Accounts => _fixture.Accounts;

    private async Task LoadUnnamedAsync()
    {
        _fixture.Queue.Unnamed.Add(Row.Key);
        await _fixture.Synchronizer.LoadAsync(default);
    }

    public void Dispose() => _fixture.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task At_the_beginning_of_a_term_only_the_rows_that_an_object_names_are_loaded(bool isNamed)
    {
        if (!isNamed)
            _fixture.Queue.Unnamed.Add(Row.Key);
        await _fixture.Synchronizer.LoadAsync(default);
        (Accounts.TryGet(Row.Key) is not null).Should().Be(isNamed);
        (await Accounts.FindAsync(Row.Key, "mail", default)).Should().BeOfType<AccountLookup.Found>("a row that is asked for is read");
    }

    [Fact]
    public async Task A_row_in_the_reserve_is_not_read_again_when_an_object_names_it()
    {
        await LoadUnnamedAsync();
        _fixture.Queue.Unnamed.Clear();
        (await Accounts.FindAsync(Row.Key, "mail", default)).Should().Be(new AccountLookup.Found(Row));
        _fixture.Store.Calls.Should().NotContain("find");
        Accounts.TryGet(Row.Key).Should().NotBeNull("an object names it now");
    }

    [Fact]
    public async Task A_row_in_the_reserve_that_someone_changed_is_read()
    {
        await LoadUnnamedAsync();
        Accounts.Forget(Row.Key);
        var changed = _fixture.Store.Row = Row with { DeniedNamespaces = ["mail"] };
        (await Accounts.FindAsync(Row.Key, "mail", default)).Should().Be(new AccountLookup.Found(changed));
    }

    [Fact]
    public async Task A_row_that_someone_changed_while_all_rows_were_read_is_not_in_the_reserve()
    {
        var changed = Row with { DeniedNamespaces = ["mail"] };
        _fixture.Store.AfterRead = () =>
        {
            _fixture.Store.Row = changed;
            Accounts.Forget(Row.Key);
            return Task.CompletedTask;
        };
        await LoadUnnamedAsync();
        (await Accounts.FindAsync(Row.Key, "mail", default)).Should().Be(new AccountLookup.Found(changed));
    }

    [Fact]
    public async Task A_row_in_the_reserve_that_was_read_meanwhile_is_not_taken_from_it()
    {
        await LoadUnnamedAsync();
        var changed = _fixture.Store.Row = Row with { Generation = 8 };
        await Accounts.ReadAsync(Row.Key, default);
        Accounts.Forget(Row.Key);
        (await Accounts.FindAsync(Row.Key, "mail", default)).Should().Be(new AccountLookup.Found(changed));
    }

    [Fact]
    public async Task A_row_that_is_too_large_for_the_reserve_is_read()
    {
        _fixture.Store.Row = Row with { Token = new TokenSet { RefreshToken = new SecretValue(new string('x', RowReserve.MaxSize / sizeof(char))) } };
        await LoadUnnamedAsync();
        await Accounts.FindAsync(Row.Key, "mail", default);
        _fixture.Store.Calls.Should().Contain("find");
    }

    [Fact]
    public async Task A_row_is_forgotten_when_no_object_names_it_any_more_and_kept_while_another_does()
    {
        await _fixture.Synchronizer.LoadAsync(default);
        Accounts.Forget(Row.Key);
        Accounts.TryGet(Row.Key).Should().NotBeNull();
        _fixture.Queue.Unnamed.Add(Row.Key);
        Accounts.Forget(Row.Key);
        Accounts.TryGet(Row.Key).Should().BeNull();
    }

    [Fact]
    public async Task A_token_that_is_in_memory_only_is_never_forgotten()
    {
        await _fixture.Synchronizer.LoadAsync(default);
        Accounts.AddPending(new PendingCommit(Row, Guid.NewGuid(), Row.Token, DateTimeOffset.UnixEpoch));
        _fixture.Queue.Unnamed.Add(Row.Key);
        Accounts.Forget(Row.Key);
        Accounts.TryGet(Row.Key).Should().NotBeNull();
        Accounts.IsPending(Row.Key).Should().BeTrue();
    }

    [Fact]
    public void No_rows_are_loaded_before_the_objects_are_known()
    {
        _fixture.Queue.KnowsAll = false;
        Accounts.IsLoadDue.Should().BeFalse();
        _fixture.Queue.KnowsAll = true;
        Accounts.IsLoadDue.Should().BeTrue();
    }

    [Theory]
    [InlineData(RefreshingFixture.MaxAccounts - 1, false)]
    [InlineData(RefreshingFixture.MaxAccounts, true)]
    [InlineData(long.MaxValue, true)]
    public async Task A_namespace_with_as_many_accounts_as_it_may_have_imports_no_other_seed(long count, bool isOver)
    {
        (_fixture.Store.Row, _fixture.Store.Count) = (null, count);
        await _fixture.Synchronizer.LoadAsync(default);

        (await Accounts.TryImportAsync(Row.Key, Seed, new AccountUser("mail", null), replaces: null, default)).Should().BeTrue();

        _fixture.Store.Calls.Contains("import").Should().Be(!isOver);
        if (isOver)
            (await Accounts.FindAsync(Row.Key, "mail", default)).Should().Be(new AccountLookup.OverQuota("mail", count, RefreshingFixture.MaxAccounts));
    }

    [Fact]
    public async Task The_quota_of_one_namespace_does_not_keep_another_from_the_same_account()
    {
        (_fixture.Store.Row, _fixture.Store.Count) = (null, RefreshingFixture.MaxAccounts);
        await _fixture.Synchronizer.LoadAsync(default);
        await Accounts.TryImportAsync(Row.Key, Seed, new AccountUser("mail", null), replaces: null, default);
        (await Accounts.FindAsync(Row.Key, "other", default)).Should().Be(new AccountLookup.Absent());

        _fixture.Store.Count = 0;
        await Accounts.TryImportAsync(Row.Key, Seed, new AccountUser("other", null), replaces: null, default);

        (await Accounts.FindAsync(Row.Key, "other", default)).Should().BeOfType<AccountLookup.Found>().Which.Record.Namespaces.Should().Equal("other");
        (await Accounts.FindAsync(Row.Key, "mail", default)).Should().BeOfType<AccountLookup.OverQuota>().Which.Namespace.Should().Be("mail");
    }

    [Fact]
    public async Task A_seed_that_replaces_a_token_does_not_count()
    {
        _fixture.Store.Count = long.MaxValue;
        await _fixture.Synchronizer.LoadAsync(default);
        await Accounts.TryImportAsync(Row.Key, Seed, new AccountUser("mail", null), replaces: Row, default);
        _fixture.Store.Calls.Should().Contain("import");
    }
}
