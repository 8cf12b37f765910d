using TokenOperator.Core.Tokens;

namespace TokenOperator.Tests.Core.Tokens;

public sealed class RefreshPolicyTests
{
    private static readonly DateTimeOffset Start = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly AccountKey Key = new("google", "marcus");

    private static TokenSet Token(TimeSpan lifetime, bool issuedKnown = true) => new()
    {
        AccessToken = new SecretValue("a"),
        IssuedAt = issuedKnown ? Start : null,
        ExpiresAt = Start + lifetime,
    };

    [Theory]
    [InlineData(60, 15, 15)]
    [InlineData(60, 29, 29)]
    [InlineData(60, 30, 30)]
    [InlineData(60, 31, 30)]
    [InlineData(60, 600, 30)]
    [InlineData(2, 15, 1)]
    public void A_token_is_due_when_refreshBefore_is_left_but_at_most_half_of_its_lifetime(int lifetime, int refreshBefore, int expectedWindow)
    {
        var token = Token(TimeSpan.FromMinutes(lifetime));
        var window = token.ExpiresAt!.Value - RefreshPolicy.DueAt(Key, token, TimeSpan.FromMinutes(refreshBefore), Start);
        window.Should().BeGreaterThanOrEqualTo(TimeSpan.FromMinutes(expectedWindow));
        window.Should().BeLessThan(TimeSpan.FromMinutes(expectedWindow) * 1.1, "the jitter is at most a tenth, and earlier, never later");
    }

    [Fact]
    public void A_token_of_unknown_age_is_due_when_refreshBefore_is_left()
    {
        var token = Token(TimeSpan.FromMinutes(20), issuedKnown: false);
        RefreshPolicy.DueAt(Key, token, TimeSpan.FromMinutes(15), Start).Should().BeBefore(Start + TimeSpan.FromMinutes(5.01));
    }

    [Fact]
    public void A_token_set_without_an_access_token_or_a_known_expiry_is_due_immediately()
    {
        RefreshPolicy.DueAt(Key, new TokenSet(), TimeSpan.FromMinutes(15), Start).Should().Be(DateTimeOffset.MinValue);
        RefreshPolicy.DueAt(Key, new TokenSet { AccessToken = new SecretValue("a") }, TimeSpan.FromMinutes(15), Start).Should().Be(DateTimeOffset.MinValue);
    }

    [Fact]
    public void The_jitter_is_the_same_after_a_restart_and_differs_between_accounts()
    {
        var token = Token(TimeSpan.FromHours(1));
        var moments = Enumerable.Range(0, 50)
            .Select(i => RefreshPolicy.DueAt(new AccountKey("google", $"a{i}"), token, TimeSpan.FromMinutes(15), Start)).ToList();
        moments.Should().Equal(Enumerable.Range(0, 50)
            .Select(i => RefreshPolicy.DueAt(new AccountKey("google", $"a{i}"), token, TimeSpan.FromMinutes(15), Start)));
        (moments.Max() - moments.Min()).Should().BeGreaterThan(TimeSpan.FromMinutes(1), "fifty accounts spread over a window of 90 s");
    }

    [Theory]
    [InlineData(1, 0.0, 1)]
    [InlineData(1, 0.999, 2)]
    [InlineData(3, 0.999, 8)]
    [InlineData(9, 0.0, 1)]
    [InlineData(9, 0.999, 300)]
    [InlineData(1000, 0.999, 300)]
    public void Transient_failures_back_off_with_full_jitter_from_1_s_to_5_min(int failures, double random, double expectedSeconds) =>
        RefreshPolicy.Backoff(failures, null, random).TotalSeconds.Should().BeApproximately(expectedSeconds, 0.5);

    [Fact]
    public void After_an_unknown_error_code_the_delays_grow_to_an_hour() =>
        RefreshPolicy.Backoff(20, null, 0.999, isUnknown: true).TotalMinutes.Should().BeApproximately(60, 0.1);

    [Fact]
    public void A_token_that_never_expires_is_due_for_its_check_or_never()
    {
        var token = new TokenSet { AccessToken = new SecretValue("a"), NeverExpires = true, IssuedAt = Start };

        RefreshPolicy.DueAt(Key, token, TimeSpan.FromMinutes(15), Start).Should().Be(DateTimeOffset.MaxValue);
        RefreshPolicy.DueAt(Key, token, TimeSpan.FromMinutes(15), Start, TimeSpan.FromHours(10)).Should().BeAfter(Start.AddHours(8.9)).And.BeOnOrBefore(Start.AddHours(10));
        RefreshPolicy.DueAt(Key, token with { CheckedAt = Start.AddDays(1) }, TimeSpan.FromMinutes(15), Start.AddDays(1), TimeSpan.FromHours(10)).Should().BeAfter(Start.AddDays(1));
        RefreshPolicy.DueAt(Key, token with { IssuedAt = null }, TimeSpan.FromMinutes(15), Start, TimeSpan.FromHours(10)).Should().Be(DateTimeOffset.MinValue);
    }

