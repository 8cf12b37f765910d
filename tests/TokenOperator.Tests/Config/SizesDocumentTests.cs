using System.Globalization;
using System.Text.Json;

namespace TokenOperator.Tests.Config;

/// <summary>The table of sizes in docs/install.md, which follows from what <c>make sizes</c> has measured.</summary>
public sealed class SizesDocumentTests
{
    /// <summary>One measurement: the JSON object that <c>make bench</c> prints.</summary>
    private sealed record Measurement(int N, double PeakMebibytes, double CpuSeconds, double IdleCpuSecondsPerMinute)
    {
        /// <summary>Half as much again for other providers and longer tokens.</summary>
        public int RequestedMemory => RoundUp(PeakMebibytes * 1.5, 10);

        /// <summary>Room for a burst of changes and for Secrets of others in the watched namespaces.</summary>
        public int MemoryLimit => Math.Max(RoundUp(PeakMebibytes * 3, 64), 256);

        /// <summary>Millicores when each token is refreshed once an hour.</summary>
        public double Millicores => ((CpuSeconds / 3600) + (IdleCpuSecondsPerMinute / 60)) * 1000;

        public int RequestedCpu => Math.Max(RoundUp(Millicores * 2, 10), 20);

        private static int RoundUp(double value, int step) => (int)Math.Ceiling(value / step) * step;
    }

    [Fact]
    public Task The_documentation_lists_what_was_measured_and_the_resources_that_follow() => DocumentTable.CheckAsync(
        "docs/install.md", "## Sizes",
        ["OAuthTokens", "Memory at most", "CPU time to refresh all of them", "CPU with hourly refreshes", "`requests.memory`", "`limits.memory`", "`requests.cpu`"],
        Measurements().Select(measured => new[]
        {
            measured.N.ToString("N0", CultureInfo.InvariantCulture), $"{measured.PeakMebibytes:0} MiB", $"{measured.CpuSeconds:0.0} s", $"{measured.Millicores:0}m",
            $"{measured.RequestedMemory}Mi", $"{measured.MemoryLimit}Mi", $"{measured.RequestedCpu}m",
        }));

    [Fact]
    public void The_resources_of_the_manifests_suffice_for_the_first_row()
    {
        var first = Measurements()[0];
        var deployment = File.ReadAllText(Repository.File("config/manager/deployment.yaml"));
        Number(deployment, "limits:\n              memory: ").Should().BeGreaterThanOrEqualTo(first.MemoryLimit);
        Number(deployment, "requests:\n              cpu: ").Should().BeGreaterThanOrEqualTo(first.RequestedCpu);
        Number(deployment, "cpu: 20m\n              memory: ").Should().BeGreaterThanOrEqualTo(first.RequestedMemory);
    }

    private static List<Measurement> Measurements()
    {
        var lines = File.ReadAllLines(Repository.File("docs/sizes.jsonl")).Select(line => JsonDocument.Parse(line).RootElement);
        return [.. lines.Select(line => new Measurement(
            line.GetProperty("n").GetInt32(), line.GetProperty("rss_peak_mib").GetDouble(), line.GetProperty("cpu_s").GetDouble(), line.GetProperty("idle_cpu_s_per_min").GetDouble()))
            .OrderBy(measured => measured.N)];
    }

    private static int Number(string text, string after)
    {
        var at = text.IndexOf(after, StringComparison.Ordinal);
        at.Should().BeGreaterThan(0);
        return int.Parse(string.Concat(text[(at + after.Length)..].TakeWhile(char.IsAsciiDigit)), CultureInfo.InvariantCulture);
    }
}
