using System.Security.Cryptography;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests.TestBed;

/// <summary>hack/test-assets.sh with stubs for apt and for the build, so that nothing is downloaded or compiled.</summary>
public sealed class TestAssetsScriptTests : IDisposable
{
    private const string Reflect2 = "github.com/modern-go/reflect2";

    private readonly string _folder = Directory.CreateTempSubdirectory("assets-").FullName;
    private readonly Dictionary<string, string?> _environment;

    public TestAssetsScriptTests()
    {
        Directory.CreateDirectory(Tools);
        _environment = new Dictionary<string, string?>
        {
            ["KUBEBUILDER_ASSETS"] = null,
            ["ENVTEST_SHA512"] = null,
            ["ENVTEST_VERSION"] = null,
            ["ENVTEST_URL"] = $"file://{_folder}/nothing.tar.gz",
            ["TOKEN_OPERATOR_CACHE"] = Cache,
            ["PATH"] = $"{Tools}:/usr/bin:/bin",
        };
        WriteTool("kubectl", "echo kubectl of PATH");
    }

    private string Tools => Path.Combine(_folder, "tools");

    private string Cache => Path.Combine(_folder, "cache");

    private string Ready => Path.Combine(Cache, "kubernetes");

    private static string Script => Repository.File("hack/test-assets.sh");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Only_the_folder_that_KUBEBUILDER_ASSETS_names_is_printed()
    {
        var given = WritePrograms("given", "etcd", "kube-apiserver", "kubectl");
        _environment["KUBEBUILDER_ASSETS"] = given;

        (await RunAsync()).Should().Be(new CommandResult(0, given + "\n", ""));
    }

    [Fact]
    public async Task A_KUBEBUILDER_ASSETS_without_a_server_is_refused_by_name()
    {
        _environment["KUBEBUILDER_ASSETS"] = WritePrograms("given", "etcd");

        var result = await RunAsync();

        result.ExitCode.Should().Be(1);
        result.Output.Should().BeEmpty();
        result.Errors.Should().Contain("KUBEBUILDER_ASSETS is").And.Contain("kube-apiserver");
    }

    [Fact]
    public async Task A_KUBEBUILDER_ASSETS_without_kubectl_is_completed_from_PATH()
    {
        var given = WritePrograms("given", "etcd", "kube-apiserver");
        _environment["KUBEBUILDER_ASSETS"] = given;

        var folder = (await SucceedAsync()).Output.Trim();

        folder.Should().NotBe(given);
        (await Command.RunAsync(Path.Combine(folder, "kubectl"), [])).Output.Should().Be("kubectl of PATH\n");
        (await Command.RunAsync(Path.Combine(folder, "etcd"), [])).Output.Should().Be("etcd\n");
    }

    [Fact]
    public async Task A_kubectl_that_is_too_old_for_the_manifests_is_not_used()
    {
        const string old = """echo '{"clientVersion": {"major": "1", "minor": "20"}}'""";
        WriteTool("kubectl", old);
        var given = WritePrograms("given", "etcd", "kube-apiserver");
        WritePrograms("cache/kubernetes-clients", "kubectl");
        _environment["KUBEBUILDER_ASSETS"] = given;

        var folder = (await SucceedAsync()).Output.Trim();

        (await Command.RunAsync(Path.Combine(folder, "kubectl"), [])).Output.Should().Be("kubectl\n", "the one in the cache is recent");
    }

    [Fact]
    public async Task An_archive_with_the_right_checksum_becomes_the_cache()
    {
        await WriteArchiveAsync(damaged: false);

        (await SucceedAsync()).Output.Should().Be(Ready + "\n");

        foreach (var program in (string[])["etcd", "kube-apiserver", "kubectl"])
            (await Command.RunAsync(Path.Combine(Ready, program), [])).Output.Should().Be(program + "\n");
        Directory.GetDirectories(Cache).Should().Equal(Ready);
    }

    [Fact]
    public async Task An_archive_with_a_wrong_checksum_is_refused_and_not_kept()
    {
        await WriteArchiveAsync(damaged: true);

        var result = await RunAsync();

        result.ExitCode.Should().Be(1);
        result.Errors.Should().Contain("sha512").And.Contain("was expected");
        Directory.Exists(Ready).Should().BeFalse();
        Directory.EnumerateFiles(Cache, "*.tar.gz", SearchOption.AllDirectories).Should().BeEmpty();
    }

    [Fact]
    public async Task An_interrupted_build_leaves_no_cache_and_resumes_without_a_second_download()
    {
        WriteDebian(build: "echo $$ >\"$HOME/building\"; exec sleep 600");
        var building = Path.Combine(Cache, "kubernetes.work", "building");
        await using var first = ChildProcess.Start(new ChildProcessOptions(Script, []) { LogFile = Path.Combine(_folder, "log"), Environment = _environment });
        var build = await Eventually.SeesAsync(() => File.ReadAllText(building).Trim(), id => id.Length > 0);

        // Not SIGINT, which the script handles as well: children of a background job ignore it.
        await first.SignalAsync("TERM");

        (await first.WaitForExitAsync()).Should().Be(130);
        await Eventually.IsTrueAsync(() => !IsRunning(build));
        Directory.Exists(Ready).Should().BeFalse();
        (await File.ReadAllTextAsync(first.LogFile)).Should().Contain("to continue where it stopped");

        File.Delete(Path.Combine(_folder, "apt-get.log"));
        WriteDebian(build: Builds, unpacked: Path.Combine(Cache, "kubernetes.work", "tree", "unpacked"));
        (await SucceedAsync()).Output.Should().Be(Ready + "\n");
        (await File.ReadAllTextAsync(Path.Combine(_folder, "apt-get.log"))).Should().NotContain("download").And.NotContain("source");
        Directory.GetDirectories(Cache).Should().Equal(Ready);
    }

