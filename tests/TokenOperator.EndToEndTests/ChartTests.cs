using System.Text.Json;
using System.Text.Json.Nodes;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>charts/token-operator, rendered by a real Helm and compared with config/.</summary>
public sealed class ChartTests(ChartFixture fixture) : IClassFixture<ChartFixture>
{
    /// <summary>Values that make the chart create a kind of object, and what config/ has of it.</summary>
    public static TheoryData<string, string> Installations => new()
    {
        { "", "default" },
        { "--set namespaces={mail}", "namespaced" },
        { "--api-versions security.openshift.io/v1", "openshift" },
        { "--set platformAssignsIds=true", "openshift" },
        { "--set metrics.serviceMonitor.enabled=true,metrics.prometheusRule.enabled=true,dashboard.enabled=true", "default+monitoring" },
    };

    [Theory]
    [MemberData(nameof(Installations))]
    public async Task The_chart_creates_the_objects_of_config(string arguments, string folders)
    {
        var rendered = ByName(await fixture.RenderAsync(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)));
        var built = new Dictionary<string, string>();
        foreach (var folder in folders.Split('+'))
        {
            foreach (var (name, content) in ByName(await fixture.BuildAsync(folder)))
                built.Add(name, content);
        }

        // Helm needs the namespace before it installs anything.
        built.Remove("v1 Namespace /token-operator-system").Should().BeTrue();
        rendered.Keys.Should().BeEquivalentTo(built.Keys);
        foreach (var (name, content) in built)
            rendered[name].Should().Be(content, name);
    }

    [Fact]
    public async Task The_chart_creates_the_PodMonitor_of_config()
    {
        var rendered = ByName(await fixture.RenderAsync("--set", "metrics.podMonitor.enabled=true"));
        var monitor = YamlStream.Parse(await File.ReadAllTextAsync(Repository.File("config/monitoring/podmonitor.yaml"))).Single();
        foreach (var label in new[] { "instance", "part-of" })
            monitor["metadata"]!["labels"]![$"app.kubernetes.io/{label}"] = "token-operator";
        monitor["metadata"]!["labels"]!["app.kubernetes.io/version"] = "0.1.0";

        rendered.Should().Contain(ByName([monitor]));
    }

    [Theory]
    [InlineData("default")]
    [InlineData("namespaced")]
    [InlineData("monitoring")]
    public async Task Every_object_has_the_labels_that_Kubernetes_recommends(string folder)
    {
        string[] names = ["name", "instance", "version", "component", "part-of", "managed-by"];
        var objects = await fixture.BuildAsync(folder);
        objects.Should().HaveCountGreaterThan(2);
        foreach (var one in objects)
            one["metadata"]!["labels"]!.AsObject().Select(label => label.Key).Should().Contain(names.Select(name => $"app.kubernetes.io/{name}"), NameOf(one));
    }

    [Fact]
    public async Task Helm_has_nothing_to_say_about_the_chart()
    {
        var output = await fixture.Helm.RunAsync(["lint", "--strict", Helm.Chart]);
        output.Should().Contain("0 chart(s) failed").And.NotContain("WARNING");
    }

    private static Dictionary<string, string> ByName(IEnumerable<JsonObject> objects) => objects.ToDictionary(NameOf, Comparable);

    private static string NameOf(JsonObject one) => $"{one["apiVersion"]} {one["kind"]} {one["metadata"]!["namespace"]}/{one["metadata"]!["name"]}";

    /// <summary>The object without what only Helm writes, with sorted fields.</summary>
    private static string Comparable(JsonObject one)
    {
        var copy = one.DeepClone().AsObject();
        var metadata = copy["metadata"]!.AsObject();
        Drop(metadata, "labels", name => name is "app.kubernetes.io/managed-by" or "helm.sh/chart");
        Drop(metadata, "annotations", name => name == "helm.sh/resource-policy");
        if (copy["spec"]?["template"]?["metadata"] is JsonObject template)
            Drop(template, "annotations", name => name == "checksum/settings");
        return JsonSerializer.Serialize(Sorted(copy), Indented);
    }

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private static void Drop(JsonObject metadata, string field, Predicate<string> isOfHelm)
    {
        if (metadata[field] is not JsonObject map)
            return;
        foreach (var name in map.Select(entry => entry.Key).Where(name => isOfHelm(name)).ToList())
            map.Remove(name);
        if (map.Count == 0)
            metadata.Remove(field);
    }

    private static JsonNode? Sorted(JsonNode? node) => node switch
    {
        JsonObject map => new JsonObject(map.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => KeyValuePair.Create(entry.Key, Sorted(entry.Value)))),
        JsonArray list => new JsonArray([.. list.Select(Sorted)]),
        _ => node?.DeepClone(),
    };
}
