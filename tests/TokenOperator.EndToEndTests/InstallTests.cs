using System.Text.Json.Nodes;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>The folders of config/, rendered by kubectl and accepted by a real API server.</summary>
[Collection(ClusterGroup.Name)]
public sealed class InstallTests(ClusterFixture cluster) : IAsyncLifetime
{
    private static string Config => Repository.File("config");

    // For the samples and the namespaced installation: a dry run creates no namespaces.
    public Task InitializeAsync() => cluster.Plane.Kubectl.ApplyTextAsync("""{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mail"}}""");

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task The_API_server_accepts_each_folder_of_config()
    {
        var folders = Directory.EnumerateFiles(Config, "kustomization.yaml", SearchOption.AllDirectories).Select(Path.GetDirectoryName).ToList();
        folders.Count.Should().BeGreaterThan(8);
        foreach (var folder in folders)
        {
            var list = await KnownAsync(folder!);
            if (list.Count == 0)
                continue;
            var result = await cluster.Plane.Kubectl.TryRunAsync(["apply", "--dry-run=server", "--validate=strict", "-f", "-"], ListOf(list));
            // Kubernetes before 1.31 does not know these fields, as the folder says.
            if (Path.GetFileName(folder) == "selectable-fields" && result.Errors.Contains("unknown field \"selectableFields\"", StringComparison.Ordinal))
                continue;
            result.ExitCode.Should().Be(0, $"{folder}: {result.Errors}");
        }
    }

    [Theory]
    [InlineData("default")]
    [InlineData("namespaced")]
    public async Task Only_probes_and_metrics_reach_the_operator_and_it_reaches_only_its_servers(string install)
    {
        var objects = await RenderAsync(install);
        var policy = Only(objects, "NetworkPolicy")["spec"]!;
        var pod = Only(objects, "Deployment")["spec"]!["template"]!;

        foreach (var (label, value) in policy["podSelector"]!["matchLabels"]!.AsObject())
            ((string?)pod["metadata"]!["labels"]![label]).Should().Be((string)value!, "it is about the operator's pods");
        policy["policyTypes"]!.AsArray().Select(type => (string)type!).Should().BeEquivalentTo("Ingress", "Egress");
        var served = pod["spec"]!["containers"]![0]!["ports"]!.AsArray().Select(port => $"TCP {port!["containerPort"]}");
        PortsOf(policy["ingress"]!, "from").Should().BeEquivalentTo(served);
        PortsOf(policy["egress"]!, "to").Should().BeEquivalentTo("UDP 53", "TCP 53", "TCP 443", "TCP 6443", "TCP 8443", "TCP 5432");
    }

    /// <summary>The objects of a folder with all defaults, from a dry run on the API server.</summary>
    private async Task<IReadOnlyList<JsonNode>> RenderAsync(string folder)
    {
        var json = await cluster.Plane.Kubectl.RunAsync(["apply", "--dry-run=server", "-o", "json", "-f", "-"], ListOf(await KnownAsync(Path.Combine(Config, folder))));
        return [.. JsonNode.Parse(json)!["items"]!.AsArray().Select(item => item!)];
    }

    /// <summary>The objects of a folder whose kinds this API server has. An old one lacks some, and each lacks those of other products.</summary>
    private async Task<IReadOnlyList<JsonObject>> KnownAsync(string folder)
    {
        // The last columns are the version, whether the kind has a namespace, and the kind.
        var kinds = (await cluster.Plane.Kubectl.RunAsync("api-resources --no-headers")).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Select(columns => $"{columns[^3]} {columns[^1]}").ToHashSet();
        var objects = YamlStream.Parse(await cluster.Plane.Kubectl.RunAsync(["kustomize", folder])).ToLookup(one => kinds.Contains($"{one["apiVersion"]} {one["kind"]}"));
        objects[false].Select(one => (string)one["kind"]!).Should().BeSubsetOf(
            ["ServiceMonitor", "PrometheusRule", "PodDisruptionBudget", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"]);
        return [.. objects[true]];
    }

    private static string ListOf(IEnumerable<JsonObject> objects) =>
        new JsonObject { ["apiVersion"] = "v1", ["kind"] = "List", ["items"] = new JsonArray([.. objects]) }.ToJsonString();

    private static JsonNode Only(IReadOnlyList<JsonNode> objects, string kind) =>
        objects.Should().ContainSingle(o => (string)o["kind"]! == kind).Subject;

    /// <summary>The ports of all rules. A rule without ports would allow every port, and a rule with peers would exclude other peers.</summary>
    private static IEnumerable<string> PortsOf(JsonNode rules, string peers)
    {
        foreach (var rule in rules.AsArray())
        {
            rule![peers].Should().BeNull();
            rule["ports"]!.AsArray().Should().NotBeEmpty();
        }

        return rules.AsArray().SelectMany(rule => rule!["ports"]!.AsArray()).Select(port => $"{port!["protocol"]} {port["port"]}");
    }
}
