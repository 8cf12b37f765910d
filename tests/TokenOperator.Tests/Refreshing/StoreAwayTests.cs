using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;
using TokenOperator.Providers;
using TokenOperator.Refreshing;

namespace TokenOperator.Tests.Refreshing;

/// <summary>What is asked, held and committed while Postgres is away.</summary>
public sealed class StoreAwayTests : IDisposable
{
    private static readonly OAuthClient Client = new("client-1", new SecretValue("secret"));

    private static readonly AccountRecord Row = new()
    {
        Key = new AccountKey("google", "marcus"),
        Generation = 7,
        Namespaces = ["mail"],
        Token = new TokenSet { RefreshToken = new SecretValue("refresh-1"), AccessToken = new SecretValue("access-0") },
    };

    private readonly WallClock _time = new(new DateTimeOffset(2026, 5, 1, 12, 0, 0, TimeSpan.Zero));
    private readonly RefreshingFixture _fixture;

    public StoreAwayTests()
    {
        _fixture = new RefreshingFixture(Row, _time);
        _fixture.Provider.RotatesRefreshTokens = false;
    }

    public void Dispose() => _fixture.Dispose();

    private Task<RefreshOutcome> AttemptAsync(AccountRecord? seen = null)
    {
        _time.Advance(TimeSpan.FromSeconds(10));
        return _fixture.RefreshAsync(seen ?? Row, Client);
    }

    private async Task<AccountRecord?> RefreshAsync(AccountRecord? seen = null) => (await AttemptAsync(seen)).Record();

    private static TokenResponse.Granted Granted(string accessToken, string? refreshToken = null) =>
        ScriptedProvider.Granted(refreshToken, accessToken: accessToken);

    [Fact]
    public async Task A_provider_that_does_not_rotate_is_still_asked_and_the_newest_token_is_committed_when_Postgres_is_back()
    {
        _fixture.Store.IsAway = true;
        _fixture.Provider.Answer = Granted("access-1");
        var first = (await RefreshAsync())!;
        _fixture.Provider.Answer = Granted("access-2");
        var second = (await RefreshAsync(first))!;

        second.Token.AccessToken!.Reveal().Should().Be("access-2");
        _fixture.Provider.Asked.Should().Equal("refresh-1", "refresh-1");
        _fixture.Accounts.PendingCount.Should().Be(1);
        _fixture.Store.Row.Should().Be(Row);

        _fixture.Store.IsAway = false;
        await _fixture.Synchronizer.FlushAsync(CancellationToken.None);
        _fixture.Store.Row!.Token.AccessToken!.Reveal().Should().Be("access-2");
        _fixture.Store.Row.Generation.Should().Be(second.Generation);
        _fixture.Accounts.IsPending(Row.Key).Should().BeFalse();
    }

    [Fact]
    public async Task Objects_of_one_account_share_a_refresh_while_Postgres_is_away()
    {
        _fixture.Store.IsAway = true;
        var release = new TaskCompletionSource();
        _fixture.Provider.Until = release.Task;
        var all = Enumerable.Range(0, 10).Select(_ => _fixture.RefreshAsync(Row, Client)).ToArray();
        release.SetResult();
        await Task.WhenAll(all);
        _fixture.Provider.Asked.Should().ContainSingle();
    }

