using System.Text.Json.Nodes;
using KubectlOAuthToken.Output;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>The templates of <c>-o jsonpath=</c>, compared with what the real kubectl prints for the same object. Needs no cluster.</summary>
public sealed class JsonPathTests : IAsyncLifetime
{
    private const string Document =
        """
        {"apiVersion": "example.com/v1", "kind": "Example",
         "metadata": {"name": "one", "namespace": "mail", "annotations": {"a.b/c": "dotted", "x": "y"}},
         "statuses": [
           {"name": "a", "ready": true, "failures": 0, "tags": ["p", "q"], "more": {"z": 1, "b": "<&>"}},
           {"name": "b", "ready": false, "failures": 3, "tags": []},
           {"name": "c", "failures": 12}],
         "f": 1.5, "nothing": null, "empty": "", "text": "say \"hi\" to Jürgen"}
        """;

    private readonly string _file = Path.GetTempFileName();
    private string _kubectl = "";

    public async Task InitializeAsync()
    {
        await File.WriteAllTextAsync(_file, Document);
        _kubectl = (await TestAssets.FindAsync()).Kubectl;
    }

    public Task DisposeAsync()
    {
        File.Delete(_file);
        return Task.CompletedTask;
    }

    [Theory]
    [InlineData("{.metadata.name}")]
    [InlineData("{.metadata.name}\\n")]
    [InlineData(".metadata.name")]
    [InlineData("x{.f}y {.empty}{.missing}{.nothing}.")]
    [InlineData("{ .f }{\" \"}{$.f}{'z'}{\"\\u00e9\\\"\\t\"}")]
    [InlineData("{.text}")]
    [InlineData("{@}")]
    [InlineData("{.}")]
    [InlineData("{1}{true}{-2}")]
    [InlineData("{.metadata.annotations['a\\.b/c']}{.metadata.annotations.a\\.b/c}")]
    [InlineData("{.metadata.annotations['a.b/c']}")]
    [InlineData("{['metadata']['name']}")]
    [InlineData("{.statuses.name}")]
    [InlineData("{.statuses[0].more}")]
    [InlineData("{.statuses[*].tags}")]
    [InlineData("{.statuses[*].name}")]
    [InlineData("{.statuses[]}")]
    [InlineData("{.statuses[-1].name} {.statuses[-2:].name} {.statuses[:1].name}")]
    [InlineData("{.statuses[0:3:2].name}{.statuses[1:1].name}")]
    [InlineData("{.statuses[0,2].name}{.statuses[0]['name','ready']}")]
    [InlineData("{.statuses[0].tags.*}")]
    [InlineData("{..namespace}{.statuses..name}{.metadata..name}{.statuses[*]..tags[*]}{.statuses[0].more..b}")]
    [InlineData("{.statuses[?(@.failures>2)].name}{.statuses[?(@.failures<=3)].name}{.statuses[?(@.failures>=3)].name}{.statuses[?(@.failures<3)].name}")]
    [InlineData("{.statuses[?(@.ready)].name}{.statuses[?(@.ready==true)].name}{.statuses[?(@.ready!=true)].name}")]
    [InlineData("{.statuses[?( @.name == \"b\" )].failures}{.statuses[?(@.name!='a')].name}{.statuses[?(@.name==@.name)].name}")]
    [InlineData("{.statuses[?(@.name==\")\")].name}.")]
    [InlineData("{range .statuses[*]}{.name}{\"\\t\"}{.failures}{\"\\n\"}{end}")]
    [InlineData("{range .statuses[*]}[{.name}{range .tags[*]}<{@}>{end}]{end}!")]
    [InlineData("{range .missing[*]}a{range .b}c{end}d{end}e")]
    [InlineData("{range .statuses[*]}{.name}")]
    [InlineData("{range .statuses[?(@.failures>2)]}{@.name} {end}")]
    // What kubectl refuses, too.
    [InlineData("{.a")]
    [InlineData("{end}")]
    [InlineData("{foo}")]
    [InlineData("{.statuses[5].name}")]
    [InlineData("{.statuses[2:1].name}")]
    [InlineData("{.statuses[0:9].name}")]
    [InlineData("{.statuses[0:2:0].name}")]
    [InlineData("{.statuses[a]}")]
    [InlineData("{.statuses[ 0 ].name}")]
    [InlineData("{.statuses[0")]
    [InlineData("{.statuses[\"name\"]}")]
    [InlineData("{.statuses[?(@.failures==\"x\")].name}")]
    [InlineData("{.statuses[?(@.ready>false)].name}")]
    [InlineData("{.statuses[?(@.tags[0]==\"p\")].name}")]
    [InlineData("{.statuses[?(@.tags[*]==\"p\")].name}")]
    [InlineData("{.statuses[?(@.name==\"a\"&&@.ready)].name}")]
    [InlineData("{.statuses[?(@.name=~\"a\")].name}")]
    [InlineData("{.statuses[?(@.name==\"a\"}")]
    [InlineData("{.statuses[0].name, .statuses[1].name}")]
    [InlineData("{.metadata[*]}")]
    [InlineData("{.f[0]}")]
    [InlineData("{\"a\\q\"}")]
    [InlineData("{\"a")]
    [InlineData("{....name}")]
    public async Task A_template_prints_what_kubectl_prints_and_fails_where_kubectl_fails(string template)
    {
        var expected = await KubectlAsync(template);

        try
        {
            var printed = JsonPathTemplate.Parse(template).Evaluate(JsonNode.Parse(Document));
            expected.ExitCode.Should().Be(0, expected.Errors);
            printed.Should().Be(expected.Output);
        }
        catch (PluginException e)
        {
            expected.ExitCode.Should().Be(1, e.Message);
            e.Message.Should().StartWith($"The jsonpath template {template} ");
        }
    }

    /// <summary>kubectl visits the fields of an object in a random order.</summary>
    [Fact]
    public async Task A_search_in_all_fields_finds_what_kubectl_finds()
    {
        const string template = "{..name}";

        var printed = JsonPathTemplate.Parse(template).Evaluate(JsonNode.Parse(Document));

        printed.Split(' ').Should().BeEquivalentTo((await KubectlAsync(template)).Output.Split(' '));
    }

    private Task<CommandResult> KubectlAsync(string template) =>
        Command.RunAsync(_kubectl, ["annotate", "--local", "--overwrite", "-f", _file, "x=y", "-o", $"jsonpath={template}"]);
}
