using TokenOperator.Core.Tokens;
using TokenOperator.Providers;
using TokenOperator.Refreshing;

namespace TokenOperator.Tests.Refreshing;

public sealed class ExpiryOrderedRateLimiterTests
{
    private static readonly DateTimeOffset Start = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly WallClock _time = new(Start);
    private readonly CalledAccounts _queue = new();

    private ExpiryOrderedRateLimiter Limiter(double perSecond, int burst) => new(new RequestRate(perSecond, burst), _time, _queue.Enqueue);

    private static AccountKey Key(int number) => new("google", $"account-{number}");

    private static bool Take(ExpiryOrderedRateLimiter limiter, int number, DateTimeOffset? expiresAt = null) => limiter.TryAcquire(Key(number), expiresAt, out _) is null;

    [Fact]
    public void A_burst_passes_at_once_and_the_next_waits_for_the_rate()
    {
        using var limiter = Limiter(2, 3);
        Enumerable.Range(0, 3).Should().OnlyContain(n => Take(limiter, n));
        limiter.TryAcquire(Key(3), Start, out var isNew).Should().Be(TimeSpan.FromSeconds(0.5));
        isNew.Should().BeTrue();
        limiter.TryAcquire(Key(3), Start, out isNew).Should().NotBeNull();
        isNew.Should().BeFalse("it waits once, however often it asks");

        _time.Advance(TimeSpan.FromSeconds(0.5));
        _queue.Called.Should().Equal(Key(3));
        Take(limiter, 3).Should().BeTrue();
    }

    [Fact]
    public void Of_those_who_wait_the_nearest_to_expiry_goes_first_and_nobody_overtakes()
    {
        using var limiter = Limiter(1, 1);
        Take(limiter, 0).Should().BeTrue();
        foreach (var minutes in new[] { 30, -10, 5, 20 })
            Take(limiter, minutes, Start.AddMinutes(minutes)).Should().BeFalse();
        Take(limiter, 99, expiresAt: null).Should().BeFalse("no token at all is the most urgent");

        for (var second = 0; second < 5; second++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            Take(limiter, 1000 + second, Start.AddDays(1)).Should().BeFalse("the permit is reserved for who was called");
            Take(limiter, int.Parse(_queue.Called[^1].Account["account-".Length..]), Start).Should().BeTrue();
        }

        _queue.Called.Should().Equal(Key(99), Key(-10), Key(5), Key(20), Key(30));
    }

    [Fact]
    public void Who_was_called_and_does_not_come_holds_up_the_others_for_a_minute_at_most()
    {
        using var limiter = Limiter(1, 1);
        Take(limiter, 0);
        Take(limiter, 1, Start);
        Take(limiter, 2, Start.AddMinutes(1));
        _time.Advance(TimeSpan.FromSeconds(1));
        _queue.Called.Should().Equal(Key(1));
        _time.Advance(TimeSpan.FromSeconds(59));
        _queue.Called.Should().Equal(Key(1));
        _time.Advance(TimeSpan.FromSeconds(1));
        _queue.Called.Should().Equal(Key(1), Key(2));
        Take(limiter, 2).Should().BeTrue();
    }

    [Fact]
    public void A_permit_that_was_not_used_goes_to_the_next()
    {
        using var limiter = Limiter(1, 1);
        Take(limiter, 0);
        Take(limiter, 1, Start).Should().BeFalse();
        limiter.Return();
        _time.Advance(TimeSpan.Zero);
        _queue.Called.Should().Equal(Key(1));
    }

    [Fact]
    public void After_an_outage_of_an_hour_a_thousand_accounts_recover_spread_out_within_the_rate_and_nearest_to_expiry_first()
    {
        const int accounts = 1000, perSecond = 5, burst = 10;
        var dice = new Random(1);
        using var limiter = Limiter(perSecond, burst);
        var end = Start.AddHours(1);
        var state = Enumerable.Range(0, accounts).ToDictionary(Key, n => (ExpiresAt: Start.AddSeconds(n * 3.6), Failures: 0, RetryAt: Start.AddSeconds(n * 3.6).AddMinutes(-15)));
        var asked = new List<DateTimeOffset>();
        var recovered = new Dictionary<AccountKey, DateTimeOffset>();

        void Reconcile(AccountKey key)
        {
            var (expiresAt, failures, retryAt) = state[key];
            var now = _time.GetUtcNow();
            if (recovered.ContainsKey(key) || retryAt > now || limiter.TryAcquire(key, expiresAt, out _) is not null)
                return;
            asked.Add(now);
            if (now >= end)
                recovered[key] = now;
            else
                state[key] = (expiresAt, failures + 1, now + RefreshPolicy.Backoff(FailureKind.ProviderUnavailable, failures + 1, null, dice.NextDouble()));
        }

        while (recovered.Count < accounts && _time.GetUtcNow() < end.AddHours(1))
        {
            foreach (var key in state.Keys)
                Reconcile(key);
            _queue.Called.Clear();
            _time.Advance(TimeSpan.FromSeconds(1));
            foreach (var key in _queue.Called.ToList())
                Reconcile(key);
        }

        recovered.Should().HaveCount(accounts);
        recovered.Values.Max().Should().BeBefore(end.AddMinutes(5).AddSeconds(accounts / perSecond), "the longest backoff is 5 minutes, and all of them take that long at the rate");
        for (var from = 0; from < asked.Count; from++)
        {
            var within = asked.Skip(from).TakeWhile(at => at < asked[from].AddSeconds(10)).Count();
            within.Should().BeLessThanOrEqualTo(burst + (perSecond * 11), "the outage itself is no reason to ask more often either");
        }
    }

    [Fact]
    public void When_all_are_due_at_once_they_go_in_the_order_of_their_expiry()
    {
        using var limiter = Limiter(10, 10);
        var order = new List<int>();
        var shuffled = Enumerable.Range(0, 1000).ToArray();
        new Random(1).Shuffle(shuffled);
        foreach (var number in shuffled)
        {
            if (Take(limiter, number, Start.AddSeconds(number)))
                order.Add(number);
        }

        order.Should().HaveCount(10, "the burst goes to whoever comes first");
        for (var second = 1; second <= 99; second++)
        {
            _queue.Called.Clear();
            _time.Advance(TimeSpan.FromSeconds(1));
            foreach (var key in _queue.Called)
            {
                limiter.TryAcquire(key, null, out _).Should().BeNull();
                order.Add(int.Parse(key.Account["account-".Length..]));
            }

            order.Should().HaveCount(10 + (10 * second));
        }

        order.Skip(10).Should().BeInAscendingOrder();
        order.Should().OnlyHaveUniqueItems().And.HaveCount(1000);
    }

    [Fact]
    public void A_jump_of_the_wall_clock_gives_nothing_and_takes_nothing()
    {
        using var limiter = Limiter(1, 1);
        Take(limiter, 0).Should().BeTrue();
        _time.Jump = TimeSpan.FromDays(1);
        Take(limiter, 1, Start).Should().BeFalse();
        _time.Jump = TimeSpan.FromDays(-1);
        _time.Advance(TimeSpan.FromSeconds(1));
        _queue.Called.Should().Equal(Key(1));
    }
}
