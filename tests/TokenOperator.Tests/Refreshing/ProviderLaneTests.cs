using TokenOperator.Core.Tokens;
using TokenOperator.Refreshing;

namespace TokenOperator.Tests.Refreshing;

public sealed class ProviderLaneTests
{
    private static readonly DateTimeOffset Start = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly WallClock _time = new(Start);
    private readonly List<int> _started = [];

    private ProviderLane Lane(double perSecond, int burst, int concurrency = 1000) => new(new RequestRate(perSecond, burst), concurrency, _time);

    private static AccountKey Key(int number) => new("google", $"account-{number}");

    private bool Add(
        ProviderLane lane, int number, DateTimeOffset? expiresAt = null, string ns = "mail", bool isSent = true, Task? until = null, JobUrgency urgency = JobUrgency.LivingToken) =>
        lane.Add(new LaneJob(Key(number), ns, urgency, expiresAt, TakesPermit: true, async () =>
        {
            _started.Add(number);
            await (until ?? Task.CompletedTask);
            return isSent;
        }));

    [Fact]
    public void A_burst_starts_at_once_and_the_next_job_waits_for_the_rate()
    {
        using var lane = Lane(2, 3);
        Enumerable.Range(0, 3).Should().OnlyContain(number => Add(lane, number, Start));
        Add(lane, 3, Start).Should().BeFalse();
        lane.Backlog.Should().Be(TimeSpan.FromSeconds(0.5));
        _started.Should().Equal(0, 1, 2);

        _time.Advance(TimeSpan.FromSeconds(0.5));
        _started.Should().Equal(0, 1, 2, 3);
    }

    [Fact]
    public void The_waiting_job_with_the_earliest_expiry_goes_first_and_none_overtakes_it()
    {
        using var lane = Lane(1, 1);
        Add(lane, 0).Should().BeTrue();
        foreach (var minutes in new[] { 30, 3, 5, 20 })
            Add(lane, minutes, Start.AddMinutes(minutes)).Should().BeFalse();

        for (var second = 0; second < 4; second++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            Add(lane, 1000 + second, Start.AddDays(1)).Should().BeFalse("others are already waiting");
        }

        _started.Should().Equal(0, 3, 5, 20, 30);
    }

    [Fact]
    public void A_token_that_can_be_lost_goes_before_accounts_without_one_and_those_that_need_a_person_go_last()
    {
        using var lane = Lane(1, 1);
        Add(lane, 0);
        Add(lane, 41, null, urgency: JobUrgency.Hopeless);
        Add(lane, 31, null, urgency: JobUrgency.NoToken);
        Add(lane, 32, Start.AddMinutes(-10), urgency: JobUrgency.NoToken);
        Add(lane, 42, Start.AddDays(-1), urgency: JobUrgency.Hopeless);
        Add(lane, 21, Start.AddMinutes(10));
        Add(lane, 51, null, "other", urgency: JobUrgency.Hopeless);
        Add(lane, 61, null, "third", urgency: JobUrgency.NoToken);
        for (var second = 0; second < 10; second++)
            _time.Advance(TimeSpan.FromSeconds(1));
        _started.Should().Equal([0, 21, 61, 31, 32, 51, 41, 42], "hopeless jobs of other namespaces come after them, too");
    }

    [Theory]
    [InlineData(nameof(JobUrgency.Hopeless), 50)]
    [InlineData(nameof(JobUrgency.NoToken), 25)]
    [InlineData(nameof(JobUrgency.LivingToken), 25)]
    public void A_namespace_that_asks_without_end_leaves_the_others_their_share_of_the_rate(string urgency, int served)
    {
        const int accounts = 200;
        using var lane = Lane(10, 10);
        var waiting = new HashSet<int>();

        for (var tenth = 0; tenth < 100; tenth++)
            Tick();
        foreach (var number in Enumerable.Range(0, 50))
            Add(lane, 10_000 + number, Start.AddHours(1).AddSeconds(number));
        for (var tenth = 0; tenth < 50; tenth++)
            Tick();

        _started.Count(number => number >= 10_000).Should().BeCloseTo(served, 2, "of the 50 requests that the rate allows in 5 seconds");

        // Twelve of its accounts are poked every tenth of a second, each of them again as soon as it was answered.
        void Tick()
        {
            for (var poke = 0; poke < 12; poke++)
                Poke((_started.Count + (poke * 17)) % accounts);
            _time.Advance(TimeSpan.FromSeconds(0.1));
        }

        void Poke(int number)
        {
            if (!waiting.Add(number))
                return;
            lane.Add(new LaneJob(Key(number), "attacker", Enum.Parse<JobUrgency>(urgency), Start.AddMinutes(1), TakesPermit: true, () =>
            {
                waiting.Remove(number);
                _started.Add(number);
                return Task.FromResult(true);
            }));
        }
    }

