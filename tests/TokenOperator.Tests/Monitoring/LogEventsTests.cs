using System.Text.RegularExpressions;

namespace TokenOperator.Tests.Monitoring;

/// <summary>Holds the event ids of all [LoggerMessage] methods to the list in docs/monitoring.md, and each project to its range.</summary>
public sealed partial class LogEventsTests
{
    // The attribute is [Conditional], so no assembly has it: the sources do.
    private static readonly (string Project, int Id, string Level, string Message)[] Events =
    [
        .. from project in Directory.GetDirectories(Repository.File("src"))
           from file in Directory.GetFiles(project, "*.cs", SearchOption.AllDirectories)
           where !Path.GetRelativePath(project, file).StartsWith("obj", StringComparison.Ordinal)
           from match in Declaration().Matches(File.ReadAllText(file))
           let id = int.Parse(match.Groups["id"].Value)
           orderby id
           select (Path.GetFileName(project), id, match.Groups["level"].Value, Regex.Unescape(match.Groups["message"].Value)),
    ];

    [Fact]
    public void Every_event_id_is_unique() =>
        Events.GroupBy(logged => logged.Id).Where(group => group.Count() > 1).Should().BeEmpty();

    [Theory]
    [InlineData("TokenOperator", 100, 399)]
    [InlineData("TokenOperator.Providers", 400, 499)]
    [InlineData("KubeRuntime", 1000, 5999)]
    [InlineData("TokenOperator.Postgres", 6000, 6999)]
    public void Every_event_id_is_in_the_range_of_its_project(string project, int min, int max) =>
        Events.Should().OnlyContain(logged => logged.Project == project == (logged.Id >= min && logged.Id <= max));

    [Fact]
    public void Every_declaration_is_found() =>
        Directory.GetFiles(Repository.File("src"), "*.cs", SearchOption.AllDirectories).Where(file => !file.Contains("/obj/", StringComparison.Ordinal))
            .Sum(file => Regex.Count(File.ReadAllText(file), @"\[LoggerMessage\(")).Should().Be(Events.Length);

    [Fact]
    public Task The_documentation_lists_every_event() => DocumentTable.CheckAsync(
        "docs/monitoring.md", "## Log events",
        ["EventId", "Level", "Message"],
        Events.Select(logged => new[] { $"{logged.Id}", logged.Level, logged.Message }));

    [GeneratedRegex(""""\[LoggerMessage\((EventId = )?(?<id>[0-9]+), (Level = )?LogLevel\.(?<level>\w+), (Message = )?"(?<message>([^"\\]|\\.)*)["]"""")]
    private static partial Regex Declaration();
}
