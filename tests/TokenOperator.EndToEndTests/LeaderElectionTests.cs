using System.Text.Json.Nodes;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>Two replicas, of which one is active.</summary>
[Collection(LinkGroup.Name)]
public class LeaderElectionTests(ClusterFixture cluster)
{
    [Fact]
    public async Task Two_replicas_that_start_together_both_come_up_and_one_takes_over_when_the_other_is_stopped()
    {
        await using var fixture = await OperatorFixture.CreateAsync(cluster);
        var both = await Task.WhenAll(fixture.StartOperatorAsync(), fixture.StartOperatorAsync());
        var grant = await fixture.AddAccountAsync("watched");
        await fixture.ReadyAsync("watched");
        fixture.Tokens.AskedFor(grant.RefreshToken).Should().Be(1);

        var leader = await Eventually.SeesAsync(() => both.SingleOrDefault(one => one.Log.Contains("Refreshed google/watched", StringComparison.Ordinal)), found => found is not null);
        (await leader!.StopAsync()).Should().Be(0);
        await fixture.AddAccountAsync("inherited");
        await fixture.ReadyAsync("inherited");
        fixture.Tokens.AskedFor(grant.RefreshToken).Should().Be(1, "the token is still fresh for the new leader");
    }

    [Fact]
    public async Task Probes_and_metrics_are_served()
    {
        var fixture = await cluster.SharedFixtureAsync();
        using var http = new HttpClient { BaseAddress = fixture.Operator.Address };
        (await http.GetAsync(new Uri("/healthz", UriKind.Relative))).IsSuccessStatusCode.Should().BeTrue();
        (await http.GetAsync(new Uri("/readyz", UriKind.Relative))).IsSuccessStatusCode.Should().BeTrue();
        (await http.GetStringAsync(new Uri("/metrics", UriKind.Relative))).Should().Contain("rest_client_requests_total").And.Contain("workqueue_depth");
    }

    [Fact]
    public async Task Logs_are_JSON_without_a_terminal()
    {
        await using var fixture = await OperatorFixture.CreateAsync(cluster);
        await fixture.StartOperatorAsync(("Logging__Format", "auto"));
        await fixture.AddAccountAsync("logged");
        await fixture.ReadyAsync("logged");
        var lines = fixture.Operator.Log.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        lines.Should().HaveCountGreaterThan(1);
        lines.Should().OnlyContain(line => JsonNode.Parse(line, null, default)!["Message"] != null);
    }
}
