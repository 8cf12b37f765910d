using System.Globalization;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests.Alerts;

/// <summary>The alert on the end of a consent, on series as long as a consent lasts.</summary>
public sealed class ConsentAlertTests
{
    /// <summary>A consent of seven days; one that each refresh extends by a day; one that ends while a person must act already; one without an end.</summary>
    [Fact]
    public async Task A_consent_that_ends_is_announced_two_days_ahead_and_one_that_each_refresh_extends_is_not()
    {
        const int week = 7 * 86400;
        static string Series(string metric, string name, string values) =>
            $"      - {{series: 'tokenoperator_oauthtoken_{metric}{{namespace=\"mail\",name=\"{name}\",provider=\"google\"}}', values: '{values}'}}";
        var file = Path.Combine(Path.GetTempPath(), $"consent-{Guid.NewGuid():N}.yaml");
        string[] lines =
        [
            $"rule_files: [\"{Repository.File("config/monitoring/rules.yaml")}\"]", "evaluation_interval: 15m", "tests:", "  - interval: 15m", "    input_series:",
            Series("consent_expiry_timestamp_seconds", "testing", string.Create(CultureInfo.InvariantCulture, $"{week}x700")),
            Series("consent_expiry_timestamp_seconds", "rolling", "86400+900x700"),
            Series("consent_expiry_timestamp_seconds", "dead", string.Create(CultureInfo.InvariantCulture, $"{week}x700")),
            Series("needs_human", "dead", "1x700"),
            Series("needs_human", "testing", "0x700"),
            "    promql_expr_test:",
            Expect(hours: 1), Expect(3), Expect(119), Expect(121, "testing"), Expect(167, "testing"),
        ];
        await File.WriteAllLinesAsync(file, lines);

        var result = await Promtool.RunAsync("test", "rules", file);

        result.ExitCode.Should().Be(0, "promtool says of {0}: {1}{2}", file, result.Output, result.Errors);
        File.Delete(file);

        static string Expect(int hours, params string[] names) => string.Join('\n',
        [
            $"      - eval_time: {hours}h",
            "        expr: 'count by (name, severity) (ALERTS{alertname=\"OAuthTokenConsentExpiring\",alertstate=\"firing\"})'",
            names.Length == 0 ? "        exp_samples: []" : "        exp_samples:",
            .. names.Select(name => $"          - {{labels: '{{name=\"{name}\",severity=\"warning\"}}', value: 1}}"),
        ]);
    }
}
