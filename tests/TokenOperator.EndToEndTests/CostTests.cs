using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests;

/// <summary>The cost of a refresh, counted by the servers: the API server's audit log, Postgres' statistics, and the provider.</summary>
[Collection(PersonGroup.Name)]
public sealed class CostTests(ClusterFixture cluster)
{
    [Fact]
    public async Task A_refresh_costs_one_call_two_statements_one_Secret_write_and_one_status_write_and_a_reconcile_of_a_fresh_token_costs_nothing()
    {
        await using var fixture = await OperatorFixture.StartAsync(cluster);
        var grant = await fixture.AddAccountAsync("counted");
        await fixture.ReadyAsync("counted");
        await Eventually.SeesAsync(() => fixture.EventsAsync("counted"), events => events.Contains("FirstToken"));
        // A start reads all rows for its term, and again once it listens for changes.
        await Eventually.SeesAsync(() => ListsAsync(fixture), lists => lists == 2);
        var (requests, statements, asked) = await CountAsync(fixture);

        await fixture.RequestRefreshAsync("counted");
        await Eventually.SeesAsync(() => fixture.GetAsync("counted"), view => view["lastHandledRefreshRequest"] == "now");
        var (requestsAfter, statementsAfter, askedAfter) = await CountAsync(fixture);
        (askedAfter - asked).Should().Be(1);
        fixture.Tokens.AskedFor(grant.RefreshToken).Should().Be(askedAfter);
        (statementsAfter - statements).Should().Be(2);
        requestsAfter.Skip(requests.Count).Select(r => $"{r.Verb} {r.Resource}").Should().BeEquivalentTo("patch secrets", "patch oauthtokens/status");

        // A change that triggers a reconcile without effect: a label on the object.
        await fixture.Kubectl.RunAsync(["label", "oauthtoken", "-n", fixture.Namespace, "counted", "looked=at"]);
        await fixture.AddAccountAsync("later");
        await fixture.ReadyAsync("later");
        var (end, _, _) = await CountAsync(fixture);
        end.Skip(requestsAfter.Count).Where(r => r.Name == "counted").Should().BeEmpty();
    }

    [Fact]
    public async Task A_new_object_whose_row_existed_at_the_start_costs_two_statements()
    {
        string[] names = ["first", "second", "third", "fourth", "fifth"];
        await using var fixture = await OperatorFixture.CreateAsync(cluster);
        await fixture.RunVerbAsync("migrate", "up");
        await fixture.QueryAsync("delete from token_operator_made where part = 'encrypted'");
        foreach (var name in names)
        {
            await fixture.QueryAsync($$"""
                insert into oauth_tokens (provider, account, token_data, namespaces, namespace_uids)
                values ('google', '{{name}}', '{"refresh_token": "{{fixture.Tokens.AddAccount(name).RefreshToken}}"}', array['{{fixture.Namespace}}'], array['{{fixture.Namespace}}/{{fixture.NamespaceUid}}'])
                """);
        }

        await fixture.StartOperatorAsync();
        await Eventually.SeesAsync(() => ListsAsync(fixture), lists => lists == 2);
        var (_, statements, asked) = await CountAsync(fixture);

        foreach (var name in names)
            await fixture.ApplyAsync(name);
        foreach (var name in names)
            await fixture.ReadyAsync(name);
        var (_, statementsAfter, askedAfter) = await CountAsync(fixture);
        (askedAfter - asked).Should().Be(names.Length);
        (statementsAfter - statements).Should().Be(2 * names.Length, "a claim and a commit");
    }

    [Fact]
    public async Task A_client_Secret_that_many_objects_reference_is_read_once()
    {
        await using var fixture = await OperatorFixture.StartAsync(cluster);
        foreach (var name in new[] { "one", "two", "three", "four" })
            await fixture.AddAccountAsync(name);
        foreach (var name in new[] { "one", "two", "three", "four" })
            await fixture.ReadyAsync(name);
        (await fixture.RequestsAsync()).Count(r => r is { Verb: "get", Resource: "secrets", Name: "client" }).Should().Be(1);
    }

