using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using TokenOperator.TestBed;
using YamlDotNet.Serialization;

namespace TokenOperator.Tests.SupplyChain;

/// <summary>hack/plugin-archive.sh and hack/krew.sh, with a script in place of the program.</summary>
public sealed partial class PluginArchiveTests : IAsyncLifetime
{
    private static readonly string[] Platforms = ["linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64", "windows-amd64"];
    private readonly string _folder = Directory.CreateTempSubdirectory("archive").FullName;
    private readonly Dictionary<string, string> _archives = [];

    public async Task InitializeAsync()
    {
        foreach (var platform in Platforms)
            _archives[platform] = await ArchiveAsync(platform, "out");
    }

    public Task DisposeAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return Task.CompletedTask;
    }

    [Fact]
    public void An_archive_has_the_program_the_license_completions_and_manual_pages()
    {
        foreach (var (platform, archive) in _archives)
        {
            var windows = platform.StartsWith("windows", StringComparison.Ordinal);
            var program = windows ? "kubectl-oauthtoken.exe" : "kubectl-oauthtoken";
            Path.GetFileName(archive).Should().MatchRegex($@"^kubectl-oauthtoken_[0-9]+\.[0-9]+\.[0-9]+_{platform.Replace('-', '_')}\.tar\.gz$");
            var entries = Entries(archive);
            string[] expected = ["LICENSE", "completions/", "completions/a", "man/", "man/man1/", "man/man1/b.1", program, .. windows ? Array.Empty<string>() : ["kubectl_complete-oauthtoken"]];
            entries.Select(entry => entry.Name).Should().BeEquivalentTo(expected);
            entries.Where(entry => !entry.Name.EndsWith('/') && entry.Mode.HasFlag(UnixFileMode.UserExecute)).Select(entry => entry.Name)
                .Should().BeEquivalentTo(expected.Where(name => name.StartsWith("kubectl", StringComparison.Ordinal)));
            entries.Should().OnlyContain(entry => entry.Uid == 0 && entry.Gid == 0);
            File.ReadAllText($"{archive}.sha256").Should().Be($"{Checksum(archive)}  {Path.GetFileName(archive)}\n");
        }
    }

    [Fact]
    public async Task The_same_program_always_has_the_same_archive()
    {
        var again = await ArchiveAsync("linux-amd64", "again", new DateTime(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc));

        Checksum(again).Should().Be(Checksum(_archives["linux-amd64"]));
    }

    [Fact]
    public async Task A_platform_without_a_program_is_refused()
    {
        (await RunAsync("plugin-archive.sh", "plan9-amd64")).Errors.Should().Contain("there is no platform \"plan9-amd64\": name linux-amd64,");
        var empty = Directory.CreateDirectory(Path.Combine(_folder, "empty")).FullName;
        (await RunAsync("plugin-archive.sh", "windows-amd64", empty)).Errors.Should().Contain("there is no program kubectl-oauthtoken.exe in");
        (await RunAsync("krew.sh", empty, "https://example.com")).Errors.Should().Contain("there are no archives of version");
        (await RunAsync("krew.sh", Output("out"), "example.com")).Errors.Should().Contain("expected an address that starts with https://");
    }

    /// <summary>The rules of krew (internal/index/validation and internal/installation): a manifest that breaks one cannot be installed.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData("https://example.com/token-operator")]
    public async Task The_manifest_follows_the_rules_of_krew(string? homepage)
    {
        var result = await RunAsync("krew.sh", [Output("out"), "https://example.com/releases/v1/", .. homepage is null ? Array.Empty<string>() : [homepage]]);

        result.ExitCode.Should().Be(0, result.Errors);
        var manifest = new DeserializerBuilder().Build().Deserialize<Dictionary<string, object>>(result.Output);
        manifest.Keys.Should().BeEquivalentTo(["apiVersion", "kind", "metadata", "spec"]);
        manifest.Should().Contain("apiVersion", "krew.googlecontainertools.github.com/v1alpha2").And.Contain("kind", "Plugin");
        ((string)Of(manifest["metadata"])["name"]).Should().MatchRegex(@"^[\w-]+$").And.Be("oauthtoken", "the program is kubectl-oauthtoken");
        var spec = Of(manifest["spec"]);
        spec.Keys.Should().BeSubsetOf(["version", "shortDescription", "description", "caveats", "homepage", "platforms"]);
        spec.GetValueOrDefault("homepage").Should().Be(homepage);
        ((string)spec["version"]).Should().MatchRegex(SemanticVersion());
        ((string)spec["shortDescription"]).Should().NotBeEmpty().And.NotContainAny("\n", "\r");
        // Of the index of krew: https://krew.sigs.k8s.io/docs/developer-guide/develop/best-practices/.
        ((string)spec["shortDescription"]).Length.Should().BeLessThanOrEqualTo(50);
        var platforms = ((List<object>)spec["platforms"]).ConvertAll(Of);
        platforms.Should().HaveCount(Platforms.Length);
        platforms.Select(platform => Of(Of(platform["selector"])["matchLabels"])).Select(labels => $"{labels["os"]}-{labels["arch"]}").Should().BeEquivalentTo(Platforms, "each platform is selected once");
        foreach (var platform in platforms)
        {
            platform.Keys.Should().BeEquivalentTo(["selector", "uri", "sha256", "bin", "files"]);
            Of(platform["selector"]).Keys.Should().BeEquivalentTo(["matchLabels"]);
            Of(Of(platform["selector"])["matchLabels"]).Keys.Should().BeSubsetOf(["os", "arch"]);
            var archive = Path.Combine(Output("out"), Path.GetFileName((string)platform["uri"]));
            platform["uri"].Should().Be($"https://example.com/releases/v1/{Path.GetFileName(archive)}");
            ((string)platform["sha256"]).Should().MatchRegex("^[a-f0-9]{64}$").And.Be(Checksum(archive));
            Entries(archive).Select(entry => entry.Name).Should().Contain((string)platform["bin"]).And.NotContain(name => name.Contains("..") || name.StartsWith('/'));
            ((List<object>)platform["files"]).ConvertAll(Of).Should().NotBeEmpty().And.OnlyContain(file => ((string)file["from"]).Length > 0 && ((string)file["to"]).Length > 0);
        }
    }

    private static Dictionary<object, object> Of(object value) => (Dictionary<object, object>)value;

    private static string Checksum(string file) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)));

    private static List<TarEntry> Entries(string archive)
    {
        using var tar = new TarReader(new GZipStream(File.OpenRead(archive), CompressionMode.Decompress));
        var entries = new List<TarEntry>();
        while (tar.GetNextEntry(copyData: true) is { } entry)
            entries.Add(entry);
        return entries;
    }

    private string Output(string name) => Path.Combine(_folder, name);

    private async Task<string> ArchiveAsync(string platform, string output, DateTime? built = null)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_folder, $"{output}-{platform}")).FullName;
        var program = Path.Combine(folder, platform.StartsWith("windows", StringComparison.Ordinal) ? "kubectl-oauthtoken.exe" : "kubectl-oauthtoken");
        ExecutableFile.Write(
            program,
            "#!/bin/sh\n[ \"$1\" = __release-files ] || exit 1\nmkdir -p \"$2/completions\" \"$2/man/man1\"\necho a >\"$2/completions/a\"\necho b >\"$2/man/man1/b.1\"\n");
        if (built is { } time)
            File.SetLastWriteTimeUtc(program, time);
        var result = await RunAsync(("OUTPUT", Output(output)), "plugin-archive.sh", platform, folder);
        result.ExitCode.Should().Be(0, result.Errors);
        return result.Output.Trim();
    }

    private static Task<CommandResult> RunAsync(string script, params string[] arguments) => RunAsync(("OUTPUT", null), script, arguments);

    private static Task<CommandResult> RunAsync((string Name, string? Value) variable, string script, params string[] arguments) =>
        Command.RunAsync(Repository.File($"hack/{script}"), arguments, environment: new Dictionary<string, string?> { [variable.Name] = variable.Value });

    [GeneratedRegex(@"^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$")]
    private static partial Regex SemanticVersion();
}
