using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests.Alerts;

/// <summary>The dashboard and the alerts query only metrics that the operator exports.</summary>
[Collection(AlertGroup.Name)]
public sealed partial class DashboardTests(ClusterFixture cluster)
{
    /// <summary>The metrics of the dashboard that can be 0 at any time.</summary>
    private static readonly string[] Idle =
        ["workqueue_depth", "workqueue_longest_running_processor_seconds", "tokenoperator_watchdog_overdue_total", "tokenoperator_provider_rate_limit_waits_total"];

    [Fact]
    public async Task Every_expression_of_the_dashboard_and_of_the_alerts_uses_metrics_and_labels_that_the_operator_exports()
    {
        await using var fixture = await OperatorFixture.StartAsync(cluster, new TokenServerBehaviour { RefreshTokenLifetime = TimeSpan.FromDays(7) });
        var grant = await fixture.AddAccountAsync("on-the-dashboard");
        await fixture.ReadyAsync("on-the-dashboard");
        fixture.Tokens.Always(grant.RefreshToken, ScriptedAnswer.ServerError());
        await fixture.RequestRefreshAsync("on-the-dashboard");
        await using var scraper = new Scraper(() => fixture.Operator);
        await scraper.SeesAsync("tokenoperator_oauthtoken_problem", "reason", value => value == 1);
        await scraper.SeesAsync("tokenoperator_watchdog_overdue_total", "job", value => value == 0);
        var exported = scraper.Series.Keys.ToLookup(series => series[..series.IndexOf('{')], series => LabelNames(series).ToHashSet());

        var expressions = DashboardExpressions().Concat(AlertExpressions()).ToList();
        expressions.Should().HaveCountGreaterThan(30);
        foreach (var expression in expressions)
        {
            var metrics = PromtoolStory.Metric().Matches(expression).Select(match => match.Value).Distinct().ToList();
            metrics.Should().NotBeEmpty(expression).And.OnlyContain(metric => exported.Contains(metric), "the operator exports what this asks for: {0}", expression);
            var labels = metrics.SelectMany(metric => exported[metric]).SelectMany(names => names).ToHashSet();
            LabelNames(expression).Concat(Grouping().Matches(expression).SelectMany(by => by.Groups[1].Value.Split(", ")))
                .Should().BeSubsetOf(labels, "these labels are there: {0}", expression);
        }
    }

    /// <summary>Creates as many failures as possible, so that every panel has data.</summary>
    [Fact]
    public async Task Every_panel_shows_data_under_failures()
    {
        await using var postgres = await PostgresServer.StartAsync();
        await using var fixture = await OperatorFixture.StartAsync(cluster, new TokenServerBehaviour { RotateRefreshTokens = true }, postgres);
        await using var scraper = new Scraper(() => fixture.Operator);
        // A rate needs a sample of the counter before it grows.
        await scraper.PassAsync(2);
        await fixture.AddAccountAsync("mail");
        await fixture.AddAccountAsync("failing");
        await fixture.WriteSeedAsync("hopeless", "a-token-of-nobody");
        await fixture.ApplyAsync("hopeless");
        await fixture.ReadyAsync("mail");
        await fixture.ReadyAsync("failing");
        await scraper.SeesAsync("tokenoperator_oauthtoken_needs_human", "name=\"hopeless\"", needed => needed == 1);
        var release = new TaskCompletionSource();
        var asked = fixture.Tokens.Requests.Count;
        fixture.Tokens.Next("mail", ScriptedAnswer.Held(release.Task));
        await fixture.RequestRefreshAsync("mail");
        await Eventually.IsTrueAsync(() => fixture.Tokens.Requests.Count > asked);
        fixture.Tokens.Always("failing", ScriptedAnswer.ServerError());
        await fixture.RequestRefreshAsync("failing");
        await scraper.SeesAsync("tokenoperator_oauthtoken_failures", "name=\"failing\"", failures => failures > 0);
        await postgres.StopAsync();
        release.SetResult();
        await scraper.SeesAsync("tokenoperator_oauthtoken_persisted", "name=\"mail\"", persisted => persisted == 0);
        await scraper.SeesAsync("tokenoperator_store_up", "job", up => up == 0);
        await scraper.PassAsync(2);

        var story = new PromtoolStory(scraper);
        foreach (var expression in DashboardExpressions())
        {
            // Without the fallback for missing data, and over the whole time.
            story.ExpectValue(
                scraper.Now - 1,
                expression.Replace(" or vector(0)", "", StringComparison.Ordinal).Replace("$namespace", fixture.Namespace, StringComparison.Ordinal)
                    .Replace("$__rate_interval", $"{scraper.Now}m", StringComparison.Ordinal),
                Idle.Any(expression.Contains) ? "-Inf" : "0");
        }

        await story.TellAsync();
    }

    [Fact]
    public async Task Prometheus_understands_every_expression_of_the_dashboard_and_the_rules()
    {
        var file = Path.Combine(Path.GetTempPath(), $"dashboard-{Guid.NewGuid():N}.yaml");
        await File.WriteAllLinesAsync(file, ["groups:", "  - name: dashboard", "    rules:", .. DashboardExpressions().Select((expression, i) =>
            $"      - {{record: 'panel_{i}', expr: '{expression.Replace("$__rate_interval", "5m", StringComparison.Ordinal)}'}}")]);
        var result = await Promtool.RunAsync("check", "rules", file, Repository.File("config/monitoring/rules.yaml"));
        File.Delete(file);
        result.ExitCode.Should().Be(0, "promtool says: {0}{1}", result.Output, result.Errors);
    }

    [Fact]
    public async Task The_kustomization_contains_the_rules_the_monitor_and_the_dashboard_for_the_Grafana_sidecar()
    {
        var rendered = await cluster.Plane.Kubectl.RunAsync(["kustomize", Repository.File("config/monitoring")]);
        rendered.Should().Contain("kind: PrometheusRule").And.Contain("kind: ServiceMonitor").And.Contain("honorLabels: true")
            .And.Contain("token-operator.json:").And.Contain("grafana_dashboard: \"1\"").And.Contain("name: token-operator-dashboard\n");
    }

    private static IEnumerable<string> DashboardExpressions() =>
        JsonNode.Parse(File.ReadAllText(Repository.File("config/monitoring/dashboard.json")))!["panels"]!.AsArray()
            .SelectMany(panel => panel!["targets"]!.AsArray()).Select(target => (string)target!["expr"]!);

    private static IEnumerable<string> AlertExpressions() =>
        Expr().Matches(File.ReadAllText(Repository.File("config/monitoring/rules.yaml"))).Select(match => match.Groups[1].Value);

    private static IEnumerable<string> LabelNames(string text) => Label().Matches(text).Select(match => match.Groups[1].Value);

    [GeneratedRegex(@"[{,](\w+)=~?""")]
    private static partial Regex Label();

    [GeneratedRegex(@"\bby \(([\w, ]+)\)")]
    private static partial Regex Grouping();

    [GeneratedRegex(@"        expr: (?:\|\n)?((?:.+\n)(?:          .+\n)*)")]
    private static partial Regex Expr();
}
