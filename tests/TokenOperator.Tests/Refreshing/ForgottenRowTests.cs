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
    private readonly RefreshingFixture _fixture;

    public ForgottenRowTests() => _fixture = new RefreshingFixture(Row, _time);

    public void Dispose() => _fixture.Dispose();

    private string Stored => _fixture.Store.Row!.Token.RefreshToken!.Reveal();

    private Task<AccountRecord?> ReadAsync() => _fixture.Accounts.ReadAsync(Row.Key, CancellationToken.None);

    private Task<RefreshOutcome> AttemptAsync(AccountRecord seen) => _fixture.RefreshAsync(seen, Client);

    private async Task<AccountRecord> RefreshAsync(AccountRecord seen)
    {
        _time.Advance(TimeSpan.FromSeconds(10));
        _fixture.Provider.Answer = ScriptedProvider.Granted($"refresh-{seen.Generation + 1}");
        return (await AttemptAsync(seen)).Record()!;
    }

    [Fact]
    public async Task A_refresh_token_that_Postgres_lost_is_written_again_before_the_provider_is_asked_with_an_older_one()
    {
        var newest = await RefreshAsync(Row);
        _fixture.Store.Row = Row;
        (await AttemptAsync(newest)).Should().BeOfType<RefreshOutcome.ClaimHeld>("it is retried after seconds");
        _fixture.Accounts.IsPending(Row.Key).Should().BeTrue("no one else has it");

        var next = await RefreshAsync(_fixture.Accounts.TryGet(Row.Key)!.Value.Record);
        _fixture.Provider.Asked.Should().Equal(["refresh-7", "refresh-8"], "one that was used ends the grant");
        next.Generation.Should().Be(9);
        Stored.Should().Be("refresh-9");
    }

    [Fact]
    public async Task A_lost_row_is_noticed_when_all_rows_are_read_again_as_after_each_broken_connection()
    {
        await RefreshAsync(Row);
        _fixture.Store.Row = Row;
        await _fixture.Accounts.ReloadAsync(CancellationToken.None);
        _fixture.Accounts.TryGet(Row.Key)!.Value.Record.Token.RefreshToken!.Reveal().Should().Be("refresh-8");
        await _fixture.Synchronizer.FlushAsync(CancellationToken.None);
        Stored.Should().Be("refresh-8");
        _fixture.Store.Row.Generation.Should().Be(8);
    }

    [Fact]
    public async Task A_claim_that_Postgres_lost_loses_no_answer()
    {
        _fixture.Store.ForgetsClaims = true;
        (await RefreshAsync(Row)).Token.RefreshToken!.Reveal().Should().Be("refresh-8");
        await _fixture.Synchronizer.FlushAsync(CancellationToken.None);
        Stored.Should().Be("refresh-8");
    }

    [Fact]
    public async Task A_claim_that_Postgres_lost_together_with_its_row_loses_no_answer()
    {
        var newest = await RefreshAsync(Row);
        _fixture.Store.BeforeCommit = () => _fixture.Store.Row = Row;
        (await RefreshAsync(newest)).Token.RefreshToken!.Reveal().Should().Be("refresh-9");
        await _fixture.Synchronizer.FlushAsync(CancellationToken.None);
        Stored.Should().Be("refresh-9");
        _fixture.Store.Row!.Generation.Should().Be(9);
    }

    [Theory]
    [InlineData("read")]
    [InlineData("list")]
    [InlineData("claim")]
    public async Task A_namespace_that_lost_the_account_does_not_get_it_back_by_an_earlier_row(string way)
    {
        var earlier = Row with { Namespaces = ["mail", "evil"], AccessVersion = 1 };
        var now = _fixture.Accounts.Set(Row with { Namespaces = ["mail"], DeniedNamespaces = ["evil"], NamespaceUids = ["mail/1"], AccessVersion = 2 });
        _fixture.Store.Row = earlier;

        switch (way)
        {
            case "read":
                await ReadAsync();
                break;
            case "list":
                await _fixture.Accounts.ReloadAsync(CancellationToken.None);
                break;
            default:
                (await AttemptAsync(now)).Should().BeOfType<RefreshOutcome.Superseded>();
                _fixture.Provider.Asked.Should().BeEmpty();
                break;
        }

        foreach (var row in new[] { _fixture.Store.Row, _fixture.Accounts.TryGet(Row.Key)!.Value.Record })
        {
            row.Lists("evil").Should().BeFalse();
            row.DeniedNamespaces.Should().Equal("evil");
            row.NamespaceUids.Should().Equal("mail/1");
        }
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
    public async Task A_new_row_whose_generation_starts_at_0_again_is_accepted_unchanged(AccountRecord row)
    {
        await RefreshAsync(Row);
        _fixture.Store.Row = row with { Token = new TokenSet { RefreshToken = new SecretValue("of someone else") } };
        (await ReadAsync())!.Token.RefreshToken!.Reveal().Should().Be("of someone else");
        await _fixture.Accounts.ReloadAsync(CancellationToken.None);
        _fixture.Accounts.PendingCount.Should().Be(0);
    }

    [Fact]
    public async Task A_process_that_does_not_lead_writes_nothing_again()
    {
        await RefreshAsync(Row);
        _fixture.Store.Row = Row;
        _fixture.Leadership.IsLeader = false;
        await ReadAsync();
        await _fixture.Accounts.ReloadAsync(CancellationToken.None);
        _fixture.Accounts.PendingCount.Should().Be(0);
    }

    [Theory]
    [InlineData("one")]
    [InlineData("all")]
    public async Task A_row_that_is_committed_while_rows_are_read_does_not_count_as_lost(string rows)
    {
        await ReadAsync();
        _fixture.Store.AfterRead = () => RefreshAsync(Row);
        Task reading = rows == "one" ? ReadAsync() : _fixture.Accounts.ReloadAsync(CancellationToken.None);
        await reading;
        _fixture.Accounts.PendingCount.Should().Be(0);
        _fixture.Accounts.TryGet(Row.Key)!.Value.Record.Token.RefreshToken!.Reveal().Should().Be("refresh-8", "the older one was read before");
    }
}
