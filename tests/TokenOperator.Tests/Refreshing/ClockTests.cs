using KubeRuntime;
using KubeRuntime.LeaderElection;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using TokenOperator.Inputs;
using TokenOperator.Providers;
using TokenOperator.Reconcile;
using TokenOperator.Refreshing;
using TokenOperator.Tests.Providers;

namespace TokenOperator.Tests.Refreshing;

/// <summary>What time does to refreshing when the wall clock cannot be trusted.</summary>
public sealed class ClockTests : IDisposable
{
    private static readonly OAuthClient Client = new("client-1", new SecretValue("secret"));

    private static readonly AccountRecord Row = new()
    {
        Key = new AccountKey("google", "marcus"),
        Generation = 7,
        Namespaces = ["mail"],
        NamespaceUids = ["mail/uid-1"],
        Token = new TokenSet { RefreshToken = new SecretValue("refresh-1") },
    };

    private static readonly TokenRequest Request = new()
    {
        Owner = new NamespacedName("mail", "marcus-gmail"),
        Key = Row.Key,
        Client = new SecretKey("mail", "client", "credentials.json"),
        SecretName = "marcus-gmail",
    };

    private readonly WallClock _time = new(new DateTimeOffset(2026, 5, 1, 12, 0, 0, TimeSpan.Zero));
    private readonly RefreshingFixture _fixture;

    public ClockTests() => _fixture = new RefreshingFixture(Row, _time);

    public void Dispose() => _fixture.Dispose();

    private async Task<AccountRecord> FindAsync() =>
        _fixture.Accounts.TryGet(Row.Key)?.Record ?? (await _fixture.Accounts.ReadAsync(Row.Key, CancellationToken.None))!;

    /// <summary>Decides once, and refreshes if that is the decision.</summary>
    private async Task<bool> ReconcileAsync()
    {
        var decision = ReconcilePolicy.Decide(new ReconcileInput
        {
            Namespace = new Lookup<NamespaceUid>.Found(new NamespaceUid("uid-1")),
            Now = _fixture.Accounts.Now(Row.Key),
            Request = Request,
            ProviderState = TestRegistry.Usable,
            Account = new Lookup<AccountRecord>.Found(await FindAsync()),
            Client = new Lookup<OAuthClient>.Found(Client),
        });
        if (decision is not Decision.Refresh refresh)
            return false;
        await _fixture.Refresher.RefreshAsync(
            _fixture.Provider,
            new RefreshRequest(Request.Owner, refresh.Account, refresh.Client, ReconcilePolicy.InputsFingerprint(Request, Client, key: null, refresh.Account, TestRegistry.Usable), default),
            CancellationToken.None);
        return true;
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(-1)]
    [InlineData(0.02)]
    [InlineData(-0.02)]
    [InlineData(3650)]
    [InlineData(-3650)]
    public async Task A_clock_that_jumps_neither_stops_refreshing_nor_causes_a_storm(double days)
    {
        var refreshes = 0;
        var issued = _time.GetTimestamp();
        for (var minute = 0; minute < 8 * 60; minute++)
        {
            if (minute == 80)
                _time.Jump = TimeSpan.FromDays(days);
            // What comes from Postgres again is no younger for it.
            if (minute % 7 == 0)
                await _fixture.Accounts.ReadAsync(Row.Key, CancellationToken.None);
            if (await ReconcileAsync())
            {
                refreshes++;
                issued = _time.GetTimestamp();
            }

            _time.GetElapsedTime(issued).Should().BeLessThan(TimeSpan.FromMinutes(60), $"minute {minute}");
            _time.Advance(TimeSpan.FromMinutes(1));
        }

        refreshes.Should().BeInRange(10, 13, "one in about 45 minutes, and one more at the jump");
    }

    [Fact]
    public async Task A_backoff_does_not_last_a_day_longer_because_the_clock_was_set_back()
    {
        _fixture.Provider.Answer = new TokenResponse.Failed(FailureKind.ProviderUnavailable, "503");
        (await ReconcileAsync()).Should().BeTrue();
        _time.Jump = TimeSpan.FromDays(-1);
        await _fixture.Accounts.ReadAsync(Row.Key, CancellationToken.None);
        _time.Advance(TimeSpan.FromMinutes(5));
        (await ReconcileAsync()).Should().BeTrue();

        _fixture.Leadership.Renew();
        var restarted = _fixture.NewRepository();
        _time.Jump = TimeSpan.FromDays(-2);
        var failure = (await restarted.ReadAsync(Row.Key, CancellationToken.None))!.Failure!;
        RefreshPolicy.RetryAt(failure, restarted.Now(Row.Key)).Should().BeOnOrBefore(restarted.Now(Row.Key));
    }

    [Fact]
    public async Task A_failed_refresh_after_the_clock_was_set_back_extends_no_token_and_causes_no_storm()
    {
        var end = _time.GetUtcNow().AddHours(1);
        _fixture.Store.Row = Row with { Token = Row.Token with { AccessToken = new SecretValue("access-0"), IssuedAt = _time.GetUtcNow(), ExpiresAt = end } };
        (await ReconcileAsync()).Should().BeFalse();
        _time.Advance(TimeSpan.FromMinutes(50));
        _time.Jump = TimeSpan.FromDays(-1);
        _fixture.Provider.Answer = new TokenResponse.Failed(FailureKind.ProviderUnavailable, "503", TimeSpan.FromMinutes(5));
        (await ReconcileAsync()).Should().BeTrue();

        (await ReconcileAsync()).Should().BeFalse("it backs off");
        _time.Advance(TimeSpan.FromMinutes(11));
        _fixture.Accounts.Now(Row.Key).Should().BeAfter(end);
        (await ReconcileAsync()).Should().BeTrue("the backoff is over");
    }

    [Fact]
    public void A_machine_that_slept_does_nothing_until_its_lease_is_renewed_or_lost()
    {
        var leadership = new SteadyLeadership();
        var guard = new LeadershipGuard(leadership, _time);
        guard.IsLeader.Should().BeTrue();
        _time.Jump = TimeSpan.FromHours(1);
        guard.IsLeader.Should().BeFalse("another process may lead for a long time already, and the monotonic clock did not advance");
        _time.Advance(TimeSpan.FromSeconds(14));
        guard.IsLeader.Should().BeFalse();
        _time.Advance(TimeSpan.FromSeconds(2));
        guard.IsLeader.Should().BeTrue();
        _time.Jump = TimeSpan.FromDays(-1);
        guard.IsLeader.Should().BeTrue("a jump back of the wall clock is not a sleep");
        leadership.IsLeading = false;
        guard.IsLeader.Should().BeFalse();
    }

    private sealed class SteadyLeadership : ILeadership
    {
        public long TermNumber => 1;

        public bool IsLeading { get; set; } = true;

        public string Scope => "tests/lease";

        public string Identity => "tests";

        public CancellationToken Term => CancellationToken.None;
    }
}
