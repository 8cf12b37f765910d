using System.Text.RegularExpressions;

namespace TokenOperator.Tests.Monitoring;

public sealed partial class AlertRulesTests
{
    private static readonly string[] Rules = File.ReadAllLines(Repository.File("config/monitoring/rules.yaml"));

    /// <summary>The address of the documentation, as config/monitoring/documentation.yaml has it. It is absolute: a relative one leads nowhere in a mail or a chat.</summary>
    private static readonly string Documentation =
        Regex.Match(File.ReadAllText(Repository.File("config/monitoring/documentation.yaml")), "(?<=  address: )https://[^ /]+/.*[^ /](?=\n)").Value;

    private static readonly string[] Expected =
    [
        "OAuthTokenRefreshFailing", "OAuthTokenExpired", "OAuthTokenNeedsHuman", "OAuthTokenNotPersisted", "OAuthTokenRefreshOverdue",
        "OAuthTokenClientRejected", "OAuthTokenConsentExpiring", "TokenOperatorNoLeader", "TokenOperatorGone", "TokenOperatorStoreUnreachable",
    ];

    public static TheoryData<string, string> Alerts()
    {
        var data = new TheoryData<string, string>();
        foreach (Match alert in Alert().Matches(string.Join('\n', Rules) + '\n'))
            data.Add(alert.Groups["name"].Value, alert.Value);
        return data;
    }

    [Fact]
    public void The_PrometheusRule_contains_exactly_the_rules_of_the_plain_file()
    {
        var made = File.ReadAllLines(Repository.File("config/monitoring/prometheusrule.yaml"));

        made.SkipWhile(line => line != "spec:").Skip(1).Should().Equal(
            Rules.Where(line => !line.StartsWith('#')).Select(line => line.Length == 0 ? line : "  " + line), "`make prometheusrule` generates it");
    }

    [Fact]
    public void All_expected_alerts_exist() =>
        Alerts().Select(alert => (string)alert[0]).Distinct().Should().BeEquivalentTo(Expected);

    [Theory]
    [MemberData(nameof(Alerts))]
    public void Each_alert_has_a_severity_names_its_object_and_links_to_a_runbook_that_starts_with_a_command(string name, string alert)
    {
        alert.Should().MatchRegex("severity: (critical|warning)\n").And.Contain("for: ");
        alert.Should().Contain($"runbook_url: {Documentation}/runbooks/{name}.md\n");
        if (name.StartsWith("OAuthToken", StringComparison.Ordinal))
            alert.Should().Contain("{{ $labels.namespace }}/{{ $labels.name }}");

        var page = File.ReadAllLines(Repository.File($"docs/runbooks/{name}.md"));
        page.Take(3).Should().Equal($"# {name}", "", "```");
        page[3].Should().StartWith("kubectl ");
    }

    [Fact]
    public void Every_runbook_belongs_to_an_alert() =>
        Directory.GetFiles(Repository.File("docs/runbooks")).Select(Path.GetFileNameWithoutExtension)
            .Should().BeSubsetOf(Alerts().Select(alert => (string)alert[0]).Distinct());

    [GeneratedRegex(@"- alert: (?<name>\w+)\n(        .*\n)+")]
    private static partial Regex Alert();
}
