using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>The plugin as <c>make install-plugin</c> installs it.</summary>
public sealed class InstalledPlugin : IAsyncLifetime
{
    private readonly string _prefix = Path.Combine(Path.GetTempPath(), $"plugin {Guid.NewGuid():N}");

    /// <summary>PATH with the plugin on it.</summary>
    public string SearchPath { get; private set; } = "";

    /// <summary>The output of the script.</summary>
    public CommandResult Installation { get; private set; } = new(-1, "", "");

    public async Task InitializeAsync()
    {
        var script = Repository.File("hack/install-plugin.sh");
        Installation = await Command.RunAsync("bash", [script, Path.GetDirectoryName(PluginProgram.Path)!], environment: new Dictionary<string, string?> { ["PREFIX"] = _prefix });
        var kubectl = (await TestAssets.FindAsync()).Kubectl;
        SearchPath = $"{Path.Combine(_prefix, "bin")}:{Path.GetDirectoryName(kubectl)}:{Environment.GetEnvironmentVariable("PATH")}";
    }

    public Task DisposeAsync()
    {
        Directory.Delete(_prefix, recursive: true);
        return Task.CompletedTask;
    }
}

/// <summary>The installed plugin: called by kubectl, completed by shells, with colors on a terminal.</summary>
[Collection(PersonGroup.Name)]
public sealed class PluginInstallTests(ClusterFixture cluster, InstalledPlugin installed) : IClassFixture<InstalledPlugin>, IAsyncLifetime
{
    private PluginFixture _person = null!;

    public async Task InitializeAsync()
    {
        _person = await PluginFixture.CreateAsync(cluster, await OperatorFixture.CreateAsync(cluster));
        await _person.Fixture.ApplyAsync("marcus-gmail");
    }

    public async Task DisposeAsync() => await _person.Fixture.DisposeAsync();

    [Fact]
    public void The_script_says_that_the_folder_is_not_on_PATH()
    {
        installed.Installation.ExitCode.Should().Be(0, installed.Installation.Errors);
        installed.Installation.Errors.Should().Contain("is not on PATH, so kubectl does not find it yet");
    }

    [Fact]
    public async Task kubectl_finds_it_and_passes_arguments_and_the_exit_code()
    {
        var result = await ShellAsync($"kubectl oauthtoken status -n {_person.Fixture.Namespace}");
        result.ExitCode.Should().Be(1, result.Errors);
        result.Output.Should().Contain("marcus-gmail").And.Contain("Pending");
        (await ShellAsync("kubectl oauthtoken --help")).Output.Should().Contain("kubectl oauthtoken [command]").And.Contain("Examples:");
        (await ShellAsync("kubectl oauthtoken seed --help")).Output.Should().Contain("kubectl oauthtoken seed marcus-gmail -n mail --from-file token.json");
    }

    [Fact]
    public async Task A_terminal_gets_colors_unless_NO_COLOR_is_set()
    {
        var status = $"kubectl-oauthtoken status -n {_person.Fixture.Namespace}";
        (await ShellAsync($"TERM=xterm script -qec '{status}' /dev/null")).Output.Should().Contain("\e[31m");
        (await ShellAsync($"NO_COLOR=1 TERM=xterm script -qec '{status}' /dev/null")).Output.Should().Contain("Pending").And.NotContain("\e[3").And.NotContain("\e[1m");
        (await ShellAsync(status)).Output.Should().Contain("Pending").And.NotContain("\e[");
    }

    [Fact]
    public async Task Verbs_options_and_object_names_are_completed()
    {
        (await ShellAsync("kubectl_complete-oauthtoken su")).Output.Should().Be("suspend\n:4\n");
        (await ShellAsync($"kubectl_complete-oauthtoken status -n {_person.Fixture.Namespace} mar")).Output.Should().Be("marcus-gmail\n:4\n");
        (await ShellAsync($"kubectl_complete-oauthtoken refresh -n {_person.Fixture.Namespace} --wait ''")).Output.Should().Be("marcus-gmail\n:4\n");
        (await ShellAsync("kubectl_complete-oauthtoken status --all")).Output.Should().Be("--all-namespaces\n:4\n");
        (await ShellAsync("kubectl_complete-oauthtoken provider ''")).Output.Should().Be("check\n:4\n");
        (await ShellAsync("kubectl_complete-oauthtoken provider check --yes sales")).Output.Should().Be("salesforce\n:4\n");
        (await ShellAsync("KUBECONFIG=/does/not/exist kubectl_complete-oauthtoken status ''")).Should().Match<CommandResult>(result => result.Output == ":4\n" && result.Errors == "");
    }

    [Theory]
    [InlineData("bash", "COMP_WORDS=(kubectl-oauthtoken sus); COMP_CWORD=1; _kubectl_oauthtoken; echo \"${COMPREPLY[*]}\"")]
    [InlineData("fish", "complete --do-complete 'kubectl-oauthtoken sus'")]
    [InlineData("zsh", "compadd() { shift; print -l -- ${(P)1}; }; words=(kubectl-oauthtoken sus); CURRENT=2; _kubectl_oauthtoken")]
    [InlineData("powershell", "")]
    public async Task Each_shell_has_a_completion_script_that_works_if_the_shell_is_installed(string shell, string asked)
    {
        var script = await ShellAsync($"kubectl-oauthtoken completion {shell}");
        script.ExitCode.Should().Be(0, script.Errors);
        script.Output.Should().Contain("kubectl-oauthtoken __complete");
        if (asked.Length == 0 || (await ShellAsync($"command -v {shell}")).ExitCode != 0)
            return;
        var file = _person.File($"completion.{shell}");
        await File.WriteAllTextAsync(file, $"{(shell == "zsh" ? "compdef() { :; }\n" : "")}{script.Output}\n{asked}\n");
        var result = await ShellAsync($"{shell} {file}");
        result.Output.Trim().Should().Be("suspend", result.Errors);
    }

    private Task<CommandResult> ShellAsync(string line) => Command.RunAsync("bash", ["-c", line], environment: new Dictionary<string, string?>
    {
        ["KUBECONFIG"] = _person.Kubeconfig,
        ["PATH"] = installed.SearchPath,
        ["NO_COLOR"] = null,
    });
}
