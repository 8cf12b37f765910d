using Microsoft.Extensions.Logging.Abstractions;
using TokenOperator.Providers;
using TokenOperator.Refreshing;
using TokenOperator.Storage;
using TokenOperator.Tests.Runtime.Fakes;
using TokenOperator.Tokens;

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
    private readonly MemoryStore _store = new(Row);
    private readonly ScriptedProvider _provider = new() { RotatesRefreshTokens = false };
    private readonly SwitchableFence _fence = new();
    private readonly AccountCache _cache;
    private readonly PendingCommits _pending;
    private readonly RateLimits _limits;
    private readonly AccountRefresher _refresher;

    public StoreAwayTests()
    {
        var providers = new ProviderRegistry([_provider]);
        _pending = new PendingCommits(_store, _time, NullLogger<PendingCommits>.Instance);
        _cache = new AccountCache(_store, _store, _pending, _fence, _time);
        _limits = new RateLimits(providers, new CalledAccounts(), _time, new Meters());
        _refresher = new AccountRefresher(
            _store, providers, _cache, new AccountLocks(), _pending, new RejectedClients(), _limits, _fence, _time, new Random(1),
            NullLogger<AccountRefresher>.Instance);
    }

    public void Dispose()
    {
        _fence.Dispose();
        _cache.Dispose();
        _pending.Dispose();
        _limits.Dispose();
    }

    private Task<AccountRecord?> RefreshAsync(AccountRecord? seen = null)
    {
        _time.Advance(TimeSpan.FromSeconds(10));
        return _refresher.RefreshAsync(seen ?? Row, Client, "inputs", CancellationToken.None);
    }

    private static RefreshAnswer.Granted Granted(string accessToken, string? refreshToken = null) =>
        ScriptedProvider.Granted(refreshToken, accessToken: accessToken);

    [Fact]
    public async Task A_provider_that_does_not_rotate_is_asked_all_the_same_and_the_newest_token_is_committed_when_Postgres_is_back()
    {
        _store.IsAway = true;
        _provider.Answer = Granted("access-1");
        var first = (await RefreshAsync())!;
        _provider.Answer = Granted("access-2");
        var second = (await RefreshAsync(first))!;

        second.Token.AccessToken!.Reveal().Should().Be("access-2");
        _provider.Asked.Should().Equal("refresh-1", "refresh-1");
        _pending.Count.Should().Be(1);
        _store.Row.Should().Be(Row);

        _store.IsAway = false;
        await _pending.FlushAsync(CancellationToken.None);
        _store.Row!.Token.AccessToken!.Reveal().Should().Be("access-2");
        _store.Row.Generation.Should().Be(second.Generation);
        _pending.Contains(Row.Key).Should().BeFalse();
    }

    [Fact]
    public async Task Objects_of_one_account_share_such_a_refresh_too()
    {
        _store.IsAway = true;
        var release = new TaskCompletionSource();
        _provider.Until = release.Task;
        var all = Enumerable.Range(0, 10).Select(_ => _refresher.RefreshAsync(Row, Client, "inputs", CancellationToken.None)).ToArray();
        release.SetResult();
        await Task.WhenAll(all);
        _provider.Asked.Should().ContainSingle();
    }

    [Fact]
    public async Task Who_does_not_lead_does_not_ask()
    {
        _store.IsAway = true;
        _fence.Holds = false;
        await FluentActions.Awaiting(() => RefreshAsync()).Should().ThrowAsync<OperationCanceledException>();
        _provider.Asked.Should().BeEmpty();
    }

    [Fact]
    public async Task A_failure_then_is_remembered_with_its_backoff_and_the_refresh_token_stays()
    {
        _store.IsAway = true;
        _provider.Answer = new RefreshAnswer.Failed(FailureKind.ReauthorizationRequired, "invalid_grant");
        var after = (await RefreshAsync())!;
        after.Failure.Should().BeEquivalentTo(new { Kind = FailureKind.ReauthorizationRequired, Count = 1 });
        after.Token.Should().Be(Row.Token);
        _cache.Peek(Row.Key)!.Failure.Should().Be(after.Failure);
        _pending.Count.Should().Be(0);
    }

    [Fact]
    public async Task A_provider_that_rotates_against_its_setting_is_not_asked_again_until_its_new_refresh_token_is_committed()
    {
        _store.IsAway = true;
        _provider.Answer = Granted("access-1", "refresh-2");
        var first = (await RefreshAsync())!;
        await FluentActions.Awaiting(() => RefreshAsync(first)).Should().ThrowAsync<StoreUnavailableException>();
        _provider.Asked.Should().Equal("refresh-1");

        _store.IsAway = false;
        _provider.Answer = Granted("access-2");
        await RefreshAsync(first);
        _provider.Asked.Should().Equal("refresh-1", "refresh-2");
        _store.Row!.Token.RefreshToken!.Reveal().Should().Be("refresh-2");
        _store.Row.Token.AccessToken!.Reveal().Should().Be("access-2");
    }

    [Fact]
    public async Task A_rotated_refresh_token_that_is_held_is_never_hidden_by_the_older_row()
    {
        _provider.RotatesRefreshTokens = true;
        _provider.Answer = Granted("access-1", "refresh-2");
        _store.BeforeCommit = () => _store.IsAway = true;
        var held = (await RefreshAsync())!;
        _store.BeforeCommit = null;
        await FluentActions.Awaiting(() => RefreshAsync(held)).Should().ThrowAsync<StoreUnavailableException>("its answer could not be kept");

        _store.IsAway = false;
        (await _cache.ReadAsync(Row.Key, CancellationToken.None))!.Token.RefreshToken!.Reveal().Should().Be("refresh-2");
        await _cache.ReloadAsync(CancellationToken.None);
        _cache.Peek(Row.Key)!.Token.RefreshToken!.Reveal().Should().Be("refresh-2");

        await RefreshAsync(held);
        _provider.Asked.Should().Equal(["refresh-1", "refresh-2"], "presenting a used one would end the grant");
        _store.Row!.Generation.Should().Be(9);
    }

    [Fact]
    public async Task A_row_that_somebody_else_changed_meanwhile_wins_over_what_is_held()
    {
        _store.IsAway = true;
        var held = (await RefreshAsync())!;
        _store.IsAway = false;
        _store.Row = Row with { Generation = 9, Token = Row.Token with { RefreshToken = new SecretValue("seeded anew") } };
        (await RefreshAsync(held))!.Token.RefreshToken!.Reveal().Should().Be("seeded anew");
        _pending.Count.Should().Be(0);
        _provider.Asked.Should().HaveCount(1);
    }

    public static TheoryData<Exception> Faults => [new UnreadableRowException(Row.Key, "Its token_data is a number."), new InvalidOperationException("a fault of our own")];

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task What_is_held_goes_on_being_tried_when_its_row_was_edited_by_hand_or_anything_else_fails(Exception fault)
    {
        _store.IsAway = true;
        _provider.Answer = Granted("access-1");
        await RefreshAsync();
        (_store.IsAway, _store.Fault) = (false, fault);
        await _pending.StartAsync(CancellationToken.None);
        var tries = _store.Calls.Count;
        await Eventually.IsTrueAsync(() => _store.Calls.Count >= tries + 2, "it was tried twice", _time, TimeSpan.FromSeconds(1));
        _pending.Contains(Row.Key).Should().BeTrue();

        _store.Fault = null;
        await Eventually.IsTrueAsync(() => _pending.Count == 0, "it is committed", _time, TimeSpan.FromSeconds(1));
        _store.Row!.Token.AccessToken!.Reveal().Should().Be("access-1");
        _pending.ExecuteTask!.IsCompleted.Should().BeFalse();
        await _pending.StopAsync(CancellationToken.None);
    }
}
