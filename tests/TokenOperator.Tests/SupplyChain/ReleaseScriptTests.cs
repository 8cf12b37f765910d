using TokenOperator.TestBed;

namespace TokenOperator.Tests.SupplyChain;

/// <summary>What hack/release.sh refuses before it builds anything, in a clone with the files that it reads first.</summary>
public sealed class ReleaseScriptTests : IAsyncLifetime
{
    private readonly string _clone = Directory.CreateTempSubdirectory("release").FullName;

    public async Task InitializeAsync()
    {
        var copied = await Command.RunAsync("bash", ["-euc", "cd \"$1\" && cp -R hack CHANGELOG.md Directory.Build.props \"$2\"", "bash", Repository.Root, _clone]);
        copied.ExitCode.Should().Be(0, copied.Errors);
        await CommitAsync("git init --quiet");
    }

    public Task DisposeAsync()
    {
        Directory.Delete(_clone, recursive: true);
        return Task.CompletedTask;
    }

    [Theory]
    [InlineData("", "no version was given; run: make release VERSION=")]
    [InlineData("v0.9.0", "\"v0.9.0\" is not a semantic version: expected one like 0.2.0 or 0.2.0-rc.1")]
    [InlineData("0.9", "\"0.9\" is not a semantic version")]
    [InlineData("0.09.0", "\"0.09.0\" is not a semantic version")]
    [InlineData("0.9.0-01", "\"0.9.0-01\" is not a semantic version")]
    [InlineData("0.9.0+1", "\"0.9.0+1\" is not a semantic version")]
    [InlineData("0.1.0", "0.1.0 was released from the commit ")]
    public async Task A_version_that_cannot_be_released_is_refused(string version, string message) => await RefusesAsync(message, version);

    [Theory]
    [InlineData("IMAGE_REPOSITORY", "registry.example.com/token-operator:1", "IMAGE_REPOSITORY is \"registry.example.com/token-operator:1\": expected registry/name without a tag")]
    [InlineData("DOWNLOADS", "downloads.example.com", "DOWNLOADS is \"downloads.example.com\": expected an address that starts with https://")]
    [InlineData("IMAGE_REPOSITORY", "", "IMAGE_REPOSITORY or DOWNLOADS is not set, and the chart, install.yaml and the krew manifest contain both")]
    [InlineData("DOWNLOADS", "", "IMAGE_REPOSITORY or DOWNLOADS is not set")]
    [InlineData("DOWNLOADS", "/v0.9.0", "DOWNLOADS is \"/v0.9.0\": expected an address that starts with https://")]
    [InlineData("PLATFORMS", "linux-amd64 plan9-amd64", "PLATFORMS names \"plan9-amd64\": expected some of: linux-amd64 ")]
    public async Task An_address_or_a_platform_that_cannot_be_meant_is_refused(string name, string value, string message) => await RefusesAsync(message, "0.9.0", (name, value));

    [Fact]
    public async Task A_clone_with_changes_is_refused_and_they_are_named()
    {
        await File.WriteAllTextAsync(Path.Combine(_clone, "forgotten.cs"), "");
        await RefusesAsync("the clone has changes that are not in the commit: commit them, or remove them with git stash --include-untracked:\n?? forgotten.cs", "0.9.0");
    }

    [Fact]
    public async Task A_folder_that_is_not_a_clone_is_refused()
    {
        Directory.Delete(Path.Combine(_clone, ".git"), recursive: true);
        await RefusesAsync("is not a clone of the repository: a release names its commit", "0.9.0");
    }

    [Theory]
    [InlineData("## [Unreleased]\n\n## [0.1.0] - 2026-11-27\n\n- Something.\n")]
    [InlineData("## [0.9.1] - 2026-12-01\n\n- Something.\n")]
    [InlineData("## [Unreleased]\n\n[Unreleased]: https://example.com/- \n")]
    public async Task A_changelog_that_says_nothing_about_the_version_is_refused(string changelog)
    {
        await File.WriteAllTextAsync(Path.Combine(_clone, "CHANGELOG.md"), changelog);
        await CommitAsync("");
        await RefusesAsync("CHANGELOG.md says nothing about 0.9.0: add a section \"## [0.9.0] - DATE\"", "0.9.0");
    }

    [Fact]
    public async Task One_variable_gives_programs_image_chart_and_plugin_their_version()
    {
        var environment = new Dictionary<string, string?> { ["RELEASE_VERSION"] = "9.8.7-rc.1" };
        var scripts = await Command.RunAsync("bash", ["-c", $"cd '{Repository.Root}' && . hack/lib.sh && version"], environment: environment);
        scripts.Output.Trim().Should().Be("9.8.7-rc.1", scripts.Errors);
        foreach (var project in (string[])["TokenOperator", "KubectlOAuthToken"])
        {
            var build = await Command.RunAsync("dotnet", ["msbuild", Repository.File($"src/{project}"), "-getProperty:Version"], environment: environment);
            build.Output.Trim().Should().Be("9.8.7-rc.1", build.Errors);
        }
    }

    private async Task RefusesAsync(string message, string version, params (string Name, string Value)[] environment)
    {
        var variables = new Dictionary<string, string?> { ["IMAGE_REPOSITORY"] = "registry.example.com/token-operator", ["DOWNLOADS"] = "https://downloads.example.com/0.9.0", ["PLATFORMS"] = null };
        foreach (var (name, value) in environment)
            variables[name] = value;
        var result = await Command.RunAsync(Path.Combine(_clone, "hack/release.sh"), [version], environment: variables);
        result.ExitCode.Should().Be(1);
        result.Output.Should().BeEmpty();
        result.Errors.Should().StartWith("release: ").And.Contain(message);
        Directory.Exists(Path.Combine(_clone, "artifacts")).Should().BeFalse("nothing was built");
    }

    private async Task CommitAsync(string first)
    {
        const string Commit = "git add --all && git -c user.name=test -c user.email=test@example.com commit --quiet --message test";
        var result = await Command.RunAsync("bash", ["-euc", $"cd \"$1\"; {first}\n{Commit}", "bash", _clone]);
        result.ExitCode.Should().Be(0, result.Errors);
    }
}
