using System.Text.Json.Nodes;
using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests.Alerts;

/// <summary>The history of an account, as an administrator finds it afterwards.</summary>
[Collection(AlertGroup.Name)]
public sealed class StoryTests(ClusterFixture cluster)
{
    [Fact]
    public async Task One_grep_in_the_log_and_kubectl_describe_each_show_the_history_of_an_account()
    {
        await using var fixture = await OperatorFixture.CreateAsync(cluster);
        await fixture.StartOperatorAsync(("Logging__Format", "json"), ("Logging__LogLevel__TokenOperator", "Information"));
        await fixture.AddAccountAsync("bystander");
        await fixture.AddAccountAsync("told");
        await fixture.ReadyAsync("told");
        fixture.Tokens.Next("told", ScriptedAnswer.Html(502));
        await fixture.HandledAsync("told", "1");
        await fixture.RefreshAsync("told", "2");
        await fixture.Operator.LogsAsync("Refreshed google/told again");
        await Eventually.SeesAsync(() => fixture.EventsAsync("told"), events => events.Contains("Recovered"));

        var lines = fixture.Operator.Log.Split('\n').Where(line => line.Contains($"\"{fixture.Namespace}/told ", StringComparison.Ordinal)).Select(line => JsonNode.Parse(line)!).ToList();
        lines.Select(line => (string)line["Message"]!).Should().SatisfyRespectively(
            imported => imported.Should().StartWith("Imported a refresh token for google/told"),
            failed => failed.Should().StartWith("Refreshing google/told failed"),
            again => again.Should().StartWith("Refreshed google/told again after 1 failures"));
        foreach (var line in lines)
        {
            var fields = line["Scopes"]!.AsArray().SelectMany(scope => scope!.AsObject()).ToLookup(field => field.Key, field => field.Value?.ToString());
            fields["Namespace"].Should().Equal(fixture.Namespace);
            fields["Name"].Should().Equal("told");
            fields["Provider"].Should().Equal("google");
            Guid.TryParse(fields["ReconcileId"].Single(), out _).Should().BeTrue();
        }

        var described = await fixture.Kubectl.RunAsync(["describe", "oauthtoken", "-n", fixture.Namespace, "told"]);
        described[described.IndexOf("Events:", StringComparison.Ordinal)..].Should()
            .Contain("FirstToken").And.Contain("Recovered").And.MatchRegex("ProviderUnavailable|InvalidResponse");
    }
}
