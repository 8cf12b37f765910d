using Microsoft.Extensions.Time.Testing;
using TokenOperator.Core.Tokens;
using TokenOperator.Refreshing;

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
    private readonly RefreshingFixture _bed;

    public ForgottenRowTests()
    {
        _bed = new RefreshingFixture(Row, _time);
        _bed.Pending.Settled += (_, row) => _bed.Cache.Keep(row!);
    }

    public void Dispose() => _bed.Dispose();

    private string Stored => _bed.Store.Row!.Token.RefreshToken!.Reveal();

    private Task<AccountRecord?> ReadAsync() => _bed.Cache.ReadAsync(Row.Key, CancellationToken.None);

    private async Task<AccountRecord> RefreshAsync(AccountRecord seen)
    {
        _time.Advance(TimeSpan.FromSeconds(10));
        _bed.Provider.Answer = ScriptedProvider.Granted($"refresh-{seen.Generation + 1}");
        return (await _bed.Refresher.RefreshAsync(seen, Client, "inputs", CancellationToken.None))!;
    }

    [Fact]
    public async Task A_refresh_token_that_it_has_forgotten_is_written_again_before_the_provider_is_asked_with_an_older_one()
    {
        var newest = await RefreshAsync(Row);
        _bed.Store.Row = Row;
        await FluentActions.Awaiting(() => RefreshAsync(newest)).Should().ThrowAsync<ClaimHeldException>("it is looked at again after seconds");
        _bed.Pending.Contains(Row.Key).Should().BeTrue("nobody else has it");

        var next = await RefreshAsync(_bed.Cache.Peek(Row.Key)!);
        _bed.Provider.Asked.Should().Equal(["refresh-7", "refresh-8"], "one that was used ends the grant");
        next.Generation.Should().Be(9);
        Stored.Should().Be("refresh-9");
    }

    [Fact]
    public async Task It_is_noticed_when_all_rows_are_read_anew_as_after_each_broken_connection()
    {
        await RefreshAsync(Row);
        _bed.Store.Row = Row;
        await _bed.Cache.ReloadAsync(CancellationToken.None);
        _bed.Cache.Peek(Row.Key)!.Token.RefreshToken!.Reveal().Should().Be("refresh-8");
        await _bed.Pending.FlushAsync(CancellationToken.None);
        Stored.Should().Be("refresh-8");
        _bed.Store.Row.Generation.Should().Be(8);
    }

    [Fact]
    public async Task A_claim_that_it_has_forgotten_loses_no_answer()
    {
        _bed.Store.ForgetsClaims = true;
        (await RefreshAsync(Row)).Token.RefreshToken!.Reveal().Should().Be("refresh-8");
        await _bed.Pending.FlushAsync(CancellationToken.None);
        Stored.Should().Be("refresh-8");
    }

    [Fact]
    public async Task A_claim_that_it_has_forgotten_together_with_the_row_under_it_loses_no_answer()
    {
        var newest = await RefreshAsync(Row);
        _bed.Store.BeforeCommit = () => _bed.Store.Row = Row;
        (await RefreshAsync(newest)).Token.RefreshToken!.Reveal().Should().Be("refresh-9");
        await _bed.Pending.FlushAsync(CancellationToken.None);
        Stored.Should().Be("refresh-9");
        _bed.Store.Row!.Generation.Should().Be(9);
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
        _bed.Store.Row = row with { Token = new TokenSet { RefreshToken = new SecretValue("of somebody else") } };
        (await ReadAsync())!.Token.RefreshToken!.Reveal().Should().Be("of somebody else");
        await _bed.Cache.ReloadAsync(CancellationToken.None);
        _bed.Pending.Count.Should().Be(0);
    }

    [Fact]
    public async Task Who_does_not_lead_writes_nothing_again_since_a_later_leader_may_have()
    {
        await RefreshAsync(Row);
        _bed.Store.Row = Row;
        _bed.Fence.Holds = false;
        await ReadAsync();
        await _bed.Cache.ReloadAsync(CancellationToken.None);
        _bed.Pending.Count.Should().Be(0);
    }

    [Theory]
    [InlineData("one")]
    [InlineData("all")]
    public async Task What_is_committed_while_rows_are_read_was_not_forgotten(string rows)
    {
        await ReadAsync();
        _bed.Store.AfterRead = () => RefreshAsync(Row);
        Task reading = rows == "one" ? ReadAsync() : _bed.Cache.ReloadAsync(CancellationToken.None);
        await reading;
        _bed.Pending.Count.Should().Be(0);
        _bed.Cache.Peek(Row.Key)!.Token.RefreshToken!.Reveal().Should().Be("refresh-8", "the older one was read before");
    }
}
