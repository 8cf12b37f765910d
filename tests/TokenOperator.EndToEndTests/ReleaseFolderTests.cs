using System.Formats.Tar;
using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>What make release writes. These tests need the folder that TOKEN_OPERATOR_RELEASE names.</summary>
[Trait("Category", "Image")]
public sealed class ReleaseFolderTests : IDisposable
{
    private static readonly string[] Platforms = ["linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64", "windows_amd64"];
    private static readonly string[] Extensions = ["tar.gz", "tar.gz.sha256", "cdx.json"];
    private readonly string _folder = Directory.CreateTempSubdirectory("to-release-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static IEnumerable<string> Names => Directory.GetFiles(ReleaseFolder.Location).Select(file => Path.GetFileName(file)!);

    [Fact]
    public async Task It_has_every_part_and_SHA256SUMS_has_the_sum_of_each()
    {
        var version = ReleaseFolder.Version;
        Names.Should().BeEquivalentTo(
        [
            $"token-operator-{version}.oci.tar", $"token-operator-{version}-amd64.cdx.json", $"token-operator-{version}-arm64.cdx.json", $"token-operator-{version}.tgz",
            "install.yaml", "install-kubernetes-1.20.yaml", "oauthtoken.yaml", "provenance.json", "release-notes.md", "LICENSE", "SHA256SUMS",
            .. Platforms.SelectMany(platform => Extensions.Select(extension => $"kubectl-oauthtoken_{version}_{platform}.{extension}")),
        ]);
        (await File.ReadAllLinesAsync(ReleaseFolder.File("SHA256SUMS"))).Select(line => line[66..]).Should().BeEquivalentTo(Names.Where(name => name != "SHA256SUMS"));
        var checkedSums = await Command.RunAsync("bash", ["-c", "cd \"$1\" && sha256sum --check --strict SHA256SUMS *.sha256", "bash", ReleaseFolder.Location]);
        checkedSums.ExitCode.Should().Be(0, checkedSums.Output);
    }

    [Fact]
    public async Task Every_part_carries_the_version_and_the_address_of_the_image()
    {
        var (version, image) = (ReleaseFolder.Version, $"registry.example.com/token-operator:{ReleaseFolder.Version}");
        await ReleaseFolder.UnpackAsync(ReleaseFolder.File("token-operator-*.tgz"), _folder);
        var chart = YamlStream.Parse(await File.ReadAllTextAsync(Path.Combine(_folder, "token-operator/Chart.yaml"))).Single();
        ((string?)chart["version"], (string?)chart["appVersion"]).Should().Be((version, version));
        var helm = await Helm.FindAsync("", _folder);
        var rendered = YamlStream.Parse(await helm.RunAsync(["template", "token-operator", ReleaseFolder.File("token-operator-*.tgz")]));
        foreach (var objects in (IReadOnlyList<JsonObject>[])[rendered, Parse("install.yaml"), Parse("install-kubernetes-1.20.yaml")])
        {
            ((string?)objects.Single(one => (string)one["kind"]! == "Deployment")["spec"]!["template"]!["spec"]!["containers"]![0]!["image"]).Should().Be(image);
            objects.Should().OnlyContain(one => (string)one["metadata"]!["labels"]!["app.kubernetes.io/version"]! == version);
        }

        ((string?)Parse("oauthtoken.yaml").Single()["spec"]!["version"]).Should().Be($"v{version}");
        foreach (var sbom in Names.Where(name => name.EndsWith(".cdx.json", StringComparison.Ordinal)))
        {
            var component = Json(sbom)["metadata"]!["component"]!;
            ((string?)component["version"]).Should().Be(version);
            sbom.Should().StartWith((string)component["name"]!);
            Json(sbom)["components"]!.AsArray().Should().HaveCountGreaterThan(5).And.OnlyContain(package => package!["licenses"]!.AsArray().Count > 0);
        }

        (await File.ReadAllTextAsync(ReleaseFolder.File("release-notes.md"))).Should().StartWith($"# TokenOperator {version}\n").And.Contain(image).And.Contain("\n- ").And.NotContain("## [");
    }

    [Fact]
    public async Task The_provenance_names_each_file_and_the_image_by_its_digest()
    {
        await ReleaseFolder.UnpackAsync(ReleaseFolder.File("*.oci.tar"), _folder);
        var image = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(_folder, "index.json")))!["manifests"]![0]!;
        var subjects = Json("provenance.json")["subject"]!.AsArray().ToDictionary(subject => (string)subject!["name"]!, subject => (string)subject!["digest"]!["sha256"]!);

        subjects.Remove("registry.example.com/token-operator", out var digest).Should().BeTrue();
        $"sha256:{digest}".Should().Be((string?)image["digest"]);
        subjects.Keys.Should().BeEquivalentTo(Names.Except(["provenance.json", "SHA256SUMS"]));
        foreach (var (name, sum) in subjects)
            Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(ReleaseFolder.File(name)))).Should().Be(sum, name);
        ((string?)Json("provenance.json")["predicate"]!["buildDefinition"]!["externalParameters"]!["VERSION"]).Should().Be(ReleaseFolder.Version);
    }

    /// <summary>The bytes must not depend on when and by whom they were made.</summary>
    [Fact]
    public void No_file_in_an_archive_has_another_time_than_the_commit_or_another_owner_than_root()
    {
        var seconds = long.Parse((string)Json("provenance.json")["predicate"]!["buildDefinition"]!["internalParameters"]!["SOURCE_DATE_EPOCH"]!, CultureInfo.InvariantCulture);
        var time = DateTimeOffset.FromUnixTimeSeconds(seconds);
        var archives = Directory.GetFiles(ReleaseFolder.Location).Where(file => file.EndsWith(".tgz", StringComparison.Ordinal) || file.EndsWith(".tar.gz", StringComparison.Ordinal)).ToList();
        archives.Should().HaveCount(6);
        foreach (var archive in archives)
        {
            using var reader = new TarReader(new GZipStream(File.OpenRead(archive), CompressionMode.Decompress));
            while (reader.GetNextEntry() is { } entry)
                (entry.ModificationTime, entry.Uid, entry.Gid).Should().Be((time, 0, 0), $"{archive}: {entry.Name}");
        }
    }

    private static IReadOnlyList<JsonObject> Parse(string name) => YamlStream.Parse(File.ReadAllText(ReleaseFolder.File(name)));

    private static JsonNode Json(string name) => JsonNode.Parse(File.ReadAllText(ReleaseFolder.File(name)))!;
}
