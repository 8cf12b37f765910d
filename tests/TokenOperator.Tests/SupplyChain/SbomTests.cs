using System.Text.Json.Nodes;
using TokenOperator.TestBed;

namespace TokenOperator.Tests.SupplyChain;

/// <summary>hack/sbom.cs, with which make sbom and hack/image.sh list the operator's packages.</summary>
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
        var ofDotnet = File.ReadLines(Repository.File("hack/image/dotnet.lock")).Where(line => !line.StartsWith('#') && !line.Contains(".linux-arm64 ", StringComparison.Ordinal))
            .Select(line => line.Split(' ')).Select(line => $"pkg:nuget/{line[0]}@{line[1]}").ToList();
        components.Keys.Should().BeEquivalentTo(locked.Select(package => Reference(package.Key)).Concat(ofDotnet));
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
            locked.Where(package => (string?)package.Value!["type"] == "Direct" || neededByProjects.Contains(package.Key)).Select(package => Reference(package.Key)).Concat(ofDotnet));
        needs[Reference("KubernetesClient.Aot")].Should().BeEquivalentTo(Reference("Fractions"), Reference("Vecc.YamlDotNet.Analyzers.StaticGenerator"), Reference("YamlDotNet"));
    }

    [Fact]
    public async Task It_names_the_licence_of_each_package_and_the_packages_of_dotnet_itself()
    {
        var sbom = await WriteAsync();
        sbom["components"]!.AsArray().Should().OnlyContain(component => component!["licenses"]!.AsArray().Count == 1);
        var npgsql = sbom["components"]!.AsArray().Single(component => (string?)component!["name"] == "Npgsql")!;
        ((string?)npgsql["licenses"]![0]!["expression"]).Should().Be("PostgreSQL");
        sbom["components"]!.AsArray().Select(component => (string?)component!["name"])
            .Should().Contain(["Microsoft.NETCore.App.Runtime.NativeAOT.linux-x64", "Microsoft.AspNetCore.App.Runtime.linux-x64"])
            .And.NotContain("Microsoft.AspNetCore.App.Runtime.linux-arm64");
    }

    private async Task<JsonNode> WriteAsync()
    {
        // A build restores no packages of a native program.
        var folder = Directory.CreateTempSubdirectory("sbom").FullName;
        var restored = await Command.RunAsync("dotnet", ["restore", Repository.File("src/TokenOperator"), "--property:RuntimeIdentifier=linux-x64", "--artifacts-path", folder]);
        Directory.Delete(folder, recursive: true);
        restored.ExitCode.Should().Be(0, restored.Output);
        var result = await Command.RunAsync("dotnet", ["run", "--file", Repository.File("hack/sbom.cs"), "--", Repository.File(LockFile), _file, "1.2.3"]);
        result.ExitCode.Should().Be(0, result.Output + result.Errors);
        return JsonNode.Parse(await File.ReadAllTextAsync(_file))!;
    }
}
