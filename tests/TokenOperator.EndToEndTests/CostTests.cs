using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests;

/// <summary>What a refresh costs, counted by those who are asked: the API server's audit log, Postgres' statistics, the provider.</summary>
[Collection(PersonGroup.Name)]
public sealed class CostTests(ClusterFixture cluster)
{
    [Fact]
    public async Task A_refresh_costs_one_call_two_statements_one_Secret_write_and_one_status_write_and_a_fresh_look_costs_nothing()
    {
        await using var bed = await OperatorBed.StartAsync(cluster);
        var grant = await bed.AddAccountAsync("counted");
        await bed.ReadyAsync("counted");
        await Eventually.SeesAsync(() => bed.EventsAsync("counted"), events => events.Contains("FirstToken"));
        // A start reads all rows for its term, and again as soon as it listens for changes.
        await Eventually.SeesAsync(() => ListsAsync(bed), lists => lists == 2);
        var (requests, statements, asked) = await CountAsync(bed);

        await bed.RequestRefreshAsync("counted");
        await Eventually.SeesAsync(() => bed.GetAsync("counted"), view => view["lastHandledRefreshRequest"] == "now");
        var (requestsAfter, statementsAfter, askedAfter) = await CountAsync(bed);
        (askedAfter - asked).Should().Be(1);
        bed.Tokens.AskedFor(grant.RefreshToken).Should().Be(askedAfter);
        (statementsAfter - statements).Should().Be(2);
        requestsAfter.Skip(requests.Count).Select(r => $"{r.Verb} {r.Resource}").Should().BeEquivalentTo("patch secrets", "patch oauthtokens/status");

        // Something that is looked at and changes nothing: a label on the object.
        await bed.Kubectl.RunAsync(["label", "oauthtoken", "-n", bed.Namespace, "counted", "looked=at"]);
        await bed.AddAccountAsync("later");
        await bed.ReadyAsync("later");
        var (end, _, _) = await CountAsync(bed);
        end.Skip(requestsAfter.Count).Where(r => r.Name == "counted").Should().BeEmpty();
    }

    [Fact]
    public async Task A_client_Secret_that_many_objects_name_is_read_once()
    {
        await using var bed = await OperatorBed.StartAsync(cluster);
        foreach (var name in new[] { "one", "two", "three", "four" })
            await bed.AddAccountAsync(name);
        foreach (var name in new[] { "one", "two", "three", "four" })
            await bed.ReadyAsync(name);
        (await bed.RequestsAsync()).Count(r => r is { Verb: "get", Resource: "secrets", Name: "client" }).Should().Be(1);
    }

    [Fact]
    public async Task A_restart_asks_the_provider_nothing_and_writes_nothing_that_is_right()
    {
        await using var bed = await OperatorBed.StartAsync(cluster);
        string[] names = ["alpha", "beta", "gamma"];
        foreach (var name in names)
            await bed.AddAccountAsync(name);
        foreach (var name in names)
            await bed.ReadyAsync(name);
        await Eventually.SeesAsync(() => bed.EventsAsync("gamma"), events => events.Contains("FirstToken"));
        await bed.Operator.StopAsync();
        var (requests, _, asked) = await CountAsync(bed);

        await bed.StartOperatorAsync();
        // A new account is served last, so all that a restart does has been done when it is Ready.
        await bed.AddAccountAsync("omega");
        await bed.ReadyAsync("omega");
        var (after, _, askedAfter) = await CountAsync(bed);
        (askedAfter - asked).Should().Be(1, "only the new account is asked for");
        after.Skip(requests.Count).Where(r => r.IsWrite && r.Name != "omega" && r.Resource != "events").Should().BeEmpty();
        after.Skip(requests.Count).Where(r => r.Verb == "get" && names.Contains(r.Name)).Should().BeEmpty("what there is is learned by LIST");
    }

    [Fact]
    public async Task After_kill_9_the_next_operator_goes_on_and_asks_for_nothing_that_is_fresh()
    {
        await using var bed = await OperatorBed.StartAsync(cluster);
        var grant = await bed.AddAccountAsync("survivor");
        await bed.ReadyAsync("survivor");
        var version = (await bed.SecretAsync("survivor"))!.Version;
        await bed.Operator.KillAsync();

        await bed.StartOperatorAsync();
        await bed.AddAccountAsync("omega");
        await bed.SeesAsync("omega", "Ready", "True", within: TimeSpan.FromSeconds(40));
        bed.Tokens.AskedFor(grant.RefreshToken).Should().Be(1);
        (await bed.SecretAsync("survivor"))!.Version.Should().Be(version);
    }

    [Fact]
    public async Task Tokens_of_a_few_seconds_are_refreshed_again_and_again_before_they_end()
    {
        await using var bed = await OperatorBed.StartAsync(cluster, new TokenServerBehaviour { TokenLifetime = TimeSpan.FromSeconds(6) });
        var grant = await bed.AddAccountAsync("brief");
        await bed.ReadyAsync("brief");
        var gaps = new List<DateTimeOffset>();
        await Eventually.SeesAsync(
            async () =>
            {
                if (DateTimeOffset.Parse((await bed.SecretAsync("brief"))!["expires_at"]!) is var end && end <= DateTimeOffset.UtcNow)
                    gaps.Add(end);
                return bed.Tokens.AskedFor(grant.RefreshToken);
            },
            asked => asked >= 5);
        gaps.Should().BeEmpty("the Secret never holds an expired token");
    }

    private static async Task<long> ListsAsync(OperatorBed bed) =>
        (await bed.Postgres.StatementsAsync(bed.Database))
            .Where(s => s.Text.StartsWith("select provider", StringComparison.Ordinal) && s.Text.EndsWith("from oauth_tokens", StringComparison.Ordinal))
            .Sum(s => s.Calls);

    private static async Task<(IReadOnlyList<ApiRequest> Requests, long Statements, int Asked)> CountAsync(OperatorBed bed)
    {
        // Statements that touch rows: not LISTEN, not what a new connection says first.
        var statements = (await bed.Postgres.StatementsAsync(bed.Database)).Where(s => s.Text.Contains("oauth_tokens", StringComparison.Ordinal)).Sum(s => s.Calls);
        return (await bed.RequestsAsync(), statements, bed.Tokens.Requests.Count(r => r.Path == "/token"));
    }
}