    [Fact]
    public void A_namespace_of_hopeless_accounts_saves_up_no_turns()
    {
        using var lane = Lane(1000, 1000, concurrency: 1);
        var answer = new TaskCompletionSource();
        Add(lane, 0, until: answer.Task);
        Add(lane, 1, ns: "hopeless", urgency: JobUrgency.Hopeless);
        Chain(100);
        answer.SetResult();
        _started.SkipWhile(number => number != 150).Take(12).Count(number => number is >= 500 and < 600).Should().BeInRange(4, 7, "both namespaces take turns");

        // Each of these jobs adds the next one, and in the middle the other namespace gets jobs that are not hopeless.
        void Chain(int number) => lane.Add(new LaneJob(Key(number), "mail", JobUrgency.LivingToken, Start, TakesPermit: true, () =>
        {
            _started.Add(number);
            if (number == 150)
            {
                foreach (var other in Enumerable.Range(500, 50))
                    Add(lane, other, Start.AddHours(1), "hopeless");
            }

            if (number < 250)
                Chain(number + 1);
            return Task.FromResult(true);
        }));
    }

    [Fact]
    public void An_unused_permit_goes_to_the_next_job()
    {
        using var lane = Lane(1, 1);
        var claim = new TaskCompletionSource();
        Add(lane, 0, isSent: false, until: claim.Task);
        Add(lane, 1, Start).Should().BeFalse();
        _started.Should().Equal(0);
        claim.SetResult();
        _started.Should().Equal(0, 1);
    }

    [Fact]
    public void Attempts_that_send_nothing_use_none_of_the_rate()
    {
        using var lane = Lane(1, 2);
        foreach (var number in Enumerable.Range(0, 5))
            Add(lane, number, isSent: false).Should().BeTrue();
        _started.Should().HaveCount(5);
    }

