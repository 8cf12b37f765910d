using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using TokenOperator.Providers;
using TokenOperator.Refreshing;
using TokenOperator.Tokens;

namespace TokenOperator.Tests.Refreshing;

/// <summary>A Postgres that forgets what it has acknowledged: it failed over to a standby that lags behind, or a backup was restored.</summary>
public sealed class ForgottenRowTests : IDisposable
{
    private static readonly OAuthClient Client = new("client-1", new SecretValue("secret"));

    private static readonly AccountRecord Row = new()
    {
        Key = new AccountKey("google", "marcus"),
        Generation = 7,
        Incarnation = "made on Monday",
        Namespaces = ["mail"],
        Token = new TokenSet { RefreshToken = new SecretValue("refresh-7") },
    };

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 5, 1, 12, 0, 0, TimeSpan.Zero));
    private readonly MemoryStore _store = new(Row);
    private readonly ScriptedProvider _provider = new();
    private readonly SwitchableFence _fence = new();
    private readonly AccountCache _cache;
    private readonly PendingCommits _pending;
    private readonly RateLimits _limits;
    private readonly AccountRefresher _refresher;

    public ForgottenRowTests()
    {
        var providers = new ProviderRegistry([_provider]);
        _pending = new PendingCommits(_store, _time, NullLogger<PendingCommits>.Instance);
        _pending.Settled += (_, row) => _cache!.Keep(row!);
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

    private string Stored => _store.Row!.Token.RefreshToken!.Reveal();

    private Task<AccountRecord?> ReadAsync() => _cache.ReadAsync(Row.Key, CancellationToken.None);

    private async Task<AccountRecord> RefreshAsync(AccountRecord seen)
    {
        _time.Advance(TimeSpan.FromSeconds(10));
        _provider.Answer = ScriptedProvider.Granted($"refresh-{seen.Generation + 1}");
        return (await _refresher.RefreshAsync(seen, Client, "inputs", CancellationToken.None))!;
    }

    [Fact]
    public async Task A_refresh_token_that_it_has_forgotten_is_written_again_before_the_provider_is_asked_with_an_older_one()
    {
        var newest = await RefreshAsync(Row);
        _store.Row = Row;
        await FluentActions.Awaiting(() => RefreshAsync(newest)).Should().ThrowAsync<ClaimHeldException>("it is looked at again after seconds");
        _pending.Contains(Row.Key).Should().BeTrue("nobody else has it");

        var next = await RefreshAsync(_cache.Peek(Row.Key)!);
        _provider.Asked.Should().Equal(["refresh-7", "refresh-8"], "one that was used ends the grant");
        next.Generation.Should().Be(9);
        Stored.Should().Be("refresh-9");
    }

    [Fact]
    public async Task It_is_noticed_when_all_rows_are_read_anew_as_after_each_broken_connection()
    {
        await RefreshAsync(Row);
        _store.Row = Row;
        await _cache.ReloadAsync(CancellationToken.None);
        _cache.Peek(Row.Key)!.Token.RefreshToken!.Reveal().Should().Be("refresh-8");
        await _pending.FlushAsync(CancellationToken.None);
        Stored.Should().Be("refresh-8");
        _store.Row.Generation.Should().Be(8);
    }

    [Fact]
    public async Task A_claim_that_it_has_forgotten_loses_no_answer()
    {
        _store.ForgetsClaims = true;
        (await RefreshAsync(Row)).Token.RefreshToken!.Reveal().Should().Be("refresh-8");
        await _pending.FlushAsync(CancellationToken.None);
        Stored.Should().Be("refresh-8");
    }

    [Fact]
    public async Task A_claim_that_it_has_forgotten_together_with_the_row_under_it_loses_no_answer()
    {
        var newest = await RefreshAsync(Row);
        _store.BeforeCommit = () => _store.Row = Row;
        (await RefreshAsync(newest)).Token.RefreshToken!.Reveal().Should().Be("refresh-9");
        await _pending.FlushAsync(CancellationToken.None);
        Stored.Should().Be("refresh-9");
        _store.Row!.Generation.Should().Be(9);
    }

    public static TheoryData<AccountRecord> OthersRows =>
    [
        // Deleted and imported again.
        Row with { Generation = 0, SeedFingerprints = ["a"], Incarnation = "made on Tuesday" },
        // In a table of an app that does not say when.
        Row with { Generation = 0, SeedFingerprints = ["a"], Incarnation = null },
        // Given back to the app, and taken over again.
        Row with { Generation = 0 },
    ];

    [Theory]
    [MemberData(nameof(OthersRows))]
    public async Task A_row_that_counts_from_0_again_because_it_is_another_now_is_taken_as_it_is(AccountRecord row)
    {
        await RefreshAsync(Row);
        _store.Row = row with { Token = new TokenSet { RefreshToken = new SecretValue("of somebody else") } };
        (await ReadAsync())!.Token.RefreshToken!.Reveal().Should().Be("of somebody else");
        await _cache.ReloadAsync(CancellationToken.None);
        _pending.Count.Should().Be(0);
    }

    [Fact]
    public async Task Who_does_not_lead_writes_nothing_again_since_a_later_leader_may_have()
    {
        await RefreshAsync(Row);
        _store.Row = Row;
        _fence.Holds = false;
        await ReadAsync();
        await _cache.ReloadAsync(CancellationToken.None);
        _pending.Count.Should().Be(0);
    }

    [Theory]
    [InlineData("one")]
    [InlineData("all")]
    public async Task What_is_committed_while_rows_are_read_was_not_forgotten(string rows)
    {
        await ReadAsync();
        _store.AfterRead = () => RefreshAsync(Row);
        Task reading = rows == "one" ? ReadAsync() : _cache.ReloadAsync(CancellationToken.None);
        await reading;
        _pending.Count.Should().Be(0);
        _cache.Peek(Row.Key)!.Token.RefreshToken!.Reveal().Should().Be("refresh-8", "the older one was read before");
    }
}