    [Fact]
    public async Task A_fault_while_tables_are_migrated_is_followed_by_another_attempt()
    {
        (_fixture.Store.Fault, _fixture.Store.FaultyCall) = (new InvalidOperationException("a fault of our own"), "migrate");
        await _fixture.Synchronizer.StartAsync(CancellationToken.None);
        await Eventually.IsTrueAsync(() => _fixture.Store.Calls.Contains("migrate"), "it tries");
        _fixture.Store.Fault = null;
        await Eventually.IsTrueAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                return _fixture.Store.Calls.Contains("list");
            },
            "the rows are read");
        await _fixture.Synchronizer.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task A_process_that_does_not_lead_does_not_ask()
    {
        _fixture.Store.IsAway = true;
        _fixture.Leadership.IsLeader = false;
        (await AttemptAsync()).Should().BeOfType<RefreshOutcome.LeadershipLost>();
        _fixture.Provider.Asked.Should().BeEmpty();
    }

    [Fact]
    public async Task A_failure_while_Postgres_is_away_is_remembered_with_its_backoff_and_the_refresh_token_stays()
    {
        _fixture.Store.IsAway = true;
        _fixture.Provider.Answer = new TokenResponse.Failed(FailureKind.ReauthorizationRequired, "invalid_grant");
        var after = (await RefreshAsync())!;
        after.Failure.Should().BeEquivalentTo(new { Kind = FailureKind.ReauthorizationRequired, Count = 1 });
        after.Token.Should().Be(Row.Token);
        _fixture.Accounts.TryGet(Row.Key)!.Value.Record.Failure.Should().Be(after.Failure);
        _fixture.Accounts.PendingCount.Should().Be(0);
    }

    [Fact]
    public async Task A_provider_that_rotates_against_its_setting_is_not_asked_again_until_its_new_refresh_token_is_committed()
    {
        _fixture.Store.IsAway = true;
        _fixture.Provider.Answer = Granted("access-1", "refresh-2");
        var first = (await RefreshAsync())!;
        (await AttemptAsync(first)).Should().BeOfType<RefreshOutcome.NotStored>();
        _fixture.Provider.Asked.Should().Equal("refresh-1");

        _fixture.Store.IsAway = false;
        _fixture.Provider.Answer = Granted("access-2");
        await RefreshAsync(first);
        _fixture.Provider.Asked.Should().Equal("refresh-1", "refresh-2");
        _fixture.Store.Row!.Token.RefreshToken!.Reveal().Should().Be("refresh-2");
        _fixture.Store.Row.Token.AccessToken!.Reveal().Should().Be("access-2");
    }

    [Fact]
    public async Task A_rotated_refresh_token_that_is_held_is_never_hidden_by_the_older_row()
    {
        _fixture.Provider.RotatesRefreshTokens = true;
        _fixture.Provider.Answer = Granted("access-1", "refresh-2");
        _fixture.Store.BeforeCommit = () => _fixture.Store.IsAway = true;
        var held = (await RefreshAsync())!;
        _fixture.Store.BeforeCommit = null;
        (await AttemptAsync(held)).Should().BeOfType<RefreshOutcome.NotStored>("its answer could not be kept");

        _fixture.Store.IsAway = false;
        (await _fixture.Accounts.ReadAsync(Row.Key, CancellationToken.None))!.Token.RefreshToken!.Reveal().Should().Be("refresh-2");
        await _fixture.Accounts.ReloadAsync(CancellationToken.None);
        _fixture.Accounts.TryGet(Row.Key)!.Value.Record.Token.RefreshToken!.Reveal().Should().Be("refresh-2");

        await RefreshAsync(held);
        _fixture.Provider.Asked.Should().Equal(["refresh-1", "refresh-2"], "presenting a used one would end the grant");
        _fixture.Store.Row!.Generation.Should().Be(9);
    }

    [Fact]
    public async Task A_row_that_someone_else_changed_meanwhile_wins_over_the_uncommitted_token()
    {
        _fixture.Store.IsAway = true;
        var held = (await RefreshAsync())!;
        _fixture.Store.IsAway = false;
        _fixture.Store.Row = Row with { Generation = 9, Token = Row.Token with { RefreshToken = new SecretValue("seeded again") } };
        (await RefreshAsync(held))!.Token.RefreshToken!.Reveal().Should().Be("seeded again");
        _fixture.Accounts.PendingCount.Should().Be(0);
        _fixture.Provider.Asked.Should().HaveCount(1);
    }

    public static TheoryData<Exception> Faults => [new UnreadableRowException(Row.Key, "Its token_data is a number."), new InvalidOperationException("a fault of our own")];

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task The_commit_of_a_token_in_memory_is_retried_even_if_its_row_was_edited_by_hand_or_something_else_fails(Exception fault)
    {
        _fixture.Store.IsAway = true;
        _fixture.Provider.Answer = Granted("access-1");
        await RefreshAsync();
        (_fixture.Store.IsAway, _fixture.Store.Fault) = (false, fault);
        await _fixture.Synchronizer.StartAsync(CancellationToken.None);
        var tries = _fixture.Store.Calls.Count;
        await Eventually.IsTrueAsync(() => _fixture.Store.Calls.Count >= tries + 2, "it was tried twice", _time, TimeSpan.FromSeconds(1));
        _fixture.Accounts.IsPending(Row.Key).Should().BeTrue();

        _fixture.Store.Fault = null;
        await Eventually.IsTrueAsync(() => _fixture.Accounts.PendingCount == 0, "it is committed", _time, TimeSpan.FromSeconds(1));
        _fixture.Store.Row!.Token.AccessToken!.Reveal().Should().Be("access-1");
        _fixture.Synchronizer.ExecuteTask!.IsCompleted.Should().BeFalse();
        await _fixture.Synchronizer.StopAsync(CancellationToken.None);
    }
}
