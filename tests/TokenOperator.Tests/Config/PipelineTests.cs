using System.Text.Json.Nodes;
using TokenOperator.TestBed;

namespace TokenOperator.Tests.Config;

/// <summary>The pipelines of GitHub and Woodpecker. Whatever they do, anyone can do on a machine without them.</summary>
public sealed class PipelineTests
{
    private static readonly string[] Commands =
    [
        ".ci/run",
        "sudo --preserve-env env \"PATH=$PATH\" .ci/run",
        "make release VERSION=\"${GITHUB_REF_NAME#v}\" DOWNLOADS=\"$DOWNLOADS/$GITHUB_REF_NAME\"",
        "make release VERSION=\"${CI_COMMIT_TAG#v}\" DOWNLOADS=\"$DOWNLOADS/$CI_COMMIT_TAG\"",
    ];

    private static readonly string[] Actions = ["actions/checkout@v4", "actions/setup-dotnet@v4", "actions/upload-artifact@v4"];

    [Theory]
    [InlineData(".github/workflows")]
    [InlineData(".woodpecker")]
    public void A_pipeline_runs_the_checks_or_makes_a_release_and_nothing_else(string folder)
    {
        var pipelines = Directory.GetFiles(Repository.File(folder)).Select(file => YamlStream.Parse(File.ReadAllText(file)).Single()).ToList();
        var commands = pipelines.SelectMany(Steps).SelectMany(CommandsOf).ToList();
        commands.Should().BeSubsetOf(Commands).And.Contain(command => command.EndsWith(".ci/run", StringComparison.Ordinal)).And.Contain(command => command.StartsWith("make release ", StringComparison.Ordinal));
        pipelines.SelectMany(Steps).Select(step => (string?)step["uses"]).OfType<string>().Should().BeSubsetOf(Actions);
        foreach (var pipeline in pipelines)
            pipeline["permissions"]?.ToJsonString().Should().Be("""{"contents":"read"}""");
    }

    [Theory]
    [InlineData(".github/workflows/release.yml", "env", "\"${{ vars.IMAGE_REPOSITORY }}\"", "\"${{ vars.DOWNLOADS }}\"", "\"${{ vars.DEBIAN_ARCHIVES }}\"")]
    [InlineData(".woodpecker/release.yml", "environment", """{"from_secret":"image_repository"}""", """{"from_secret":"downloads"}""", null)]
    public void A_release_gets_its_addresses_from_the_repository_and_the_documentation_says_so(string file, string field, string image, string downloads, string? archives)
    {
        var variables = Steps(Parse(file)).Single(step => CommandsOf(step).Any(command => command.StartsWith("make release ", StringComparison.Ordinal)))[field]!.AsObject();
        variables.Select(variable => (variable.Key, variable.Value!.ToJsonString())).Should().BeEquivalentTo(
            new (string, string?)[] { ("IMAGE_REPOSITORY", image), ("DOWNLOADS", downloads), ("DEBIAN_ARCHIVES", archives) }.Where(expected => expected.Item2 is not null));
        var page = File.ReadAllText(Repository.File("docs/release.md"));
        foreach (var name in (string[])["`IMAGE_REPOSITORY`", "`DOWNLOADS`", "`DEBIAN_ARCHIVES`", "`image_repository`", "`downloads`"])
            page.Should().Contain(name);
    }

    [Fact]
    public void The_checks_have_the_whole_history_which_has_the_earlier_releases()
    {
        var github = Steps(Parse(".github/workflows/ci.yml")).Single(step => ((string?)step["uses"])?.StartsWith("actions/checkout", StringComparison.Ordinal) == true);
        ((int?)github["with"]!["fetch-depth"]).Should().Be(0);
        var woodpecker = Parse(".woodpecker/ci.yml")["clone"]!.AsArray().Single()!["settings"]!;
        ((int?)woodpecker["depth"], (bool?)woodpecker["partial"]).Should().Be((0, false));
    }

    private static JsonObject Parse(string file) => YamlStream.Parse(File.ReadAllText(Repository.File(file))).Single();

    /// <summary>The steps of a pipeline: of all jobs at GitHub, and of the file at Woodpecker.</summary>
    private static IEnumerable<JsonNode> Steps(JsonObject pipeline) =>
        (pipeline["jobs"]?.AsObject().Select(job => job.Value!["steps"]) ?? [pipeline["steps"]]).SelectMany(steps => steps!.AsArray()).Select(step => step!);

    private static IEnumerable<string> CommandsOf(JsonNode step) =>
        step["run"] is { } run ? [(string)run!] : step["commands"]?.AsArray().Select(command => (string)command!) ?? [];
}
