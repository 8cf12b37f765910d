using System.Text.Json.Nodes;
using KubeRuntime;
using KubeRuntime.LeaderElection;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using TokenOperator.Tests.KubeRuntime.Fakes;

namespace TokenOperator.Tests.KubeRuntime.LeaderElection;

public sealed class LeaseElectorTests : IAsyncLifetime
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly LeaseTimes Times = new(15 * Second, 10 * Second, 2 * Second);
    private RuntimeFixture _fixture = null!;

    private FakeStore Store => _fixture.Server.Store;

    private JsonNode? Spec => Store.Get("leases", "operators", "demo")?["spec"];

    public async Task InitializeAsync() => _fixture = await RuntimeFixture.StartAsync();

    public async Task DisposeAsync() => await _fixture.DisposeAsync();

    [Fact]
    public async Task A_missing_lease_is_taken_immediately()
    {
        var elector = Elector("me");
        elector.IsLeading.Should().BeFalse();
        elector.Term.IsCancellationRequested.Should().BeTrue();

        _fixture.Run(elector.RunAsync);
        await elector.Acquired.WaitAsync(TimeSpan.FromSeconds(20));

        elector.IsLeading.Should().BeTrue();
        elector.Term.IsCancellationRequested.Should().BeFalse();
        elector.Scope.Should().Be("operators/demo");
        ((string?)Spec!["holderIdentity"]).Should().Be("me");
        ((int)Spec!["leaseDurationSeconds"]!).Should().Be(15);
    }

    [Fact]
    public async Task A_whole_second_is_written_with_a_fraction_because_the_server_rejects_it_without_one()
    {
        // The fake clock stands at a whole second.
        var elector = Elector("me");
        _fixture.Run(elector.RunAsync);
        await elector.Acquired.WaitAsync(TimeSpan.FromSeconds(20));

        ((string)Spec!["renewTime"]!).Should().Be("2030-01-01T00:00:00.000000Z");
        ((string)Spec!["acquireTime"]!).Should().Be("2030-01-01T00:00:00.000000Z");
    }

    [Fact]
    public async Task A_leader_renews_with_one_request_every_two_seconds()
    {
        var elector = await LeadAsync("me");
        var before = _fixture.Server.Requests.Count;

        var started = _fixture.Time.GetUtcNow();

        await Eventually.IsTrueAsync(() => _fixture.Server.Requests.Count >= before + 3, "it renewed three times", _fixture.Time, Second / 50);

        (_fixture.Time.GetUtcNow() - started).Should().BeGreaterThanOrEqualTo(6 * Second);
        elector.IsLeading.Should().BeTrue();
        _fixture.Server.Requests.Skip(before).Should().OnlyContain(r => r.Method == "PUT");
        ((int)Spec!["leaseTransitions"]!).Should().Be(0);
    }

    [Fact]
    public async Task A_slow_API_server_does_not_prevent_leading()
    {
        _fixture.Server.Intercept = async (_, _) =>
        {
            await Task.Delay(3 * Second, _fixture.Time);
            return false;
        };
        var elector = Elector("me");
        _fixture.Run(elector.RunAsync);

        await Eventually.IsTrueAsync(() => elector.Acquired.IsCompleted, "it leads", _fixture.Time, Second / 10);
    }

    [Fact]
    public async Task A_lease_without_a_holder_is_taken_immediately()
    {
        Store.Create("leases", Lease("", 1));

        var elector = await LeadAsync("me");

        ((int)Spec!["leaseTransitions"]!).Should().Be(1);
        elector.TermNumber.Should().Be(1, "it fences the writes of one leader from those of the next");
        elector.IsLeading.Should().BeTrue();
    }

    [Fact]
    public async Task The_lease_of_another_process_is_taken_only_when_it_has_not_changed_for_its_duration()
    {
        Store.Create("leases", Lease("other", 15));
        var elector = Elector("me");
        _fixture.Run(elector.RunAsync);
        await Eventually.IsTrueAsync(() => !_fixture.Server.Requests.IsEmpty, "it read the lease");
        var looked = _fixture.Time.GetUtcNow();

        await Eventually.IsTrueAsync(() => elector.IsLeading, "it leads", _fixture.Time, Second / 2);

        // Its renewTime is years ago: only the local clock counts.
        (_fixture.Time.GetUtcNow() - looked).Should().BeGreaterThanOrEqualTo(15 * Second);
    }

    [Fact]
    public async Task A_leader_that_cannot_renew_ends_its_term_at_the_deadline()
    {
        var elector = Elector("me");
        var run = elector.RunAsync(_fixture.Stop);
        await elector.Acquired;
        _fixture.Server.Intercept = HangAsync;

        await Eventually.IsTrueAsync(() => run.IsCompleted, "the term is over", _fixture.Time, Second / 2);

        elector.IsLeading.Should().BeFalse();
        elector.Term.IsCancellationRequested.Should().BeTrue();
        elector.IsAlive.Should().BeFalse();
        (_fixture.Time.GetUtcNow() - _fixture.Time.Start).Should().BeGreaterThanOrEqualTo(10 * Second).And.BeLessThan(15 * Second);
    }

    [Fact]
    public async Task A_paused_process_knows_immediately_that_it_no_longer_leads()
    {
        var elector = await LeadAsync("me");
        _fixture.Server.Intercept = HangAsync;

        _fixture.Time.Advance(10 * Second);

        elector.IsLeading.Should().BeFalse();
        elector.Term.IsCancellationRequested.Should().BeTrue();
    }

    [Fact]
    public async Task A_leader_that_lost_its_lease_never_renews_it_again()
    {
        var elector = Elector("me");
        var run = elector.RunAsync(_fixture.Stop);
        await elector.Acquired;
        Store.Update("leases", "operators", "demo", o => o["spec"]!["holderIdentity"] = "other");

        await Eventually.IsTrueAsync(() => run.IsCompleted, "it noticed", _fixture.Time, Second / 2);
        var requests = _fixture.Server.Requests.Count;
        _fixture.Time.Advance(60 * Second);

        elector.IsLeading.Should().BeFalse();
        ((string?)Spec!["holderIdentity"]).Should().Be("other");
        _fixture.Server.Requests.Should().HaveCount(requests);
    }

    [Fact]
    public async Task A_transient_failure_does_not_end_the_term()
    {
        var elector = await LeadAsync("me");
        var failures = 0;
        _fixture.Server.Intercept = async (context, _) =>
        {
            if (++failures > 1)
                return false;
            await FakeApiServer.RefuseAsync(context, 500, "InternalError", "etcd is unwell");
            return true;
        };

        var renewed = (string?)Spec!["renewTime"];
        await Eventually.IsTrueAsync(() => (string?)Spec!["renewTime"] != renewed, "it renewed", _fixture.Time, Second / 50);

        elector.IsLeading.Should().BeTrue();
        elector.IsAlive.Should().BeTrue();
    }

    [Fact]
    public async Task The_next_process_takes_a_released_lease_immediately()
    {
        var first = Elector("first");
        using var stop = new CancellationTokenSource();
        var run = first.RunAsync(stop.Token);
        await first.Acquired;
        await stop.CancelAsync();
        await run;
        first.IsLeading.Should().BeTrue("the lease is held until the work is done");

        await first.ReleaseAsync(_fixture.Stop);

        first.IsLeading.Should().BeFalse();
        ((string?)Spec!["holderIdentity"]).Should().BeEmpty();
        await LeadAsync("second");
        ((string?)Spec!["holderIdentity"]).Should().Be("second");
    }

    [Theory]
    [InlineData("PUT", false)]
    [InlineData("PUT", true)]
    [InlineData("POST", false)]
    public async Task A_lease_is_released_although_the_stop_cancelled_a_request_that_was_stored(string method, bool isLate)
    {
        var elector = Elector("me");
        using var stop = new CancellationTokenSource();
        var stored = new TaskCompletionSource();
        var lateRenewals = isLate ? 1 : 0;
        _fixture.Server.Intercept = async (context, seen) =>
        {
            // The renewal that the stop cancelled can reach the API server between the read and the write of the release.
            if (stored.Task.IsCompleted && seen.Method == "PUT" && lateRenewals-- > 0)
                Store.Update("leases", "operators", "demo", lease => lease["spec"]!["leaseTransitions"] = 1);
            if (seen.Method != method || stored.Task.IsCompleted)
                return false;
            if (method == "POST")
                Store.Create("leases", (JsonObject)JsonNode.Parse(seen.Body)!);
            else
                Store.Update("leases", "operators", "demo", lease => lease["spec"]!["renewTime"] = JsonNode.Parse(seen.Body)!["spec"]!["renewTime"]!.DeepClone());
            stored.SetResult();
            return await HangAsync(context, seen);
        };
        var run = elector.RunAsync(stop.Token);
        await Eventually.IsTrueAsync(() => stored.Task.IsCompleted, "a renewal is stored and not answered", _fixture.Time, Second / 50);
        await stop.CancelAsync();
        await run;

        await elector.ReleaseAsync(_fixture.Stop);

        ((string?)Spec!["holderIdentity"]).Should().BeEmpty();
    }

    [Fact]
    public void Durations_that_cannot_work_are_rejected()
    {
        var make = () => Elector("me", Times with { RenewDeadline = 20 * Second });

        make.Should().Throw<ArgumentException>().WithMessage("Leader election needs RetryPeriod < RenewDeadline < LeaseDuration*");
    }

    [Fact]
    public async Task A_late_renewal_does_not_revive_an_expired_term()
    {
        var elector = Elector("me");
        var run = elector.RunAsync(_fixture.Stop);
        await elector.Acquired;
        var gate = new TaskCompletionSource();
        _fixture.Server.Intercept = async (_, _) =>
        {
            await gate.Task;
            return false;
        };
        var before = _fixture.Server.Requests.Count;
        await Eventually.IsTrueAsync(() => _fixture.Server.Requests.Count > before, "it tries to renew", _fixture.Time, Second / 50);

        _fixture.Time.Advance(10 * Second);
        gate.SetResult();
        await run.WaitAsync(TimeSpan.FromSeconds(20));

        elector.IsLeading.Should().BeFalse();
    }

    private static async Task<bool> HangAsync(HttpContext context, SeenRequest seen)
    {
        await Task.Delay(Timeout.Infinite, context.RequestAborted);
        return true;
    }

    private async Task<LeaseElector> LeadAsync(string identity)
    {
        var elector = Elector(identity);
        _fixture.Run(elector.RunAsync);
        await elector.Acquired.WaitAsync(TimeSpan.FromSeconds(20));
        return elector;
    }

    private LeaseElector Elector(string identity, LeaseTimes? times = null) => new(
        _fixture.Client, new NamespacedName("operators", "demo"), identity, times ?? Times, _fixture.Time, new Random(1), NullLogger<LeaseElector>.Instance);

    private static JsonObject Lease(string holder, int seconds) => new()
    {
        ["apiVersion"] = "coordination.k8s.io/v1",
        ["kind"] = "Lease",
        ["metadata"] = new JsonObject { ["name"] = "demo", ["namespace"] = "operators" },
        ["spec"] = new JsonObject
        {
            ["holderIdentity"] = holder,
            ["leaseDurationSeconds"] = seconds,
            ["renewTime"] = "2020-01-01T00:00:00.000000Z",
            ["leaseTransitions"] = 0,
        },
    };
}
