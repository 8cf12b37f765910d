using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>The archive of the plugin for this platform, installed as docs/kubectl-plugin.md says.</summary>
[Collection(PersonGroup.Name)]
public sealed class PluginArchiveInstallTests(ClusterFixture cluster)
{
    [Fact]
    public async Task An_archive_has_a_plugin_that_kubectl_finds_and_completes_with_manual_pages()
    {
        await using var fixture = await OperatorFixture.CreateAsync(cluster);
        var person = await PluginFixture.CreateAsync(cluster, fixture);
        await fixture.ApplyAsync("marcus-gmail");
        var folder = Directory.CreateTempSubdirectory("archive").FullName;
        var script = Repository.File("hack/plugin-archive.sh");
        var made = await Command.RunAsync("bash", [script, "linux-amd64", Path.GetDirectoryName(PluginProgram.Path)!], environment: new Dictionary<string, string?> { ["OUTPUT"] = folder });
        made.ExitCode.Should().Be(0, made.Errors);
        var archive = made.Output.Trim();

        // A program that is not native needs its libraries beside it.
        var result = await ShellAsync(
            $"""
            set -e
            cd {folder}
            sha256sum --check {archive}.sha256
            mkdir oauthtoken && tar -xzf {archive} -C oauthtoken
            mkdir bin && cp -R oauthtoken/* bin/
            export PATH="$PWD/bin:$PATH"
            kubectl oauthtoken version
            kubectl oauthtoken status -n {fixture.Namespace} -o name
            """);
        result.ExitCode.Should().Be(1, "the token is not Ready: {0}", result.Errors);
        result.Output.Should().Contain(": OK\nkubectl oauthtoken 0.").And.EndWith("oauthtoken.tokenoperator.dev/marcus-gmail\n");

        (await ShellAsync($"export PATH={folder}/bin:$PATH; kubectl_complete-oauthtoken status -n {fixture.Namespace} mar")).Output.Should().Be("marcus-gmail\n:4\n");
        (await ShellAsync($"source {folder}/bin/completions/kubectl-oauthtoken.bash; complete -p kubectl-oauthtoken")).Output.Should().Contain("_kubectl_oauthtoken");
        if ((await ShellAsync("command -v man")).ExitCode == 0)
            (await ShellAsync($"MANPAGER=cat man -M {folder}/bin/man kubectl oauthtoken status")).Output.Should().Contain("NAME");
        Directory.Delete(folder, recursive: true);

        async Task<CommandResult> ShellAsync(string line) => await Command.RunAsync("bash", ["-c", line], environment: new Dictionary<string, string?>
        {
            ["KUBECONFIG"] = person.Kubeconfig,
            ["PATH"] = $"{Path.GetDirectoryName((await TestAssets.FindAsync()).Kubectl)}:{Environment.GetEnvironmentVariable("PATH")}",
        });
    }
}
