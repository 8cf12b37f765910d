using System.Text;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests.Crashes;

/// <summary>Tests a crash at every step of a refresh and of a seed, and the table in docs/reliability.md.</summary>
[Collection(AlertGroup.Name)]
public sealed class CrashPointTests(ClusterFixture cluster)
{
    /// <summary>Set this variable to 1 to make the test write the table instead of comparing it.</summary>
    private const string UpdateVariable = "TOKEN_OPERATOR_UPDATE_DOCS";
    private const string Begin = "<!-- crash points: begin -->\n";
    private const string End = "<!-- crash points: end -->";

    [Fact]
    public async Task A_crash_at_any_point_loses_only_an_uncommitted_reply_of_a_provider_that_rotates_without_a_grace_period()
    {
        await using var matrix = await CrashMatrix.CreateAsync(cluster);
        var outcomes = await matrix.RunAsync();

        foreach (var (c, outcome) in outcomes)
            outcome.Lost.Should().Be(c.Point.LosesReply && c.Provider == CrashMatrix.Rotating, $"{c.Provider}, {c.Point.Flow}, {c.Point.Name}");
        await CompareAsync(Table(outcomes));
    }

    private static string Table(IReadOnlyDictionary<CrashCase, CrashOutcome> outcomes)
    {
        var text = new StringBuilder("| killed during a | at this point | no rotation | rotation, a reused token ends the grant | rotation, the old token stays valid for a while |\n|---|---|---|---|---|\n");
        foreach (var point in CrashPoint.All)
        {
            string[] cells = [point.Flow, point.Name, .. new[] { CrashMatrix.Plain, CrashMatrix.Rotating, CrashMatrix.Lenient }
                .Select(provider => outcomes.Single(o => o.Key.Point == point && o.Key.Provider == provider).Value.ToString())];
            text.Append("| ").AppendJoin(" | ", cells).Append(" |\n");
        }

        return text.ToString();
    }

    private static async Task CompareAsync(string table)
    {
        var path = Repository.File("docs/reliability.md");
        var text = await File.ReadAllTextAsync(path);
        var start = text.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length;
        var end = text.IndexOf(End, StringComparison.Ordinal);
        if (Environment.GetEnvironmentVariable(UpdateVariable) == "1")
            await File.WriteAllTextAsync(path, text[..start] + table + text[end..]);
        else
            text[start..end].Should().Be(table, $"docs/reliability.md shows what this test sees; {UpdateVariable}=1 makes it write the table");
    }
}
