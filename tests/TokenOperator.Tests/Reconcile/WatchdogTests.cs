using k8s.Models;
using KubeRuntime;
using KubeRuntime.Queues;
using KubeRuntime.Watching;
using Microsoft.Extensions.Logging.Abstractions;
using TokenOperator.Api;
using TokenOperator.Reconcile;
using TokenOperator.Tests.Refreshing;

namespace TokenOperator.Tests.Reconcile;

public sealed class WatchdogTests : IDisposable
{
    private static readonly NamespacedName Key = new("mail", "marcus-gmail");

    private readonly WallClock _time = new(new DateTimeOffset(2026, 5, 1, 12, 0, 0, TimeSpan.Zero));
    private readonly ResourceCache<V1Beta1OAuthToken> _entities = new([""], new CacheOptions<V1Beta1OAuthToken>());
    private readonly ForgetfulQueue _queue = new();
    private readonly SwitchableLeadership _leadership = new();
    private readonly ReconcileSchedule _schedule;
    private readonly Watchdog _watchdog;

    public WatchdogTests()
    {
        _schedule = new ReconcileSchedule(_time);
        _watchdog = new Watchdog(_entities, _queue, _schedule, _leadership, _time, new Meters(), NullLogger<Watchdog>.Instance);
        _entities.Observe(new V1Beta1OAuthToken
        {
            Metadata = new V1ObjectMeta { Name = Key.Name, NamespaceProperty = Key.Namespace, ResourceVersion = "1", Uid = "1" },
        });
    }

    public void Dispose()
    {
        _watchdog.Dispose();
        _leadership.Dispose();
    }

    /// <summary>As the timer does it: every 10 s.</summary>
    private void Pass(TimeSpan time)
    {
        for (var passed = TimeSpan.Zero; passed < time; passed += TimeSpan.FromSeconds(10))
        {
            _time.Advance(TimeSpan.FromSeconds(10));
            _watchdog.Check();
        }
    }

    [Fact]
    public void A_reconcile_that_the_queue_lost_is_queued_again_half_a_minute_after_it_was_due()
    {
        _schedule.Record(Key, TimeSpan.FromMinutes(45));
        Pass(TimeSpan.FromMinutes(45.5));
        _queue.Queued.Should().BeEmpty("it is late, but not so late that something must be wrong");
        Pass(TimeSpan.FromSeconds(10));
        _queue.Queued.Should().Equal(Key);

        _schedule.Record(Key, TimeSpan.FromMinutes(45));
        Pass(TimeSpan.FromMinutes(45));
        _queue.Queued.Should().HaveCount(1, "it was reconciled");
    }

    [Fact]
    public void An_object_that_was_never_reconciled_is_queued()
    {
        Pass(TimeSpan.FromSeconds(40));
        _queue.Queued.Should().BeEmpty();
        Pass(TimeSpan.FromSeconds(10));
        _queue.Queued.Should().Equal(Key);
    }

    [Fact]
    public void An_object_with_no_planned_reconcile_is_not_queued()
    {
        _schedule.Record(Key, after: null);
        Pass(TimeSpan.FromHours(2));
        _queue.Queued.Should().BeEmpty();
    }

    [Fact]
    public void A_process_that_does_not_lead_queues_nothing_and_stays_alive()
    {
        _leadership.IsLeader = false;
        Pass(TimeSpan.FromHours(1));
        _queue.Queued.Should().BeEmpty();
        _watchdog.IsAlive.Should().BeTrue();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public void After_a_jump_of_the_wall_clock_all_objects_are_reconciled_once(int days)
    {
        _schedule.Record(Key, TimeSpan.FromMinutes(45));
        _time.Jump = TimeSpan.FromDays(days);
        Pass(TimeSpan.FromSeconds(30));
        _queue.Queued.Should().Equal(Key);
    }

    [Fact]
    public void Workers_that_make_no_progress_while_an_object_is_overdue_end_the_process()
    {
        _schedule.Record(Key, TimeSpan.FromMinutes(1));
        Pass(TimeSpan.FromMinutes(5));
        _watchdog.IsAlive.Should().BeTrue();
        Pass(TimeSpan.FromMinutes(1));
        _watchdog.IsAlive.Should().BeFalse();
        _schedule.Record(Key, TimeSpan.FromMinutes(45));
        Pass(TimeSpan.FromSeconds(10));
        _watchdog.IsAlive.Should().BeTrue();
    }

    [Fact]
    public async Task The_timer_keeps_the_process_alive_and_without_it_the_process_is_not_alive_by_the_monotonic_clock()
    {
        await _watchdog.StartAsync(CancellationToken.None);
        for (var i = 0; i < 20; i++)
        {
            var before = _watchdog.Beats;
            // The timer may not have been set yet when the time is moved for the first time.
            await Eventually.IsTrueAsync(() => _watchdog.Beats > before, "it beats", _time, TimeSpan.FromSeconds(10));
            _watchdog.IsAlive.Should().BeTrue();
        }

        await _watchdog.StopAsync(CancellationToken.None);
        _time.Jump = TimeSpan.FromDays(1);
        _watchdog.IsAlive.Should().BeTrue("a jump of the wall clock does not count");
        _time.Advance(TimeSpan.FromMinutes(1));
        _watchdog.IsAlive.Should().BeFalse();
    }

    /// <summary>Records what is enqueued and nothing else.</summary>
    private sealed class ForgetfulQueue : IReconcileQueue<V1Beta1OAuthToken>
    {
        public List<NamespacedName> Queued { get; } = [];

        public void Enqueue(NamespacedName key) => Queued.Add(key);
    }
}
