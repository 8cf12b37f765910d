using KubeRuntime.Controllers;
using KubeRuntime.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using TokenOperator.Tests.KubeRuntime.Fakes;

namespace TokenOperator.Tests.KubeRuntime.Hosting;

public sealed class OperatorHostTests : IAsyncLifetime
{
    private FakeApiServer _server = null!;

    public async Task InitializeAsync() => _server = await FakeApiServer.StartAsync();

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task A_standby_keeps_its_caches_warm_and_takes_over_when_the_leader_stops()
    {
        var leader = await StartAsync();
        await leader.UntilLeadingAsync();
        await using var standby = await StartAsync();
        await Eventually.IsTrueAsync(() => standby.Health.CachesSynced, "the standby is warm");
        _server.Store.Create("gadgets", Gadget.Manifest("lamp"));
        await leader.UntilAsync("reconcile lamp");
        await Eventually.IsTrueAsync(() => standby.Cache.List().Count == 1, "the standby sees it, too");

        standby.Script.Seen.Should().BeEmpty();
        standby.Leadership.IsLeading.Should().BeFalse();
        standby.Health.IsAlive.Should().BeTrue();

        await leader.DisposeAsync();
        await standby.UntilAsync("reconcile lamp");
        standby.Leadership.IsLeading.Should().BeTrue();
    }

    [Fact]
    public async Task The_lease_is_released_only_after_the_work_is_done()
    {
        var running = await StartAsync();
        var gate = new TaskCompletionSource();
        var wasCancelled = false;
        running.Script.Reconcile = async (g, ct) =>
        {
            await gate.Task;
            wasCancelled = ct.IsCancellationRequested;
            return ReconciliationResult<Gadget>.Success(g);
        };
        _server.Store.Create("gadgets", Gadget.Manifest("lamp"));
        await running.UntilAsync("reconcile lamp");

        var stop = running.DisposeAsync().AsTask();
        await Eventually.IsTrueAsync(() => Renewals() >= 2, "it renews while it drains");
        Holder().Should().NotBeEmpty();
        stop.IsCompleted.Should().BeFalse();
        gate.SetResult();
        await stop;

        wasCancelled.Should().BeFalse();
        Holder().Should().BeEmpty();
    }

    [Fact]
    public async Task Work_that_does_not_end_is_cancelled_at_the_drain_timeout()
    {
        var running = await StartAsync(o => o.DrainTimeout = TimeSpan.FromMilliseconds(100));
        var wasCancelled = false;
        running.Script.Reconcile = async (g, ct) =>
        {
            await Task.Delay(Timeout.Infinite, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            wasCancelled = true;
            return ReconciliationResult<Gadget>.Success(g);
        };
        _server.Store.Create("gadgets", Gadget.Manifest("lamp"));
        await running.UntilAsync("reconcile lamp");

        await running.DisposeAsync();

        wasCancelled.Should().BeTrue();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Work_outside_the_workers_is_closed_at_once_and_keeps_the_lease_if_it_does_not_end(bool isFinished)
    {
        var drain = new ScriptedDrain(isFinished);
        var running = await StartAsync(o => o.DrainTimeout = TimeSpan.FromSeconds(20), drain);
        var gate = new TaskCompletionSource();
        running.Script.Reconcile = async (g, _) =>
        {
            await gate.Task;
            return ReconciliationResult<Gadget>.Success(g);
        };
        _server.Store.Create("gadgets", Gadget.Manifest("lamp"));
        await running.UntilAsync("reconcile lamp");

        var stop = running.DisposeAsync().AsTask();
        await drain.Closed.Task.WaitAsync(TimeSpan.FromSeconds(20));
        drain.Timeout.Should().BeNull("a worker is still running");
        gate.SetResult();
        await stop;

        drain.Timeout.Should().BePositive().And.BeLessThanOrEqualTo(TimeSpan.FromSeconds(20), "workers and other work share the time");
        string.IsNullOrEmpty(Holder()).Should().Be(isFinished);
    }

    [Fact]
    public async Task Losing_the_lease_cancels_work_and_stops_the_host()
    {
        await using var running = await StartAsync();
        var brokenOff = new TaskCompletionSource();
        running.Script.Reconcile = async (g, ct) =>
        {
            await Task.Delay(Timeout.Infinite, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            brokenOff.TrySetResult();
            return ReconciliationResult<Gadget>.Success(g);
        };
        _server.Store.Create("gadgets", Gadget.Manifest("lamp"));
        await running.UntilAsync("reconcile lamp");
        var ending = running.Host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;

        _server.Store.Update("leases", "operators", "demo", o => o["spec"]!["holderIdentity"] = "other");

        await Eventually.IsTrueAsync(() => ending.IsCancellationRequested, "the host ends");
        await brokenOff.Task.WaitAsync(TimeSpan.FromSeconds(20));
        running.Leadership.IsLeading.Should().BeFalse();
        running.Health.HasLostLeadership.Should().BeTrue();
        Holder().Should().Be("other");
    }

    [Fact]
    public async Task Without_leader_election_there_is_no_lease_and_the_scope_is_unique()
    {
        await using var first = await TestOperator.StartAsync(_server);
        await using var second = await TestOperator.StartAsync(_server);
        await first.UntilLeadingAsync();

        first.Leadership.Scope.Should().NotBe(second.Leadership.Scope);
        _server.Store.List("leases", "").Items.Should().BeEmpty();
    }

    [Fact]
    public async Task An_idle_operator_sends_only_the_renewals_of_its_lease()
    {
        _server.Store.Create("gadgets", Gadget.Manifest("lamp", "large"));
        await using var running = await StartAsync();
        await running.UntilLeadingAsync();
        await running.UntilAsync("reconcile lamp");
        await Eventually.IsTrueAsync(() => _server.Requests.Any(r => r.Path.Contains("/customresourcedefinitions/")), "it has looked at the stored versions");
        _server.Requests.Clear();

        await Eventually.IsTrueAsync(() => Renewals() >= 5, "it renewed several times");

        _server.Requests.Should().OnlyContain(r => r.Path.Contains("/leases/") && r.Method == "PUT");
    }

    private Task<TestOperator> StartAsync(Action<OperatorOptions>? configure = null, IDrain? drain = null) => TestOperator.StartAsync(
        _server,
        o =>
        {
            o.LeaderElection.Enabled = true;
            o.LeaderElection.RetryPeriod = TimeSpan.FromMilliseconds(50);
            configure?.Invoke(o);
        },
        drain: drain);

    private int Renewals() => _server.Requests.Count(r => r.Method == "PUT");

    private string? Holder() => (string?)_server.Store.Get("leases", "operators", "demo")!["spec"]!["holderIdentity"];

    /// <summary>Work that is closed and drained as a test says.</summary>
    private sealed class ScriptedDrain(bool isFinished) : IDrain
    {
        public TaskCompletionSource Closed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TimeSpan? Timeout { get; private set; }

        public void Close() => Closed.TrySetResult();

        public Task<bool> DrainAsync(TimeSpan timeout)
        {
            Timeout = timeout;
            return Task.FromResult(isFinished);
        }
    }
}
