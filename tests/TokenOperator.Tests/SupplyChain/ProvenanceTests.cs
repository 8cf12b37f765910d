using System.Security.Cryptography;
using System.Text.Json.Nodes;
using TokenOperator.TestBed;

namespace TokenOperator.Tests.SupplyChain;

/// <summary>hack/provenance.cs, which says what was built from what.</summary>
public sealed class ProvenanceTests : IDisposable
{
    private const string Commit = "0123456789abcdef0123456789abcdef01234567";
    private readonly string _folder = Directory.CreateTempSubdirectory("provenance").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task It_names_each_subject_and_each_dependency_by_its_digest()
    {
        var (file, output) = (Path.Combine(_folder, "install.yaml"), Path.Combine(_folder, "provenance.json"));
        await File.WriteAllTextAsync(file, "kind: List\n");
        var image = $"token-operator@sha256:{new string('a', 64)}";

        var result = await Command.RunAsync(
            "/bin/sh", ["-c", $"cd '{Repository.Root}' && dotnet run --file hack/provenance.cs -- '{output}' {Commit} 1700000000 '{file}' '{image}'"],
            environment: new Dictionary<string, string?> { ["SOURCE_URI"] = "git+https://git.example/token-operator", ["BUILDER_ID"] = "https://ci.example/builder" });

        result.ExitCode.Should().Be(0, result.Output + result.Errors);
        var statement = JsonNode.Parse(await File.ReadAllTextAsync(output))!;
        ((string?)statement["_type"], (string?)statement["predicateType"]).Should().Be(("https://in-toto.io/Statement/v1", "https://slsa.dev/provenance/v1"));
        statement["subject"]!.AsArray().Select(subject => ((string?)subject!["name"], (string?)subject["digest"]!["sha256"])).Should().Equal(
            ("install.yaml", Convert.ToHexStringLower(SHA256.HashData("kind: List\n"u8))), ("token-operator", new string('a', 64)));
        var dependencies = statement["predicate"]!["buildDefinition"]!["resolvedDependencies"]!.AsArray();
        ((string?)dependencies[0]!["uri"], (string?)dependencies[0]!["digest"]!["gitCommit"]).Should().Be(($"git+https://git.example/token-operator@{Commit}", Commit));
        var lockFiles = Directory.GetFiles(Repository.File("src"), "packages*.lock.json", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(Repository.Root, path));
        dependencies.Select(dependency => (string?)dependency!["name"]).Should().Contain(lockFiles).And.Contain("hack/image/base.lock");
        var debian = File.ReadLines(Repository.File("hack/image/base.lock")).Where(line => line.Split(' ').Length == 6).Select(line => line.Split(' ')[4]).Distinct();
        dependencies.Select(dependency => (string?)dependency!["digest"]?["sha256"]).Should().Contain(debian);
        ((string?)statement["predicate"]!["runDetails"]!["builder"]!["id"]).Should().Be("https://ci.example/builder");
        var parameters = statement["predicate"]!["buildDefinition"]!["externalParameters"]!;
        ((string?)parameters["SOURCE_URI"], (string?)parameters["BUILDER_ID"]).Should().Be(("git+https://git.example/token-operator", "https://ci.example/builder"), "someone who builds it again sets both alike");
    }
}
