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
        "make release VERSION=\"${GITHUB_REF_NAME#v}\"",
        "make release VERSION=\"${CI_COMMIT_TAG#v}\"",
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
