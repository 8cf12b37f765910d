using System.Globalization;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>What happens to the Lease when a leader ends, in the order in which the API server recorded it.</summary>
[Collection(LinkGroup.Name)]
public class TakeoverTests(ClusterFixture cluster)
{
    private static readonly TimeSpan LeaseDuration = TimeSpan.FromSeconds(15);

    /// <summary>A takeover takes 15 s of lease duration and 2.4 s between two checks. A busy machine gets five times that.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);

    [Fact]
    public async Task A_stopped_leader_releases_its_lease_and_the_lease_of_a_killed_leader_expires()
    {
        await using var fixture = await OperatorFixture.CreateAsync(cluster);
        var first = await fixture.StartOperatorAsync();
        await first.LogsAsync("Leading", Limit);
        await using var watch = Watch(fixture);
        await TermAsync(watch, 0);

        var second = await fixture.StartOperatorAsync();
        (await first.StopAsync()).Should().Be(0);
        await TermAsync(watch, 1);
        States(watch).Should().Contain(state => state.Term == 0 && state.Holder.Length == 0, "the lease was released, so the successor did not wait for its expiry");
        await second.LogsAsync("Leading", Limit);

        var third = await fixture.StartOperatorAsync();
        await second.KillAsync();
        var taken = (await TermAsync(watch, 2)).Acquired;
        var term = States(watch).Where(state => state.Term == 1).ToList();
        term.Should().NotContain(state => state.Holder.Length == 0, "it had no time to release it");
        (taken - term[^1].Renewed).Should().BeGreaterThanOrEqualTo(LeaseDuration, "it could still have been the leader").And.BeLessThan(Limit);
        await third.LogsAsync("Leading", Limit);
    }

    /// <summary>Follows the lease. A watch misses no state.</summary>
    private ChildProcess Watch(OperatorFixture fixture) => cluster.Plane.Kubectl.Start(
        $$$"""get lease {{{fixture.LeaseName}}} -n {{{ClusterFixture.OperatorNamespace}}} --watch -o jsonpath={.spec.leaseTransitions}|{.spec.holderIdentity}|{.spec.renewTime}|{.spec.acquireTime}{"\n"}""",
        Path.Combine(cluster.Plane.Folder, $"{fixture.LeaseName}.log"));

    /// <summary>Waits for a term, and returns the state in which it began.</summary>
    private static async Task<LeaseState> TermAsync(ChildProcess watch, int term) =>
        (await Eventually.SeesAsync(() => States(watch).FirstOrDefault(state => state.Term == term && state.Holder.Length > 0), found => found is not null, Limit))!;

    private static List<LeaseState> States(ChildProcess watch)
    {
        var log = File.ReadAllText(watch.LogFile);
        return [.. log[..(log.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('|')).Select(fields => new LeaseState(
            int.Parse(fields[0], CultureInfo.InvariantCulture), fields[1], At(fields[2]), At(fields[3])))];
    }

    private static DateTimeOffset At(string time) => DateTimeOffset.Parse(time, CultureInfo.InvariantCulture);

    private sealed record LeaseState(int Term, string Holder, DateTimeOffset Renewed, DateTimeOffset Acquired);
}
