using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using TokenOperator.TestBed;
using TokenOperator.TestBed.Containers;

namespace TokenOperator.EndToEndTests.Containers;

/// <summary>The image that hack/image.sh writes, and its way to a registry. These tests need the image that TOKEN_OPERATOR_IMAGE names.</summary>
[Trait("Category", "Image")]
public sealed class ImageTests : IDisposable
{
    private const string IndexType = "application/vnd.oci.image.index.v1+json";
    private readonly string _folder = Directory.CreateTempSubdirectory("to-image-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Two_builds_in_two_folders_have_the_same_bytes()
    {
        var again = ReleaseFolder.File("token-operator-*.oci.tar");
        again.Should().NotBe(OperatorImage.Archive);
        (await DigestAsync(again)).Should().Be(await DigestAsync(OperatorImage.Archive));
    }

    [Fact]
    public async Task It_has_the_user_the_entrypoint_the_environment_and_the_labels_of_the_Dockerfile()
    {
        var lines = (await File.ReadAllTextAsync(Repository.File("Dockerfile"))).Replace("\\\n", " ", StringComparison.Ordinal).Split('\n');
        var last = lines[Array.FindLastIndex(lines, line => line.StartsWith("FROM ", StringComparison.Ordinal))..];
        string Instruction(string name) => last.Single(line => line.StartsWith($"{name} ", StringComparison.Ordinal))[(name.Length + 1)..];
        var labels = Regex.Matches(Instruction("LABEL"), """(?<name>[a-z.]+)=("(?<value>[^"]*)"|(?<value>\$[A-Z]+))""").ToDictionary(label => label.Groups["name"].Value, label => label.Groups["value"].Value);

        foreach (var platform in (string[])["amd64", "arm64"])
        {
            var config = (await ConfigAsync(platform))["config"]!;
            ((string?)config["User"]).Should().Be(Instruction("USER"));
            ((string?)config["WorkingDir"]).Should().Be(Instruction("WORKDIR"));
            JsonNode.DeepEquals(config["Entrypoint"], JsonNode.Parse(Instruction("ENTRYPOINT"))).Should().BeTrue();
            config["Env"]!.AsArray().Select(variable => (string?)variable).Should().Equal(Instruction("ENV").Split(' '));
            var own = config["Labels"]!.AsObject().ToDictionary(label => label.Key, label => (string?)label.Value);
            own.Keys.Should().BeEquivalentTo(labels.Keys);
            foreach (var (name, value) in labels.Where(label => !label.Value.StartsWith('$')))
                own[name].Should().Be(value);
            own["org.opencontainers.image.version"].Should().Be(last.Single(line => line.StartsWith("ARG VERSION=", StringComparison.Ordinal))["ARG VERSION=".Length..]);
        }
    }

    [Fact]
    public async Task Make_push_copies_the_index_and_both_platforms_to_a_registry()
    {
        await using var registry = await Registry.StartAsync(_folder);
        var image = $"{registry.Host}/team/token-operator:0.1.0";

        var pushed = await Command.RunAsync(Repository.File("hack/push.sh"), [image, OperatorImage.Archive]);

        pushed.ExitCode.Should().Be(0, pushed.Errors);
        var index = await registry.ManifestAsync("team/token-operator", "0.1.0", IndexType);
        pushed.Output.Trim().Should().Be($"{registry.Host}/team/token-operator@{index.Digest}");
        index.Content["manifests"]!.AsArray().Select(manifest => $"{manifest!["platform"]!["os"]}/{manifest["platform"]!["architecture"]}").Should().Equal("linux/amd64", "linux/arm64");
        foreach (var manifest in index.Content["manifests"]!.AsArray())
            (await registry.ManifestAsync("team/token-operator", (string)manifest!["digest"]!, "application/vnd.oci.image.manifest.v1+json")).Content["layers"]!.AsArray().Should().HaveCount(2);
        (await registry.ManifestAsync("team/token-operator", index.Digest, IndexType)).Digest.Should().Be(index.Digest);
    }

    [Theory]
    [InlineData("", "no image was named*")]
    [InlineData("token-operator", "\"token-operator\" is not registry/name:tag*")]
    [InlineData("registry.example.com/token-operator", "*is not registry/name:tag*")]
    public async Task Make_push_without_a_complete_name_says_what_it_expects(string image, string sentence)
    {
        var refused = await Command.RunAsync(Repository.File("hack/push.sh"), [image]);
        refused.ExitCode.Should().Be(1);
        refused.Errors.Trim().Should().Match($"push: {sentence}");
    }

    /// <summary>The image for arm64 on a machine with another processor, by QEMU.</summary>
    [Fact]
    public async Task The_program_for_arm64_runs_and_starts_against_a_Postgres()
    {
        var root = await UnpackAsync("arm64");
        var qemu = await ContainerTools.FindAsync("qemu-aarch64-static");
        Task<CommandResult> RunAsync(IReadOnlyDictionary<string, string?> environment, params string[] verb) =>
            Command.RunAsync(qemu, ["-L", root, Path.Combine(root, "app", "token-operator"), .. verb], environment: environment);

        var version = await RunAsync(new Dictionary<string, string?>(), "version");
        version.Output.Should().MatchRegex(@"^token-operator \d+\.\d+\.\d+", version.Errors);
        (await RunAsync(new Dictionary<string, string?>(), "keys", "new")).Output.Trim().Should().HaveLength(44);

        await using var postgres = await PostgresServer.StartAsync();
        var database = await postgres.CreateDatabaseAsync();
        var environment = new Dictionary<string, string?> { ["DATABASE_URL"] = database.Uri, [TestKeyring.Setting] = TestKeyring.Shared.Folder };
        var log = Path.Combine(_folder, "arm64.log");
        await File.WriteAllTextAsync(Path.Combine(_folder, "kubeconfig"), $$"""
            {apiVersion: v1, kind: Config, current-context: none, contexts: [{name: none, context: {cluster: none, user: none} }],
             clusters: [{name: none, cluster: {server: "https://127.0.0.1:{{Ports.Free()}}"} }], users: [{name: none, user: {token: none} }]}
            """);
        environment["KUBECONFIG"] = Path.Combine(_folder, "kubeconfig");
        environment["Http__Address"] = "127.0.0.1";
        var port = Ports.Free();
        environment["Http__Port"] = $"{port}";
        await using var running = ChildProcess.Start(new ChildProcessOptions(qemu, ["-L", root, Path.Combine(root, "app", "token-operator"), "run"]) { LogFile = log, Environment = environment });
        using var http = new HttpClient();
        await Eventually.SeesAsync(async () => { running.ThrowIfExited(); return await AnswersAsync(http, new Uri($"http://127.0.0.1:{port}/healthz")); }, answers => answers, TimeSpan.FromSeconds(90));
        (await File.ReadAllTextAsync(log)).Should().Contain("is at version", "it created its table");
        (await running.StopAsync()).Should().Be(0, running.LastLines());
    }

    internal static async Task<bool> AnswersAsync(HttpClient http, Uri address)
    {
        try
        {
            using var answer = await http.GetAsync(address);
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private async Task<string> UnpackAsync(string architecture)
    {
        var tools = await ContainerTools.FindAsync();
        var layout = Path.Combine(_folder, architecture);
        (await Command.RunAsync(tools.Skopeo, ["--insecure-policy", "--override-arch", architecture, "copy", "--quiet", $"oci-archive:{OperatorImage.Archive}", $"oci:{layout}:image"])).ExitCode.Should().Be(0);
        var bundle = Path.Combine(_folder, $"{architecture}-bundle");
        var unpacked = await Command.RunAsync(tools.Umoci, ["unpack", .. Environment.IsPrivilegedProcess ? (string[])[] : ["--rootless"], "--image", $"{layout}:image", bundle]);
        unpacked.ExitCode.Should().Be(0, unpacked.Errors);
        return Path.Combine(bundle, "rootfs");
    }

    private static async Task<JsonNode> ConfigAsync(string architecture)
    {
        var result = await Command.RunAsync((await ContainerTools.FindAsync()).Skopeo, ["--override-arch", architecture, "inspect", "--config", "--raw", $"oci-archive:{OperatorImage.Archive}"]);
        result.ExitCode.Should().Be(0, result.Errors);
        return JsonNode.Parse(result.Output)!;
    }

    private static async Task<string> DigestAsync(string file)
    {
        await using var content = File.OpenRead(file);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(content));
    }
}

/// <summary>Debian's docker-registry on a loopback address.</summary>
internal sealed class Registry : IAsyncDisposable
{
    private readonly ChildProcess _process;
    private readonly HttpClient _http;

    private Registry(ChildProcess process, string host) => (_process, Host, _http) = (process, host, new HttpClient { BaseAddress = new Uri($"http://{host}") });

    /// <summary>Its address and port.</summary>
    public string Host { get; }

    /// <summary>Starts a registry that keeps its data in <paramref name="folder"/>.</summary>
    public static async Task<Registry> StartAsync(string folder)
    {
        var host = $"127.0.0.1:{Ports.Free()}";
        var configuration = Path.Combine(folder, "registry.yaml");
        await File.WriteAllTextAsync(configuration, $$"""
            version: 0.1
            storage: {filesystem: {rootdirectory: {{folder}}/registry} }
            http: {addr: {{host}}}
            """);
        var process = ChildProcess.Start(new ChildProcessOptions(await ContainerTools.FindAsync("docker-registry"), ["serve", configuration]) { LogFile = Path.Combine(folder, "registry.log") });
        var registry = new Registry(process, host);
        await Eventually.IsTrueAsync(async () => { process.ThrowIfExited(); return await ImageTests.AnswersAsync(registry._http, new Uri("/v2/", UriKind.Relative)); });
        return registry;
    }

    /// <summary>A manifest by its tag or digest.</summary>
    public async Task<(JsonNode Content, string Digest)> ManifestAsync(string name, string reference, string type)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri($"/v2/{name}/manifests/{reference}", UriKind.Relative));
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(type));
        using var answer = await _http.SendAsync(request);
        answer.EnsureSuccessStatusCode();
        answer.Content.Headers.ContentType!.MediaType.Should().Be(type);
        return (JsonNode.Parse(await answer.Content.ReadAsStringAsync())!, answer.Headers.GetValues("Docker-Content-Digest").Single());
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _process.DisposeAsync();
    }
}