    [Fact]
    public void After_an_outage_of_an_hour_a_thousand_accounts_recover_within_the_rate()
    {
        const int accounts = 1000, perSecond = 5, burst = 10;
        var random = new Random(1);
        using var lane = Lane(perSecond, burst);
        var end = Start.AddHours(1);
        var state = Enumerable.Range(0, accounts).ToDictionary(n => n, n => (ExpiresAt: Start.AddSeconds(n * 3.6), Failures: 0, RetryAt: Start.AddSeconds(n * 3.6).AddMinutes(-15)));
        var asked = new List<DateTimeOffset>();
        var recovered = new Dictionary<int, DateTimeOffset>();
        var waiting = new HashSet<int>();

        void Reconcile(int number)
        {
            if (recovered.ContainsKey(number) || state[number].RetryAt > _time.GetUtcNow() || !waiting.Add(number))
                return;
            lane.Add(new LaneJob(Key(number), "mail", JobUrgency.LivingToken, state[number].ExpiresAt, TakesPermit: true, () =>
            {
                var now = _time.GetUtcNow();
                var (expiresAt, failures, _) = state[number];
                asked.Add(now);
                waiting.Remove(number);
                if (now >= end)
                    recovered[number] = now;
                else
                    state[number] = (expiresAt, failures + 1, now + RefreshPolicy.Backoff(failures + 1, null, random.NextDouble()));
                return Task.FromResult(true);
            }));
        }

        while (recovered.Count < accounts && _time.GetUtcNow() < end.AddHours(1))
        {
            foreach (var number in state.Keys.ToList())
                Reconcile(number);
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        recovered.Should().HaveCount(accounts);
        recovered.Values.Max().Should().BeBefore(end.AddMinutes(5).AddSeconds(accounts / perSecond), "the longest backoff is 5 minutes, and all of them take that long at the rate");
        for (var from = 0; from < asked.Count; from++)
        {
            var within = asked.Skip(from).TakeWhile(at => at < asked[from].AddSeconds(10)).Count();
            within.Should().BeLessThanOrEqualTo(burst + (perSecond * 11), "the outage does not cause more requests either");
        }
    }

    [Fact]
    public void Jobs_that_are_due_at_the_same_time_start_in_the_order_of_their_expiry()
    {
        using var lane = Lane(10, 10);
        var shuffled = Enumerable.Range(0, 1000).ToArray();
        new Random(1).Shuffle(shuffled);
        foreach (var number in shuffled)
            Add(lane, number, Start.AddSeconds(number));

        _started.Should().HaveCount(10, "the burst goes to the first jobs");
        for (var second = 1; second <= 99; second++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            _started.Should().HaveCount(10 + (10 * second));
        }

        _started.Skip(10).Should().BeInAscendingOrder();
        _started.Should().OnlyHaveUniqueItems().And.HaveCount(1000);
    }

    [Fact]
    public void A_jump_of_the_wall_clock_neither_adds_nor_removes_permits()
    {
        using var lane = Lane(1, 1);
        Add(lane, 0).Should().BeTrue();
        _time.Jump = TimeSpan.FromDays(1);
        Add(lane, 1, Start).Should().BeFalse();
        _started.Should().Equal(0);
        _time.Jump = TimeSpan.FromDays(-1);
        _time.Advance(TimeSpan.FromSeconds(1));
        _started.Should().Equal(0, 1);
    }

    [Fact]
    public void A_provider_that_never_answers_holds_no_more_than_its_share()
    {
        using var lane = Lane(1000, 1000, concurrency: 4);
        var never = new TaskCompletionSource();
        foreach (var number in Enumerable.Range(0, 200))
            Add(lane, number, until: never.Task).Should().BeTrue("the rate does not delay it");
        _started.Should().HaveCount(4);
    }

    [Fact]
    public void Namespaces_take_turns_and_one_with_many_accounts_delays_no_other()
    {
        using var lane = Lane(1000, 1000, concurrency: 1);
        var answer = new TaskCompletionSource();
        Add(lane, -1, until: answer.Task);
        foreach (var number in Enumerable.Range(0, 100))
            Add(lane, number, Start.AddMinutes(number), "many");
        Add(lane, 1000, Start.AddHours(10), "few");
        Add(lane, 1001, Start.AddHours(11), "few");
        answer.SetResult();
        _started.Should().HaveCount(103);
        _started.IndexOf(1000).Should().BeLessThan(4);
        _started.IndexOf(1001).Should().BeLessThan(6);
        _started.Where(number => number is >= 0 and < 1000).Should().BeInAscendingOrder();
    }

    [Fact]
    public void A_namespace_with_one_job_at_a_time_takes_turns_too()
    {
        using var lane = Lane(1000, 1000, concurrency: 1);
        var gate = new TaskCompletionSource();
        Add(lane, -1, until: gate.Task);
        foreach (var number in Enumerable.Range(0, 3))
            Add(lane, number, Start.AddDays(1), "many");
        Follow(1000);
        gate.SetResult();
        _started.Take(7).Where(number => number is >= 0 and < 1000).Should().HaveCount(3, "no job of the other namespace goes first twice");

        // Each of these jobs adds the next one before it ends.
        void Follow(int number) => lane.Add(new LaneJob(Key(number), "one", JobUrgency.LivingToken, Start, TakesPermit: true, () =>
        {
            _started.Add(number);
            if (number < 1010)
                Follow(number + 1);
            return Task.FromResult(true);
        }));
    }

    [Fact]
    public async Task A_lane_that_closes_waits_for_running_jobs_and_starts_no_more()
    {
        using var lane = Lane(1000, 1000, concurrency: 1);
        var answer = new TaskCompletionSource();
        Add(lane, 0, until: answer.Task);
        Add(lane, 1);
        var closing = lane.CloseAsync();
        closing.IsCompleted.Should().BeFalse();
        answer.SetResult();
        await closing;
        _started.Should().Equal(0);
    }
}