    [Fact]
    public async Task Two_runs_at_once_build_once()
    {
        WriteDebian(Builds);

        var results = await Task.WhenAll(RunAsync(), RunAsync());

        foreach (var result in results)
        {
            result.ExitCode.Should().Be(0, result.Errors);
            result.Output.Should().Be(Ready + "\n");
        }

        (await File.ReadAllLinesAsync(Path.Combine(_folder, "builds"))).Should().HaveCount(1);
    }

    [Fact]
    public async Task A_failed_build_shows_the_end_of_its_output()
    {
        WriteDebian(build: "echo undefined: something; exit 2");

        var result = await RunAsync();

        result.ExitCode.Should().Be(1);
        result.Output.Should().BeEmpty();
        result.Errors.Should().Contain("undefined: something").And.Contain("build.log");
        Directory.Exists(Ready).Should().BeFalse();
    }

    [Fact]
    public async Task On_a_Debian_release_whose_source_package_is_too_new_the_message_names_the_alternatives()
    {
        WriteDebian(Builds, version: "1.33.4+ds-1");

        var result = await RunAsync();

        result.ExitCode.Should().Be(1);
        result.Errors.Should().Contain("1.33.4+ds-1").And.Contain("ENVTEST_URL").And.Contain("KUBEBUILDER_ASSETS");
    }

    // The output of the build, in its usual place.
    private string Builds =>
        $"""
        test -e "$HOME/tree/source/vendor/{Reflect2}/of-debian" || exit 1
        echo once >>'{_folder}/builds'
        bin="$HOME/tree/source/_output/local/bin/linux/any"
        mkdir -p "$bin"
        cp "$0" "$bin/kube-apiserver"
        """;

    private static bool IsRunning(string id) => Directory.Exists($"/proc/{id}");

    private Task<CommandResult> RunAsync() => Command.RunAsync(Script, [], environment: _environment);

    private async Task<CommandResult> SucceedAsync()
    {
        var result = await RunAsync();
        result.ExitCode.Should().Be(0, result.Errors);
        return result;
    }

    private void WriteDebian(string build, string version = "1.20.5+really1.20.2-1.1", string? unpacked = null)
    {
        var make = WriteTool("make.stand-in", build);
        WriteTool("make", "exit 1");
        WriteTool("apt-cache", $"echo 'Version: {version}'");
        // Downloads are empty files. The source is a real, almost empty archive.
        WriteTool(
            "apt-get",
            $"""
            echo "$*" >>'{_folder}/apt-get.log'
            case "$*" in
              *download\ *) for last; do :; done; touch "$last"_1.deb ;;
              *source*) mkdir -p 'kubernetes-1/vendor/{Reflect2}' && tar czf kubernetes_1.orig.tar.gz kubernetes-1 ;;
            esac
            """);
        // The build puts Go's folder first on PATH, so the stub for make must be there.
        WriteTool(
            "dpkg",
            $"""
            mkdir -p "$3/usr/lib/go-1.19/bin" "$3/usr/bin" "$3/usr/share/gocode/src/{Reflect2}"
            touch "$3/usr/share/gocode/src/{Reflect2}/of-debian"
            cp '{make}' "$3/usr/lib/go-1.19/bin/make"
            cp '{make}' "$3/usr/bin/etcd"
            """);
        if (unpacked is not null)
            WriteExecutable(Path.Combine(unpacked, "usr", "lib", "go-1.19", "bin", "make"), build);
    }

    private async Task WriteArchiveAsync(bool damaged)
    {
        WritePrograms("archive/controller-tools/envtest", "etcd", "kube-apiserver", "kubectl");
        var archive = Path.Combine(_folder, "envtest.tar.gz");
        (await Command.RunAsync("tar", ["czf", archive, "-C", Path.Combine(_folder, "archive"), "controller-tools"])).ExitCode.Should().Be(0);
        var sum = Convert.ToHexStringLower(SHA512.HashData(await File.ReadAllBytesAsync(archive)));
        await File.WriteAllTextAsync(archive + ".sha512", $"{sum}  envtest.tar.gz\n");
        if (damaged)
            await File.AppendAllTextAsync(archive, "and something else");
        _environment["ENVTEST_URL"] = "file://" + archive;
    }

    private string WritePrograms(string folder, params string[] names)
    {
        var path = Path.Combine(_folder, folder);
        Directory.CreateDirectory(path);
        foreach (var name in names)
            WriteExecutable(Path.Combine(path, name), $"echo {name}");
        return path;
    }

    private string WriteTool(string name, string script) => WriteExecutable(Path.Combine(Tools, name), script);

    private static string WriteExecutable(string path, string script)
    {
        ExecutableFile.Write(path, "#!/bin/sh\n" + script + "\n");
        return path;
    }
}
