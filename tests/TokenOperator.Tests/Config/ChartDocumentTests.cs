using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using TokenOperator.TestBed;

namespace TokenOperator.Tests.Config;

/// <summary>What the chart repeats, because Helm reads no file outside of it, and what its README and schema say about its values.</summary>
public sealed class ChartDocumentTests
{
    private const string Chart = "charts/token-operator";

    /// <summary>The files of config/ that the chart contains.</summary>
    public static TheoryData<string, string> Copies => new()
    {
        { "config/crds/tokenoperator.dev_oauthtokens.yaml", "files/crds/tokenoperator.dev_oauthtokens.yaml" },
        { "config/crds/tokenoperator.dev_clusteroauthproviders.yaml", "files/crds/tokenoperator.dev_clusteroauthproviders.yaml" },
        { "config/rbac/role.yaml", "files/role.yaml" },
        { "config/monitoring/rules.yaml", "files/rules.yaml" },
        { "config/monitoring/dashboard.json", "files/dashboard.json" },
        { "config/validation/policy.yaml", "files/policy.yaml" },
    };

    /// <summary>Where the version of the product is repeated.</summary>
    public static TheoryData<string, string> Versions => new()
    {
        { $"{Chart}/Chart.yaml", @"(?<=^version: ).+$" },
        { $"{Chart}/Chart.yaml", @"(?<=^appVersion: ).+$" },
        { "config/common/kustomization.yaml", @"(?<=app.kubernetes.io/version: ).+$" },
        { "config/common/kustomization.yaml", @"(?<=newTag: ).+$" },
        { "Dockerfile", @"(?<=^ARG VERSION=).+$" },
    };

    [Fact]
    public Task The_README_lists_every_value_with_its_default_and_its_description() => DocumentTable.CheckAsync(
        $"{Chart}/README.md", "## Values", ["Value", "Default", "Meaning"],
        ChartValue.ReadAll().Select(value => new[] { $"`{value.Path}`", value.Default.Length == 0 ? "see `values.yaml`" : $"`{value.Default}`", value.Description }));

    [Fact]
    public void Every_value_has_a_description()
    {
        var values = ChartValue.ReadAll();
        values.Should().HaveCountGreaterThan(60).And.OnlyContain(value => value.Description.EndsWith('.'));
    }

    [Fact]
    public void The_schema_knows_exactly_the_values_of_the_chart()
    {
        var schema = JsonNode.Parse(File.ReadAllText(Repository.File($"{Chart}/values.schema.json")))!;
        // Helm passes the values of a parent chart under this name.
        PathsOf(schema, "").Where(path => path != "global").Should().BeEquivalentTo(ChartValue.ReadAll().Select(value => value.Path));
    }

    [Theory]
    [MemberData(nameof(Copies))]
    public async Task The_chart_contains_the_files_of_config(string original, string copy)
    {
        var (content, file) = (await File.ReadAllTextAsync(Repository.File(original)), Repository.File($"{Chart}/{copy}"));
        if (DocumentTable.Writes)
            await File.WriteAllTextAsync(file, content);
        (await File.ReadAllTextAsync(file)).Should().Be(content, "{0} is a copy of {1}: run this test with TOKEN_OPERATOR_WRITE_DOCS=1 and commit what it writes", copy, original);
    }

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task The_version_is_that_of_the_product(string path, string where)
    {
        var version = XDocument.Load(Repository.File("Directory.Build.props")).Descendants("Version").First().Value;
        var (file, regex) = (Repository.File(path), new Regex(where, RegexOptions.Multiline));
        var text = await File.ReadAllTextAsync(file);
        if (DocumentTable.Writes)
            await File.WriteAllTextAsync(file, text = regex.Replace(text, version));
        regex.Matches(text).Should().ContainSingle().Which.Value.Should().Be(version);
    }

    private static IEnumerable<string> PathsOf(JsonNode schema, string prefix) =>
        from property in schema["properties"]!.AsObject()
        from path in property.Value!["properties"] is null ? [prefix + property.Key] : PathsOf(property.Value, $"{prefix}{property.Key}.")
        select path;
}
