using System.Text.Json.Nodes;
using TokenOperator.TestBed;

namespace TokenOperator.Tests.SupplyChain;

/// <summary>hack/sbom.cs, with which make sbom and the image build list the operator's packages.</summary>
public sealed class SbomTests : IDisposable
{
    private const string LockFile = "src/TokenOperator/packages.linux-x64.lock.json";
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public async Task It_names_each_package_of_the_lock_file_once_with_its_hash_and_its_dependencies()
    {
        var sbom = await WriteAsync();
        // A package can stand there again for one platform.
        var entries = JsonNode.Parse(await File.ReadAllTextAsync(Repository.File(LockFile)))!["dependencies"]!.AsObject()
            .SelectMany(framework => framework.Value!.AsObject()).DistinctBy(entry => entry.Key).ToLookup(entry => (string?)entry.Value!["type"] == "Project");
        var locked = entries[false].ToList();
        var neededByProjects = entries[true].SelectMany(project => project.Value!["dependencies"]?.AsObject().Select(on => on.Key) ?? []).ToHashSet();
        string Reference(string name) => $"pkg:nuget/{name}@{locked.Single(package => package.Key == name).Value!["resolved"]}";

        ((string?)sbom["bomFormat"]).Should().Be("CycloneDX");
        ((string?)sbom["specVersion"]).Should().Be("1.6");
        ((int?)sbom["version"]).Should().Be(1);
        var self = sbom["metadata"]!["component"]!;
        ((string?)self["type"], (string?)self["name"], (string?)self["version"]).Should().Be(("application", "token-operator", "1.2.3"));

        var components = sbom["components"]!.AsArray().ToDictionary(component => (string)component!["bom-ref"]!, component => component!);
        components.Keys.Should().BeEquivalentTo(locked.Select(package => Reference(package.Key)));
        foreach (var (name, package) in locked)
        {
            var component = components[Reference(name)];
            ((string?)component["type"], (string?)component["name"], (string?)component["version"], (string?)component["purl"])
                .Should().Be(("library", name, (string?)package!["resolved"], Reference(name)));
            ((string?)component["hashes"]![0]!["alg"]).Should().Be("SHA-512");
            Convert.ToBase64String(Convert.FromHexString((string)component["hashes"]![0]!["content"]!)).Should().Be((string?)package["contentHash"]);
        }

        var needs = sbom["dependencies"]!.AsArray().ToDictionary(
            entry => (string)entry!["ref"]!, entry => entry!["dependsOn"]!.AsArray().Select(on => (string)on!).ToList());
        needs.Keys.Should().BeEquivalentTo(components.Keys.Append((string)self["bom-ref"]!));
        needs.Values.SelectMany(on => on).Should().OnlyContain(on => components.ContainsKey(on));
        needs[(string)self["bom-ref"]!].Should().BeEquivalentTo(
            locked.Where(package => (string?)package.Value!["type"] == "Direct" || neededByProjects.Contains(package.Key)).Select(package => Reference(package.Key)));
        needs[Reference("KubernetesClient.Aot")].Should().BeEquivalentTo(Reference("Fractions"), Reference("Vecc.YamlDotNet.Analyzers.StaticGenerator"), Reference("YamlDotNet"));
    }

    [Fact]
    public void The_image_contains_an_SBOM()
    {
        var image = File.ReadAllText(Repository.File("Dockerfile"));
        image.Should().MatchRegex(@"RUN dotnet run --file hack/sbom\.cs -- ""src/TokenOperator/packages\.linux-\$\{TARGETARCH/amd64/x64\}\.lock\.json"" /app/sbom\.cdx\.json");
        image.Should().Contain("COPY --from=build /app .");
    }

    private async Task<JsonNode> WriteAsync()
    {
        var result = await Command.RunAsync("dotnet", ["run", "--file", Repository.File("hack/sbom.cs"), "--", Repository.File(LockFile), _file, "1.2.3"]);
        result.ExitCode.Should().Be(0, result.Output + result.Errors);
        return JsonNode.Parse(await File.ReadAllTextAsync(_file))!;
    }
}
