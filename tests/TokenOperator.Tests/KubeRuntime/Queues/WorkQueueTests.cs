using KubeRuntime;
using KubeRuntime.Observability;
using KubeRuntime.Queues;
using Microsoft.Extensions.Time.Testing;

namespace TokenOperator.Tests.KubeRuntime.Queues;

public sealed class WorkQueueTests : IDisposable
{
    private static readonly NamespacedName A = new("shop", "a");
    private static readonly NamespacedName B = new("shop", "b");
    private readonly FakeTimeProvider _time = new();
    private readonly RuntimeMetrics _metrics = new(new Meters());
    private readonly WorkQueue _queue;

    public WorkQueueTests() => _queue = new WorkQueue("gadget", TimeSpan.FromMinutes(5), _time, _metrics);

    public void Dispose()
    {
        _queue.Dispose();
        _metrics.Dispose();
    }

    [Fact]
    public async Task Keys_are_handed_out_once_in_the_order_they_were_added()
    {
        _queue.Add(A);
        _queue.Add(B);
        _queue.Add(A);

        (await TakeAsync()).Should().Be(A);
        (await TakeAsync()).Should().Be(B);
        _queue.Depth.Should().Be(0);
        IsEmpty();
    }

    [Fact]
    public async Task A_key_added_while_it_is_processed_is_handed_out_again_afterwards()
    {
        _queue.Add(A);
        await TakeAsync();
        _queue.Add(A);
        _queue.Add(A);
        IsEmpty();
        var next = TakeAsync();
        next.IsCompleted.Should().BeFalse();

        _queue.Done(A);

        (await next).Should().Be(A);
        _queue.Done(A);
        IsEmpty();
    }

    [Fact]
    public async Task A_delayed_key_is_handed_out_when_it_is_due_and_not_earlier()
    {
        _queue.AddAfter(A, TimeSpan.FromSeconds(10));

        _time.Advance(TimeSpan.FromSeconds(9.999));
        IsEmpty();

        _time.Advance(TimeSpan.FromSeconds(0.002));
        (await TakeAsync()).Should().Be(A);
    }

    [Fact]
    public async Task Only_the_earliest_of_several_delays_counts()
    {
        _queue.AddAfter(A, TimeSpan.FromSeconds(10));
        _queue.AddAfter(A, TimeSpan.FromSeconds(3));
        _queue.AddAfter(A, TimeSpan.FromSeconds(20));

        _time.Advance(TimeSpan.FromSeconds(3.1));
        (await TakeAsync()).Should().Be(A);
        _queue.Done(A);

        _time.Advance(TimeSpan.FromSeconds(30));
        IsEmpty();
    }

    [Fact]
    public async Task An_absurdly_long_delay_does_not_fail()
    {
        _queue.AddAfter(A, TimeSpan.MaxValue);
        _queue.AddAfter(B, TimeSpan.FromDays(3));

        _time.Advance(TimeSpan.FromDays(1));
        _time.Advance(TimeSpan.FromDays(1));
        IsEmpty();
        _time.Advance(TimeSpan.FromDays(1.1));

        (await TakeAsync()).Should().Be(B);
    }

    [Fact]
    public void Failures_in_a_row_wait_longer_each_time_up_to_the_maximum()
    {
        var waits = Enumerable.Range(0, 30).Select(_ => WaitAfterFailure()).ToList();

        waits[0].Should().BeCloseTo(TimeSpan.FromMilliseconds(5), TimeSpan.FromMilliseconds(2));
        waits[10].Should().BeCloseTo(TimeSpan.FromMilliseconds(5 * 1024), TimeSpan.FromMilliseconds(200));
        waits[^1].Should().BeCloseTo(TimeSpan.FromMinutes(5), TimeSpan.FromSeconds(10));
        _queue.Forget(A);
        WaitAfterFailure().Should().BeCloseTo(TimeSpan.FromMilliseconds(5), TimeSpan.FromMilliseconds(2));
    }

    [Fact]
    public async Task A_waiting_worker_gets_the_next_key_or_the_shutdown()
    {
        var first = TakeAsync();
        first.IsCompleted.Should().BeFalse();
        _queue.Add(A);
        (await first).Should().Be(A);

        var second = TakeAsync();
        _queue.Add(A);
        _queue.ShutDown();
        _queue.Done(A);

        (await second).Should().BeNull();
    }

    [Fact]
    public async Task The_queue_knows_how_long_keys_have_been_processed()
    {
        _queue.Add(A);
        _queue.Add(B);
        await TakeAsync();
        _time.Advance(TimeSpan.FromSeconds(2));
        await TakeAsync();
        _time.Advance(TimeSpan.FromSeconds(3));

        _queue.LongestRunning.Should().Be(TimeSpan.FromSeconds(5));
        _queue.UnfinishedWork.Should().Be(TimeSpan.FromSeconds(8));
    }

    [Fact]
    public async Task Two_workers_never_process_the_same_key_at_once()
    {
        var inWork = 0;
        var most = 0;
        var rounds = 0;
        async Task WorkAsync()
        {
            while (await _queue.TakeAsync(CancellationToken.None) is { } key)
            {
                var now = Interlocked.Increment(ref inWork);
                most = Math.Max(most, now);
                await Task.Yield();
                Interlocked.Increment(ref rounds);
                Interlocked.Decrement(ref inWork);
                _queue.Done(key);
            }
        }

        var workers = Enumerable.Range(0, 8).Select(_ => Task.Run(WorkAsync)).ToArray();
        for (var i = 0; i < 10_000; i++)
            _queue.Add(A);
        await Eventually.IsTrueAsync(() => _queue.Depth == 0 && _queue.LongestRunning == TimeSpan.Zero, "the work is done");
        _queue.ShutDown();
        await Task.WhenAll(workers);

        most.Should().Be(1);
        rounds.Should().BePositive();
    }

    private TimeSpan WaitAfterFailure()
    {
        _queue.AddRateLimited(A);
        var start = _time.GetUtcNow();
        var step = TimeSpan.FromMilliseconds(1);
        while (_queue.Depth == 0)
        {
            _time.Advance(step);
            step *= 1.02;
        }

        var waited = _time.GetUtcNow() - start;
        _queue.TakeAsync(CancellationToken.None).AsTask().IsCompletedSuccessfully.Should().BeTrue();
        _queue.Done(A);
        return waited;
    }

    private Task<NamespacedName?> TakeAsync() => _queue.TakeAsync(CancellationToken.None).AsTask().WaitAsync(TimeSpan.FromSeconds(20));

    private void IsEmpty() => _queue.Depth.Should().Be(0);
}