    [Fact]
    public void A_consent_ends_at_the_earlier_of_its_two_limits_and_a_short_idle_time_does_not_count()
    {
        RefreshPolicy.ConsentEnd(Start, Start.AddDays(300), TimeSpan.FromDays(90), TimeSpan.FromDays(365)).Should().Be(Start.AddDays(365));
        RefreshPolicy.ConsentEnd(Start, Start.AddDays(1), TimeSpan.FromDays(90), TimeSpan.FromDays(365)).Should().Be(Start.AddDays(91));
        RefreshPolicy.ConsentEnd(null, Start, TimeSpan.FromDays(90), TimeSpan.FromDays(365)).Should().Be(Start.AddDays(90));
        RefreshPolicy.ConsentEnd(Start, Start, TimeSpan.FromHours(12), null).Should().BeNull();
        RefreshPolicy.ConsentEnd(null, Start, null, null).Should().BeNull();
    }

    [Fact]
    public void A_longer_Retry_After_is_respected_and_a_shorter_one_changes_nothing()
    {
        RefreshPolicy.Backoff(1, TimeSpan.FromMinutes(20), 0.5).Should().Be(TimeSpan.FromMinutes(20));
        RefreshPolicy.Backoff(1, TimeSpan.FromMilliseconds(1), 0).Should().Be(TimeSpan.FromSeconds(1));
    }

    [Theory]
    [InlineData(FailureKind.ReauthorizationRequired, false, "1 2 4 8 16 32 64 128 256 512 1024 1440 1440")]
    [InlineData(FailureKind.ClientRejected, false, "1 2 4 8 16 32 64 128 256 512 1024 1440 1440")]
    [InlineData(FailureKind.ReauthorizationRequired, true, "2 60 120 240 480 960 1440 1440")]
    [InlineData(FailureKind.ClientRejected, true, "2 60 120 240 480 960 1440 1440")]
    [InlineData(FailureKind.SessionPolicyReauth, false, "60 120 240 480 960 1440 1440")]
    [InlineData(FailureKind.AdminPolicyBlocked, true, "60 120 240 480 960 1440 1440")]
    [InlineData(FailureKind.RequestRejected, false, "60 120 240 480 960 1440 1440")]
    public void A_failure_that_needs_someone_to_act_is_retried_more_and_more_slowly_but_at_least_once_a_day(FailureKind kind, bool rotates, string minutes)
    {
        Waits(kind, rotates, 0).Take(minutes.Split(' ').Length).Select(wait => wait.TotalMinutes).Should().Equal(minutes.Split(' ').Select(double.Parse));
        Waits(kind, rotates, 0.999).Take(20).Should().OnlyContain(wait => wait <= RefreshPolicy.ProbeInterval * 1.1);
    }