    [Fact]
    public async Task A_restart_sends_no_provider_request_and_rewrites_nothing_that_is_up_to_date()
    {
        await using var fixture = await OperatorFixture.StartAsync(cluster);
        string[] names = ["alpha", "beta", "gamma"];
        foreach (var name in names)
            await fixture.AddAccountAsync(name);
        foreach (var name in names)
            await fixture.ReadyAsync(name);
        await Eventually.SeesAsync(() => fixture.EventsAsync("gamma"), events => events.Contains("FirstToken"));
        await fixture.Operator.StopAsync();
        var (requests, _, asked) = await CountAsync(fixture);

        await fixture.StartOperatorAsync();
        // A new account is processed last, so the restart is complete when it is Ready.
        await fixture.AddAccountAsync("omega");
        await fixture.ReadyAsync("omega");
        var (after, _, askedAfter) = await CountAsync(fixture);
        (askedAfter - asked).Should().Be(1, "only the new account is requested");
        after.Skip(requests.Count).Where(r => r.IsWrite && r.Name != "omega" && r.Resource != "events").Should().BeEmpty();
        after.Skip(requests.Count).Where(r => r.Verb == "get" && names.Contains(r.Name)).Should().BeEmpty("existing objects are learned by LIST");
    }

    [Fact]
    public async Task After_kill_9_the_next_operator_takes_over_and_refreshes_no_fresh_token()
    {
        await using var fixture = await OperatorFixture.StartAsync(cluster);
        var grant = await fixture.AddAccountAsync("survivor");
        await fixture.ReadyAsync("survivor");
        var version = (await fixture.SecretAsync("survivor"))!.Version;
        await fixture.Operator.KillAsync();

        await fixture.StartOperatorAsync();
        await fixture.AddAccountAsync("omega");
        await fixture.SeesAsync("omega", "Ready", "True", within: TimeSpan.FromSeconds(90));
        fixture.Tokens.AskedFor(grant.RefreshToken).Should().Be(1);
        (await fixture.SecretAsync("survivor"))!.Version.Should().Be(version);
    }

    [Fact]
    public async Task Tokens_that_live_a_few_seconds_are_refreshed_repeatedly_before_they_expire()
    {
        await using var fixture = await OperatorFixture.StartAsync(cluster, new TokenServerBehaviour { TokenLifetime = TimeSpan.FromSeconds(6) });
        var grant = await fixture.AddAccountAsync("brief");
        await fixture.ReadyAsync("brief");
        var plans = new HashSet<(string? Next, string? End)>();
        await Eventually.SeesAsync(
            async () =>
            {
                var view = await fixture.GetAsync("brief");
                plans.Add((view["nextRefreshTime"], view["expiresAt"]));
                return fixture.Tokens.AskedFor(grant.RefreshToken);
            },
            asked => asked >= 5,
            TimeSpan.FromSeconds(90));
        // What the operator plans, because a busy machine can carry it out late.
        plans.Should().HaveCountGreaterThan(1).And.OnlyContain(plan => DateTimeOffset.Parse(plan.Next!) < DateTimeOffset.Parse(plan.End!));
    }

    private static async Task<long> ListsAsync(OperatorFixture fixture) =>
        (await fixture.Postgres.StatementsAsync(fixture.Database))
            .Where(s => s.Text.StartsWith("select provider", StringComparison.Ordinal) && s.Text.EndsWith("from oauth_tokens", StringComparison.Ordinal))
            .Sum(s => s.Calls);

    private static async Task<(IReadOnlyList<AuditedRequest> Requests, long Statements, int Asked)> CountAsync(OperatorFixture fixture)
    {
        // Statements that touch rows, without LISTEN and the first statements of a new connection.
        var statements = (await fixture.Postgres.StatementsAsync(fixture.Database)).Where(s => s.Text.Contains("oauth_tokens", StringComparison.Ordinal)).Sum(s => s.Calls);
        return (await fixture.RequestsAsync(), statements, fixture.Tokens.Requests.Count(r => r.Path == "/token"));
    }
}
