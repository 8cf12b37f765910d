using System.Text.Json.Nodes;
using TokenOperator.TestBed;

namespace TokenOperator.Tests.Api;

/// <summary>The versions of both CustomResourceDefinitions. That an API server accepts them is for the end-to-end tests.</summary>
public sealed class ApiVersionTests
{
    /// <summary>Both definitions.</summary>
    public static TheoryData<string> Definitions => [.. Directory.GetFiles(Repository.File("config/crds"), "tokenoperator.dev_*.yaml").Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)];

    [Fact]
    public void There_are_two_definitions() => Definitions.Should().HaveCount(2);

    private static readonly string[] OwnFields = ["name", "storage", "deprecated", "deprecationWarning"];

    [Theory]
    [MemberData(nameof(Definitions))]
    public void Both_versions_are_served_and_the_newer_one_is_stored(string file) =>
        Versions(file).Select(version => ((string?)version["name"], (bool?)version["served"], (bool?)version["storage"]))
            .Should().Equal(("v1beta1", true, true), ("v1alpha1", true, false));

    /// <summary>Objects need no conversion, and going back to an operator that knows only the older version loses nothing.</summary>
    [Theory]
    [MemberData(nameof(Definitions))]
    public void Both_versions_differ_only_in_their_name_and_in_the_deprecation(string file)
    {
        var contents = Versions(file).Select(version =>
        {
            foreach (var field in OwnFields)
                version.Remove(field);
            return version.ToJsonString();
        }).Distinct().ToList();

        contents.Should().ContainSingle().Which.Should().Contain("additionalPrinterColumns").And.Contain("openAPIV3Schema").And.Contain("\"status\"");
        Read(file)["spec"]!.AsObject().Should().NotContainKey("conversion", "the default is None");
    }

    [Theory]
    [MemberData(nameof(Definitions))]
    public void The_older_version_is_deprecated_with_a_warning_that_names_the_newer_one(string file)
    {
        var (newer, older) = (Versions(file)[0], Versions(file)[1]);

        newer.Should().NotContainKey("deprecated");
        ((bool?)older["deprecated"]).Should().BeTrue();
        ((string?)older["deprecationWarning"]).Should().Contain("tokenoperator.dev/v1alpha1 is deprecated").And.Contain("tokenoperator.dev/v1beta1");
    }

    [Theory]
    [MemberData(nameof(Definitions))]
    public void Both_kinds_are_in_one_category(string file) =>
        Read(file)["spec"]!["names"]!["categories"]!.AsArray().Select(category => (string?)category).Should().Equal("token-operator");

    /// <summary>They need a newer Kubernetes than the definitions themselves, so they are in a folder of their own.</summary>
    [Fact]
    public void Both_versions_get_the_same_selectable_fields_which_are_texts_of_the_spec()
    {
        var patch = YamlStream.ParseValues(File.ReadAllText(Repository.File("config/selectable-fields/fields.yaml"))).Single().AsArray();

        patch.Select(operation => (string?)operation!["path"]).Should().Equal("/spec/versions/0/selectableFields", "/spec/versions/1/selectableFields");
        patch.Select(operation => operation!["value"]!.ToJsonString()).Distinct().Should().ContainSingle();
        var paths = patch[0]!["value"]!.AsArray().Select(field => (string)field!["jsonPath"]!).ToList();
        paths.Should().HaveCountLessThanOrEqualTo(8, "the API server allows no more").And.OnlyHaveUniqueItems();
        var spec = Versions("tokenoperator.dev_oauthtokens.yaml")[0]["schema"]!["openAPIV3Schema"]!["properties"]!["spec"]!["properties"]!;
        paths.Should().OnlyContain(path => path.StartsWith(".spec.", StringComparison.Ordinal) && (string?)spec[path.Substring(".spec.".Length)]!["type"] == "string");
        Versions("tokenoperator.dev_oauthtokens.yaml").Should().OnlyContain(version => !version.ContainsKey("selectableFields"), "kubectl refuses them for Kubernetes 1.20");
    }

    private static List<JsonObject> Versions(string file) => [.. Read(file)["spec"]!["versions"]!.AsArray().Select(version => version!.AsObject())];

    private static JsonObject Read(string file) => YamlStream.Parse(File.ReadAllText(Repository.File($"config/crds/{file}"))).Single();
}
