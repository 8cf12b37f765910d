using System.Globalization;
using System.Text.Json.Nodes;
using TokenOperator.TestBed;

namespace TokenOperator.Benchmarks;

/// <summary>All rounds, and their medians.</summary>
internal sealed class Report(int n)
{
    private readonly List<(Cost Floor, Cost Operator, Restart Restart)> _rounds = [];

    /// <summary>Adds a round and prints its results.</summary>
    public string Add(Cost floor, Cost @operator, Restart restart)
    {
        _rounds.Add((floor, @operator, restart));
        return string.Create(
            CultureInfo.InvariantCulture,
            $"""
            Round {_rounds.Count}: {Line("bare loop", floor)}
                     {Line("operator", @operator)}
                     restart {restart.QuietAfter.TotalSeconds:0.00} s with {Counts(restart.Requests)}; idle {restart.IdleCpuPerMinute.TotalSeconds:0.00} CPU s a minute
            """);
    }

    /// <summary>The medians, by the names of the targets.</summary>
    public JsonObject ToJson()
    {
        var (wall, floor) = (Median(r => r.Operator.Burst.Wall.TotalSeconds), Median(r => r.Floor.Burst.Wall.TotalSeconds));
        return new JsonObject
        {
            ["n"] = n,
            ["wall_s"] = Rounded(wall),
            ["floor_wall_s"] = Rounded(floor),
            ["ratio"] = Rounded(wall / floor),
            ["cpu_s"] = Rounded(Median(r => r.Operator.Cpu.TotalSeconds)),
            ["floor_cpu_s"] = Rounded(Median(r => r.Floor.Cpu.TotalSeconds)),
            ["single_p50_ms"] = Rounded(Median(r => Percentile(r.Operator.Singles.ToSecret, 50))),
            ["floor_single_p50_ms"] = Rounded(Median(r => Percentile(r.Floor.Singles.ToSecret, 50))),
            ["p50_ms"] = Rounded(Median(r => Percentile(r.Operator.Burst.ToSecret, 50))),
            ["p99_ms"] = Rounded(Median(r => Percentile(r.Operator.Burst.ToSecret, 99))),
            ["rss_peak_mib"] = Rounded(Median(r => r.Operator.PeakMemory)),
            ["floor_rss_peak_mib"] = Rounded(Median(r => r.Floor.PeakMemory)),
            ["provider_calls"] = Rounded(Median(r => r.Operator.ProviderCalls)),
            ["api_writes"] = Rounded(Median(r => Writes(r.Operator.Requests))),
            ["api_reads"] = Rounded(Median(r => Reads(r.Operator.Requests))),
            ["sql_statements"] = Rounded(Median(r => r.Operator.Statements.Sum(s => s.Calls))),
            ["restart_s"] = Rounded(Median(r => r.Restart.QuietAfter.TotalSeconds)),
            ["restart_provider_calls"] = Rounded(Median(r => r.Restart.ProviderCalls)),
            ["restart_api_writes"] = Rounded(Median(r => Writes(r.Restart.Requests))),
            ["restart_api_reads"] = Rounded(Median(r => Reads(r.Restart.Requests))),
            ["idle_cpu_s_per_min"] = Rounded(Median(r => r.Restart.IdleCpuPerMinute.TotalSeconds)),
        };
    }

    private static string Line(string name, Cost cost) => string.Create(
        CultureInfo.InvariantCulture,
        $"{name,-9} wall {cost.Burst.Wall.TotalSeconds:0.00} s, CPU {cost.Cpu.TotalSeconds:0.00} s, peak {cost.PeakMemory:0} MiB, one {Percentile(cost.Singles.ToSecret, 50):0.0} ms, "
        + $"burst p50 {Percentile(cost.Burst.ToSecret, 50):0} p99 {Percentile(cost.Burst.ToSecret, 99):0} ms, "
        + $"{cost.ProviderCalls} provider calls, {Counts(cost.Requests)}, {cost.Statements.Sum(s => s.Calls)} SQL statements");

    private static string Counts(IReadOnlyList<AuditedRequest> requests) => string.Join(
        ", ", requests.GroupBy(r => $"{r.Verb} {r.Resource}{(r.Status is >= 200 and < 300 ? "" : $" ({r.Status})")}").Select(g => $"{g.Count()} {g.Key}"));

    // Lease renewals are independent of the load.
    private static int Writes(IEnumerable<AuditedRequest> requests) => requests.Count(r => r.IsWrite && r.Resource != "leases");

    private static int Reads(IEnumerable<AuditedRequest> requests) => requests.Count(r => !r.IsWrite && r.Resource != "leases");

    private double Median(Func<(Cost Floor, Cost Operator, Restart Restart), double> of)
    {
        var values = _rounds.Select(of).Order().ToList();
        var middle = values.Count / 2;
        return values.Count % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
    }

    private static double Percentile(IReadOnlyList<TimeSpan> sorted, int percent) =>
        sorted[Math.Clamp((int)Math.Ceiling(sorted.Count * percent / 100.0) - 1, 0, sorted.Count - 1)].TotalMilliseconds;

    private static double Rounded(double value) => Math.Round(value, 2);
}
