using System.Globalization;
using System.Text.Json.Nodes;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>The time without a leader, measured by the Lease itself, so that the load of this machine does not count.</summary>
[Collection(LinkGroup.Name)]
public class TakeoverTests(ClusterFixture cluster)
{
    private static readonly TimeSpan LeaseDuration = TimeSpan.FromSeconds(15);

    /// <summary>15 s of lease duration and 2.4 s between two checks, doubled for a busy machine.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(40);

    [Fact]
    public async Task A_stopped_leader_releases_its_lease_and_the_lease_of_a_killed_leader_expires()
    {
        await using var fixture = await OperatorFixture.CreateAsync(cluster);
        var first = await fixture.StartOperatorAsync();
        await LeadsAsync(first);
        var second = await fixture.StartOperatorAsync();

        var seen = WatchTermAsync(fixture, 0);
        (await first.StopAsync()).Should().Be(0);
        await LeadsAsync(second);
        var (renewed, taken) = await seen;
        (taken - renewed).Should().BeLessThan(LeaseDuration, "the lease was released, so the successor did not wait for its expiry");

        var third = await fixture.StartOperatorAsync();
        seen = WatchTermAsync(fixture, 1);
        await second.KillAsync();
        await LeadsAsync(third);
        (renewed, taken) = await seen;
        (taken - renewed).Should().BeGreaterThanOrEqualTo(LeaseDuration, "it could still have been the leader").And.BeLessThan(Limit);
    }

    private static Task LeadsAsync(OperatorProcess process) =>
        Eventually.IsTrueAsync(() => process.Log.Contains("Leading", StringComparison.Ordinal), TimeSpan.FromSeconds(90));

    /// <summary>Follows the lease through a takeover: the last renewal by the old holder, and the acquisition by the next one.</summary>
    private async Task<(DateTimeOffset Renewed, DateTimeOffset Taken)> WatchTermAsync(OperatorFixture fixture, int term)
    {
        var renewed = DateTimeOffset.MinValue;
        var next = await Eventually.SeesAsync(
            async () =>
            {
                var spec = (await cluster.Plane.GetAsync($"/apis/coordination.k8s.io/v1/namespaces/{ClusterFixture.OperatorNamespace}/leases/{fixture.LeaseName}"))!["spec"]!;
                if ((int)spec["leaseTransitions"]! == term && (string?)spec["holderIdentity"] is { Length: > 0 })
                    renewed = At(spec, "renewTime");
                return spec;
            },
            spec => (int)spec["leaseTransitions"]! == term + 1 && (string?)spec["holderIdentity"] is { Length: > 0 },
            TimeSpan.FromSeconds(120));
        return (renewed, At(next, "acquireTime"));
    }

    private static DateTimeOffset At(JsonNode spec, string field) => DateTimeOffset.Parse((string)spec[field]!, CultureInfo.InvariantCulture);
}
