using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests.Alerts;

/// <summary>Scraped metrics as input of <c>promtool test rules</c>, with the expected alerts.</summary>
internal sealed partial class PromtoolStory(Scraper scraper)
{
    private static readonly string Rules = Repository.File("config/monitoring/rules.yaml");

    private readonly StringBuilder _expectations = new();

    /// <summary>Expects exactly these alerts at this minute, of all that match the labels.</summary>
    public void Expect(int minute, string matchers, params string[] alerts)
    {
        _expectations.AppendLine(CultureInfo.InvariantCulture, $"      - eval_time: {minute}m");
        _expectations.AppendLine(CultureInfo.InvariantCulture, $"        expr: 'count by (alertname) (ALERTS{{alertstate=\"firing\",{matchers}}})'");
        _expectations.AppendLine(alerts.Length == 0 ? "        exp_samples: []" : "        exp_samples:");
        foreach (var alert in alerts)
            _expectations.AppendLine(CultureInfo.InvariantCulture, $"          - {{labels: '{{alertname=\"{alert}\"}}', value: 1}}");
    }

    /// <summary>Expects a value greater than <paramref name="least"/> of an expression at this minute.</summary>
    public void ExpectValue(int minute, string expression, string least)
    {
        _expectations.AppendLine(CultureInfo.InvariantCulture, $"      - eval_time: {minute}m");
        _expectations.AppendLine(CultureInfo.InvariantCulture, $"        expr: 'count(({expression}) > {least}) > bool 0'");
        _expectations.AppendLine("        exp_samples: [{value: 1}]");
    }

    /// <summary>Runs promtool, and fails with its output.</summary>
    public async Task TellAsync()
    {
        var file = Path.Combine(Path.GetTempPath(), $"alerts-{Guid.NewGuid():N}.yaml");
        await File.WriteAllTextAsync(file, Write());
        var result = await Promtool.RunAsync("test", "rules", file);
        // The file stays after a failure, so that you can run promtool on it.
        result.ExitCode.Should().Be(0, "promtool says of {0}: {1}{2}", file, result.Output, result.Errors);
        File.Delete(file);
    }

    private string Write()
    {
        var metrics = Metric().Matches(File.ReadAllText(Rules) + _expectations).Select(match => match.Value).ToHashSet();
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"rule_files: [\"{Rules}\"]");
        text.AppendLine("evaluation_interval: 1m").AppendLine("tests:").AppendLine("  - interval: 1m").AppendLine("    input_series:");
        foreach (var (series, values) in scraper.Series.Where(series => metrics.Contains(series.Key[..series.Key.IndexOf('{')])))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"      - series: '{series}'");
            text.AppendLine(CultureInfo.InvariantCulture, $"        values: '{Values(values)}'");
        }

        return text.AppendLine("    promql_expr_test:").Append(_expectations).ToString();
    }

    /// <summary>Ends a series that the target no longer exports, as Prometheus does.</summary>
    private static string Values(double?[] values) => string.Join(' ', values.Select((value, minute) =>
        value?.ToString("0.###", CultureInfo.InvariantCulture) ?? (minute > 0 && values[minute - 1] is not null ? "stale" : "_")));

    /// <summary>All metrics that the operator exports, and those that Prometheus adds.</summary>
    [GeneratedRegex(@"\b(?:tokenoperator|leader_election|controller_runtime|workqueue|rest_client)_\w+|\bup\b")]
    internal static partial Regex Metric();
}
