using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests.Alerts;

/// <summary>What the dashboard and the alerts ask for is what an operator exports.</summary>
[Collection(AlertGroup.Name)]
public sealed partial class DashboardTests(ClusterFixture cluster)
{
    [Fact]
    public async Task Every_expression_of_the_dashboard_and_of_the_alerts_is_of_metrics_and_labels_that_the_operator_exports()
    {
        await using var bed = await OperatorBed.StartAsync(cluster);
        var grant = await bed.AddAccountAsync("on-the-dashboard");
        await bed.ReadyAsync("on-the-dashboard");
        bed.Tokens.Always(grant.RefreshToken, ScriptedAnswer.ServerError());
        await bed.RequestRefreshAsync("on-the-dashboard");
        await using var scraper = new Scraper(() => bed.Operator);
        await scraper.SeesAsync("tokenoperator_oauthtoken_problem", "reason", value => value == 1);
        await scraper.SeesAsync("tokenoperator_watchdog_overdue_total", "job", value => value == 0);
        var exported = scraper.Series.Keys.ToLookup(series => series[..series.IndexOf('{')], series => LabelNames(series).ToHashSet());

        var expressions = DashboardExpressions().Concat(AlertExpressions()).ToList();
        expressions.Should().HaveCountGreaterThan(30);
        foreach (var expression in expressions)
        {
            var metrics = Metric().Matches(expression).Select(match => match.Value).Distinct().ToList();
            metrics.Should().NotBeEmpty(expression).And.OnlyContain(metric => exported.Contains(metric), "the operator exports what this asks for: {0}", expression);
            var labels = metrics.SelectMany(metric => exported[metric]).SelectMany(names => names).ToHashSet();
            LabelNames(expression).Concat(Grouping().Matches(expression).SelectMany(by => by.Groups[1].Value.Split(", ")))
                .Should().BeSubsetOf(labels, "these labels are there: {0}", expression);
        }
    }

    [Fact]
    public async Task Prometheus_understands_every_expression_of_the_dashboard_and_the_rules()
    {
        var file = Path.Combine(Path.GetTempPath(), $"dashboard-{Guid.NewGuid():N}.yaml");
        await File.WriteAllLinesAsync(file, ["groups:", "  - name: dashboard", "    rules:", .. DashboardExpressions().Select((expression, i) =>
            $"      - {{record: 'panel_{i}', expr: '{expression.Replace("$__rate_interval", "5m", StringComparison.Ordinal)}'}}")]);
        var result = await Promtool.RunAsync("check", "rules", file, Repository("config/monitoring/rules.yaml"));
        File.Delete(file);
        result.ExitCode.Should().Be(0, "promtool says: {0}{1}", result.Output, result.Errors);
    }

    [Fact]
    public async Task The_kustomization_holds_the_rules_the_monitor_and_the_dashboard_for_the_sidecar_of_Grafana()
    {
        var rendered = await cluster.Plane.Kubectl.RunAsync(["kustomize", Repository("config/monitoring")]);
        rendered.Should().Contain("kind: PrometheusRule").And.Contain("kind: ServiceMonitor").And.Contain("honorLabels: true")
            .And.Contain("token-operator.json:").And.Contain("grafana_dashboard: \"1\"").And.Contain("name: token-operator-dashboard\n");
    }

    private static IEnumerable<string> DashboardExpressions() =>
        JsonNode.Parse(File.ReadAllText(Repository("config/monitoring/dashboard.json")))!["panels"]!.AsArray()
            .SelectMany(panel => panel!["targets"]!.AsArray()).Select(target => (string)target!["expr"]!);

    private static IEnumerable<string> AlertExpressions() =>
        Expr().Matches(File.ReadAllText(Repository("config/monitoring/rules.yaml"))).Select(match => match.Groups[1].Value);

    private static IEnumerable<string> LabelNames(string text) => Label().Matches(text).Select(match => match.Groups[1].Value);

    private static string Repository(string path) => Path.Combine(TestAssets.RepositoryRoot(), path);

    [GeneratedRegex(@"\b(?:tokenoperator|leader_election|controller_runtime|workqueue|rest_client)_\w+|\bup\b")]
    private static partial Regex Metric();

    [GeneratedRegex(@"[{,](\w+)=~?""")]
    private static partial Regex Label();

    [GeneratedRegex(@"\bby \(([\w, ]+)\)")]
    private static partial Regex Grouping();

    [GeneratedRegex(@"        expr: (?:\|\n)?((?:.+\n)(?:          .+\n)*)")]
    private static partial Regex Expr();
}