    [Theory]
    [InlineData(false, 3)]
    [InlineData(true, 1)]
    public void An_answer_that_can_be_wrong_is_tried_again_within_the_life_of_the_access_token_before_someone_must_act(bool rotates, int tries)
    {
        foreach (var random in new[] { 0, 0.5, 0.999 })
        {
            var (at, failures) = (Start, new List<RefreshFailure>());
            foreach (var wait in Waits(FailureKind.ReauthorizationRequired, rotates, random).Take(20))
            {
                failures.Add(Failure(FailureKind.ReauthorizationRequired, at, wait));
                at += wait;
            }

            var accounts = failures.Select(failure => Account(failure, Start.AddMinutes(15))).ToList();
            accounts.TakeWhile(account => !RefreshPolicy.NeedsHuman(account)).Should().HaveCount(tries);
            accounts.Skip(tries).Should().OnlyContain(account => RefreshPolicy.NeedsHuman(account));
            accounts.Should().OnlyContain(account => RefreshPolicy.TakesNewToken(account), "a new consent need not wait for the doubt to end");
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData(-1.0)]
    [InlineData(0.5)]
    public void Someone_must_act_at_once_if_the_access_token_does_not_live_until_the_next_try(double? minutesLeft) =>
        RefreshPolicy.NeedsHuman(Account(Failure(FailureKind.ReauthorizationRequired, Start, TimeSpan.FromMinutes(1)), minutesLeft is { } left ? Start.AddMinutes(left) : null)).Should().BeTrue();

    [Fact]
    public void A_person_who_asks_is_told_at_once_and_puts_off_no_automatic_retry()
    {
        var asked = Failure(FailureKind.ReauthorizationRequired, Start, RefreshPolicy.ProbeAfter(FailureKind.ReauthorizationRequired, null, rotates: false, isRequested: true, 0));
        asked.RetryAt.Should().Be(Start.AddMinutes(8));
        RefreshPolicy.NeedsHuman(Account(asked, Start.AddHours(1))).Should().BeTrue();
        for (var round = 0; round < 20; round++)
            RefreshPolicy.ProbeAfter(FailureKind.ReauthorizationRequired, asked, rotates: false, isRequested: true, 0).Should().Be(TimeSpan.FromMinutes(8));
    }

    [Theory]
    [InlineData(FailureKind.InvalidResponse, 2, 24.0, true)]
    [InlineData(FailureKind.InvalidResponse, 1000, 23.9, false)]
    [InlineData(FailureKind.InvalidResponse, 1, 0.0, false)]
    [InlineData(FailureKind.ProviderUnavailable, 1000, 48.0, false)]
    [InlineData(FailureKind.RateLimited, 1000, 48.0, false)]
    public void An_answer_that_the_operator_does_not_know_needs_someone_to_act_when_nothing_else_comes_for_a_day(FailureKind kind, int failures, double hours, bool needs)
    {
        var account = Account(Failure(kind, Start, TimeSpan.FromMinutes(5)) with { Count = failures, Since = Start.AddHours(-hours) }, Start.AddMinutes(5));
        RefreshPolicy.NeedsHuman(account).Should().Be(needs);
        RefreshPolicy.TakesNewToken(account).Should().Be(needs);
    }

    private static RefreshFailure Failure(FailureKind kind, DateTimeOffset at, TimeSpan wait) => new(kind, "detail", 1, at, at + wait, "inputs");

    private static AccountRecord Account(RefreshFailure failure, DateTimeOffset? expiresAt) => new()
    {
        Key = Key,
        Generation = 1,
        Failure = failure,
        Token = new TokenSet { RefreshToken = new SecretValue("r"), AccessToken = expiresAt is null ? null : new SecretValue("a"), ExpiresAt = expiresAt },
    };

    /// <summary>The waits after consecutive failures of a kind.</summary>
    private static IEnumerable<TimeSpan> Waits(FailureKind kind, bool rotates, double random)
    {
        RefreshFailure? last = null;
        while (true)
        {
            var wait = RefreshPolicy.ProbeAfter(kind, last, rotates, isRequested: false, random);
            yield return wait;
            last = Failure(kind, Start, wait);
        }
    }

    [Fact]
    public void A_token_that_was_issued_before_the_clock_was_set_back_is_due_immediately()
    {
        var token = Token(TimeSpan.FromHours(1));
        RefreshPolicy.DueAt(Key, token, TimeSpan.FromMinutes(15), Start.AddDays(-1)).Should().Be(DateTimeOffset.MinValue);
        RefreshPolicy.DueAt(Key, token, TimeSpan.FromMinutes(15), Start.AddSeconds(-50)).Should().BeAfter(Start, "the clocks of two machines may differ by this much");
    }

    [Theory]
    [InlineData(FailureKind.ProviderUnavailable, 300, 0, 300)]
    [InlineData(FailureKind.RateLimited, 3600, 0, 3600)]
    [InlineData(FailureKind.ProviderUnavailable, 86400, 0, 86400)]
    [InlineData(FailureKind.ProviderUnavailable, 900000, 0, 604800)]
    [InlineData(FailureKind.ReauthorizationRequired, 95000, 0, 95000)]
    [InlineData(FailureKind.ReauthorizationRequired, 900000, 0, 604800)]
    [InlineData(FailureKind.ProviderUnavailable, 300, -86400, -86400)]
    [InlineData(FailureKind.ReauthorizationRequired, 86400, -86400, -86400)]
    public void A_backoff_from_the_future_is_ignored_and_none_exceeds_the_longest_possible_wait(FailureKind kind, int retryAfter, int now, int expected) =>
        RefreshPolicy.RetryAt(new RefreshFailure(kind, "", 1, Start, Start.AddSeconds(retryAfter), ""), Start.AddSeconds(now))
            .Should().BeCloseTo(Start.AddSeconds(expected), TimeSpan.FromMilliseconds(1));
}
