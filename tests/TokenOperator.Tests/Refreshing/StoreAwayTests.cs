using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;
using TokenOperator.Providers;
using TokenOperator.Tests.KubeRuntime.Fakes;

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
    private readonly RefreshingFixture _bed;

    public StoreAwayTests()
    {
        _bed = new RefreshingFixture(Row, _time);
        _bed.Provider.RotatesRefreshTokens = false;
    }

    public void Dispose() => _bed.Dispose();

    private Task<AccountRecord?> RefreshAsync(AccountRecord? seen = null)
    {
        _time.Advance(TimeSpan.FromSeconds(10));
        return _bed.Refresher.RefreshAsync(seen ?? Row, Client, "inputs", CancellationToken.None);
    }

    private static TokenResponse.Granted Granted(string accessToken, string? refreshToken = null) =>
        ScriptedProvider.Granted(refreshToken, accessToken: accessToken);

    [Fact]
    public async Task A_provider_that_does_not_rotate_is_asked_all_the_same_and_the_newest_token_is_committed_when_Postgres_is_back()
    {
        _bed.Store.IsAway = true;
        _bed.Provider.Answer = Granted("access-1");
        var first = (await RefreshAsync())!;
        _bed.Provider.Answer = Granted("access-2");
        var second = (await RefreshAsync(first))!;

        second.Token.AccessToken!.Reveal().Should().Be("access-2");
        _bed.Provider.Asked.Should().Equal("refresh-1", "refresh-1");
        _bed.Pending.Count.Should().Be(1);
        _bed.Store.Row.Should().Be(Row);

        _bed.Store.IsAway = false;
        await _bed.Pending.FlushAsync(CancellationToken.None);
        _bed.Store.Row!.Token.AccessToken!.Reveal().Should().Be("access-2");
        _bed.Store.Row.Generation.Should().Be(second.Generation);
        _bed.Pending.Contains(Row.Key).Should().BeFalse();
    }

    [Fact]
    public async Task Objects_of_one_account_share_such_a_refresh_too()
    {
        _bed.Store.IsAway = true;
        var release = new TaskCompletionSource();
        _bed.Provider.Until = release.Task;
        var all = Enumerable.Range(0, 10).Select(_ => _bed.Refresher.RefreshAsync(Row, Client, "inputs", CancellationToken.None)).ToArray();
        release.SetResult();
        await Task.WhenAll(all);
        _bed.Provider.Asked.Should().ContainSingle();
    }

    [Fact]
    public async Task Who_does_not_lead_does_not_ask()
    {
        _bed.Store.IsAway = true;
        _bed.Fence.Holds = false;
        await FluentActions.Awaiting(() => RefreshAsync()).Should().ThrowAsync<OperationCanceledException>();
        _bed.Provider.Asked.Should().BeEmpty();
    }

    [Fact]
    public async Task A_failure_then_is_remembered_with_its_backoff_and_the_refresh_token_stays()
    {
        _bed.Store.IsAway = true;
        _bed.Provider.Answer = new TokenResponse.Failed(FailureKind.ReauthorizationRequired, "invalid_grant");
        var after = (await RefreshAsync())!;
        after.Failure.Should().BeEquivalentTo(new { Kind = FailureKind.ReauthorizationRequired, Count = 1 });
        after.Token.Should().Be(Row.Token);
        _bed.Cache.Peek(Row.Key)!.Failure.Should().Be(after.Failure);
        _bed.Pending.Count.Should().Be(0);
    }

    [Fact]
    public async Task A_provider_that_rotates_against_its_setting_is_not_asked_again_until_its_new_refresh_token_is_committed()
    {
        _bed.Store.IsAway = true;
        _bed.Provider.Answer = Granted("access-1", "refresh-2");
        var first = (await RefreshAsync())!;
        await FluentActions.Awaiting(() => RefreshAsync(first)).Should().ThrowAsync<StoreUnavailableException>();
        _bed.Provider.Asked.Should().Equal("refresh-1");

        _bed.Store.IsAway = false;
        _bed.Provider.Answer = Granted("access-2");
        await RefreshAsync(first);
        _bed.Provider.Asked.Should().Equal("refresh-1", "refresh-2");
        _bed.Store.Row!.Token.RefreshToken!.Reveal().Should().Be("refresh-2");
        _bed.Store.Row.Token.AccessToken!.Reveal().Should().Be("access-2");
    }

    [Fact]
    public async Task A_rotated_refresh_token_that_is_held_is_never_hidden_by_the_older_row()
    {
        _bed.Provider.RotatesRefreshTokens = true;
        _bed.Provider.Answer = Granted("access-1", "refresh-2");
        _bed.Store.BeforeCommit = () => _bed.Store.IsAway = true;
        var held = (await RefreshAsync())!;
        _bed.Store.BeforeCommit = null;
        await FluentActions.Awaiting(() => RefreshAsync(held)).Should().ThrowAsync<StoreUnavailableException>("its answer could not be kept");

        _bed.Store.IsAway = false;
        (await _bed.Cache.ReadAsync(Row.Key, CancellationToken.None))!.Token.RefreshToken!.Reveal().Should().Be("refresh-2");
        await _bed.Cache.ReloadAsync(CancellationToken.None);
        _bed.Cache.Peek(Row.Key)!.Token.RefreshToken!.Reveal().Should().Be("refresh-2");

        await RefreshAsync(held);
        _bed.Provider.Asked.Should().Equal(["refresh-1", "refresh-2"], "presenting a used one would end the grant");
        _bed.Store.Row!.Generation.Should().Be(9);
    }

    [Fact]
    public async Task A_row_that_somebody_else_changed_meanwhile_wins_over_what_is_held()
    {
        _bed.Store.IsAway = true;
        var held = (await RefreshAsync())!;
        _bed.Store.IsAway = false;
        _bed.Store.Row = Row with { Generation = 9, Token = Row.Token with { RefreshToken = new SecretValue("seeded anew") } };
        (await RefreshAsync(held))!.Token.RefreshToken!.Reveal().Should().Be("seeded anew");
        _bed.Pending.Count.Should().Be(0);
        _bed.Provider.Asked.Should().HaveCount(1);
    }

    public static TheoryData<Exception> Faults => [new UnreadableRowException(Row.Key, "Its token_data is a number."), new InvalidOperationException("a fault of our own")];

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task What_is_held_goes_on_being_tried_when_its_row_was_edited_by_hand_or_anything_else_fails(Exception fault)
    {
        _bed.Store.IsAway = true;
        _bed.Provider.Answer = Granted("access-1");
        await RefreshAsync();
        (_bed.Store.IsAway, _bed.Store.Fault) = (false, fault);
        await _bed.Pending.StartAsync(CancellationToken.None);
        var tries = _bed.Store.Calls.Count;
        await Eventually.IsTrueAsync(() => _bed.Store.Calls.Count >= tries + 2, "it was tried twice", _time, TimeSpan.FromSeconds(1));
        _bed.Pending.Contains(Row.Key).Should().BeTrue();

        _bed.Store.Fault = null;
        await Eventually.IsTrueAsync(() => _bed.Pending.Count == 0, "it is committed", _time, TimeSpan.FromSeconds(1));
        _bed.Store.Row!.Token.AccessToken!.Reveal().Should().Be("access-1");
        _bed.Pending.ExecuteTask!.IsCompleted.Should().BeFalse();
        await _bed.Pending.StopAsync(CancellationToken.None);
    }
}
