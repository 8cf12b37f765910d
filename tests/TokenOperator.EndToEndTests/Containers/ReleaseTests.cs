using System.Text.RegularExpressions;
using TokenOperator.TestBed;
using TokenOperator.TestBed.Containers;

namespace TokenOperator.EndToEndTests.Containers;

/// <summary>
/// A cluster in which someone has installed a release by the commands of the README, with nothing but the files of the release. The
/// operators run from the image that the Deployment names, pulled from a registry.
/// </summary>
public sealed class ReleaseFixture : ClusterFixture
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("to-release-");
    private Registry? _registry;
    private OperatorImage? _image;
    private PostgresDatabase? _database;

    public ReleaseFixture() => Install = InstallAsReadmeSaysAsync;

    public override OperatorImage Image => _image ?? throw new InvalidOperationException("Not started.");

    /// <summary>The database that the Secret token-operator-postgres names.</summary>
    public PostgresDatabase Database => _database ?? throw new InvalidOperationException("Not started.");

    /// <summary>The Secret token-operator-keys, which the chart has created.</summary>
    public TestKeyring Keyring { get; } = new();

    public override async Task InitializeAsync()
    {
        _registry = await Registry.StartAsync(_folder.FullName);
        var pushed = await Command.RunAsync(Repository.File("hack/push.sh"), [$"{ImageRepository}:{ReleaseFolder.Version}", ReleaseFolder.File("*.oci.tar")]);
        pushed.ExitCode.Should().Be(0, pushed.Errors);
        await base.InitializeAsync();
        _image = await OperatorImage.PullAsync((await Plane.GetAsync($"/apis/apps/v1/namespaces/{OperatorNamespace}/deployments/token-operator"))!);
        foreach (var (name, key) in (await Plane.GetAsync($"/api/v1/namespaces/{OperatorNamespace}/secrets/token-operator-keys"))!["data"]!.AsObject())
            await File.WriteAllBytesAsync(Path.Combine(Keyring.Folder, name), Convert.FromBase64String((string)key!));
    }

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        _image?.Dispose();
        Keyring.Dispose();
        if (_registry is not null)
            await _registry.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    /// <summary>A folder for a test.</summary>
    public string NewFolder() => _folder.CreateSubdirectory(Path.GetRandomFileName()).FullName;

    private string ImageRepository => $"{_registry!.Host}/team/token-operator";

    private async Task<string> InstallAsReadmeSaysAsync(ControlPlane plane)
    {
        _database = await Postgres.CreateDatabaseAsync();
        var commands = InstallCommands.Read().ToList();
        // Without a kubelet, no pod starts.
        commands[^1].Should().StartWith("kubectl rollout status ");
        var script = string.Join('\n', commands.SkipLast(1))
            .Replace("postgresql://...", _database.Uri, StringComparison.Ordinal);
        script = Regex.Replace(script, @"https://downloads\.example\.com/\S+/", $"{ReleaseFolder.Location}/") + $" --set image.repository={ImageRepository}";
        var helm = Path.GetDirectoryName((await Command.RunAsync(Repository.File("hack/helm.sh"), [])).Output.Trim());
        var result = await Command.RunAsync("bash", ["-euc", script], environment: new Dictionary<string, string?>
        {
            ["KUBECONFIG"] = plane.AdminKubeconfig,
            ["HELM_CACHE_HOME"] = _folder.FullName,
            ["HELM_CONFIG_HOME"] = _folder.FullName,
            ["HELM_DATA_HOME"] = _folder.FullName,
            ["PATH"] = $"{helm}:{(await TestAssets.FindAsync()).Folder}:{Environment.GetEnvironmentVariable("PATH")}",
        });
        result.ExitCode.Should().Be(0, result.Errors);
        await plane.Kubectl.RunAsync("wait --for=condition=Established crd/oauthtokens.tokenoperator.dev --timeout=30s");
        return await plane.ServiceAccountKubeconfigAsync(OperatorNamespace, ServiceAccount);
    }
}

/// <summary>A release, used by someone who has only its files.</summary>
[Trait("Category", "Container")]
public sealed class ReleaseTests(ReleaseFixture release) : IClassFixture<ReleaseFixture>
{
    [Fact]
    public async Task A_new_user_installs_the_chart_and_gets_a_token_by_the_image_and_a_status_by_the_plugin()
    {
        await using var fixture = await OperatorFixture.CreateAsync(release, keyring: release.Keyring);
        fixture.Database = release.Database;
        await fixture.StartOperatorAsync();
        await fixture.AddAccountAsync("marcus");

        await fixture.ReadyAsync("marcus");

        (await fixture.SecretAsync("marcus"))!["access_token"].Should().NotBeNullOrEmpty();
        (await fixture.StoredTokenAsync("marcus"))!.RefreshToken.Should().NotBeNull("the key of the chart opens the row");
        (await fixture.RunVerbAsync("version")).Output.Should().StartWith($"token-operator {ReleaseFolder.Version}");

        var plugin = release.NewFolder();
        await ReleaseFolder.UnpackAsync(ReleaseFolder.File("kubectl-oauthtoken_*_linux_amd64.tar.gz"), plugin);
        var person = await PluginFixture.CreateAsync(release, fixture);
        var status = await Command.RunAsync("bash", ["-euc", $"kubectl oauthtoken version; kubectl oauthtoken status -n {fixture.Namespace}"], environment: new Dictionary<string, string?>
        {
            ["KUBECONFIG"] = person.Kubeconfig,
            ["PATH"] = $"{plugin}:{(await TestAssets.FindAsync()).Folder}:{Environment.GetEnvironmentVariable("PATH")}",
        });
        status.ExitCode.Should().Be(0, status.Errors);
        status.Output.Should().StartWith($"kubectl oauthtoken {ReleaseFolder.Version}").And.Contain("marcus");
    }

    [Fact]
    public async Task The_manifests_in_one_file_can_be_applied_as_they_are()
    {
        await using var plane = await ControlPlane.StartAsync();
        var isOld = await plane.GetAsync("/apis/policy/v1") is null;

        await plane.Kubectl.RunAsync(["apply", "-f", ReleaseFolder.File(isOld ? "install-kubernetes-1.20.yaml" : "install.yaml")]);

        await plane.Kubectl.RunAsync("wait --for=condition=Established crd/oauthtokens.tokenoperator.dev --timeout=30s");
        var deployment = (await plane.GetAsync($"/apis/apps/v1/namespaces/{ClusterFixture.OperatorNamespace}/deployments/token-operator"))!;
        ((string?)deployment["spec"]!["template"]!["spec"]!["containers"]![0]!["image"]).Should().Be($"registry.example.com/token-operator:{ReleaseFolder.Version}");
        await plane.ApplyAsync(Manifests.OAuthToken("default", "marcus"));
    }
}
