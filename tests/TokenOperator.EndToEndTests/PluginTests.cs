using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests;

/// <summary>kubectl oauthtoken on the command line, with the rights of the user.</summary>
[Collection(PersonGroup.Name)]
public sealed class PluginTests(ClusterFixture cluster)
{
    [Fact]
    public async Task Status_shows_healthy_and_broken_tokens_with_the_cause_and_the_next_step()
    {
        await using var fixture = await OperatorFixture.StartAsync(cluster);
        var person = await PluginFixture.CreateAsync(cluster, fixture);
        await fixture.AddAccountAsync("good");
        await fixture.ReadyAsync("good");
        var good = await person.RunAsync("status");
        good.ExitCode.Should().Be(0, good.Errors);
        good.Output.Should().Contain("good").And.Contain("Refreshed").And.NotContain("\e[", "a pipe gets no colors");

        await fixture.ApplyAsync("bad");
        await fixture.SeesAsync("bad", "Stalled", "True", "SeedMissing");
        var both = await person.RunAsync("status");
        both.ExitCode.Should().Be(1);
        both.Output.Should().Contain("bad: SeedMissing").And.Contain($"Next: kubectl oauthtoken authorize bad -n {fixture.Namespace}, or with a token file: kubectl oauthtoken seed bad -n {fixture.Namespace} --from-file token.json");
        (await person.RunAsync("status", "good")).ExitCode.Should().Be(0);
        (await person.StatusAsync()).Select(item => item.GetProperty("ready").GetBoolean()).Should().Equal(false, true);
        (await person.StatusAsync("bad")).Should().ContainSingle().Which.GetProperty("needsHuman").GetBoolean().Should().BeTrue();
    }

    [Fact]
    public async Task Watching_status_shows_a_change_at_once()
    {
        await using var fixture = await OperatorFixture.StartAsync(cluster);
        var person = await PluginFixture.CreateAsync(cluster, fixture);
        await fixture.ApplyAsync("late");
        await using var watch = person.Start(person.File("watch.log"), "status", "late", "--watch", "-o", "json");
        await Eventually.SeesAsync(() => File.ReadAllText(watch.LogFile), text => text.Contains("SeedMissing", StringComparison.Ordinal));
        await fixture.WriteSeedAsync("late", fixture.Tokens.AddAccount("late").RefreshToken);
        await Eventually.SeesAsync(() => File.ReadAllText(watch.LogFile), text => text.Contains("\"health\":\"Ok\"", StringComparison.Ordinal));
        // Not INT, as Ctrl-C sends it: children of a background shell job ignore INT.
        (await watch.StopAsync()).Should().BeOneOf(130, 143);
    }

    [Fact]
    public async Task Watching_status_shows_an_expiry_and_prints_the_header_once()
    {
        await using var fixture = await OperatorFixture.StartAsync(cluster, new TokenServerBehaviour { TokenLifetime = TimeSpan.FromSeconds(20) });
        var person = await PluginFixture.CreateAsync(cluster, fixture);
        await fixture.AddAccountAsync("abandoned");
        await fixture.ReadyAsync("abandoned");
        await fixture.Operator.StopAsync();
        await using var watch = person.Start(person.File("abandoned.log"), "status", "--watch");
        var shown = await Eventually.SeesAsync(() => File.ReadAllText(watch.LogFile), text => text.Contains("abandoned: TokenExpired", StringComparison.Ordinal), TimeSpan.FromSeconds(90));
        shown.Split("NEXT REFRESH").Should().HaveCount(2);
    }

    [Fact]
    public async Task A_closed_output_ends_the_verb()
    {
        var result = await Command.RunAsync("/bin/bash", ["-c", "\"$@\" --help | true; echo ${PIPESTATUS[0]}", "bash", PluginProgram.Starter, PluginProgram.Path]);
        result.Output.Trim().Should().Be("141", "like a program that SIGPIPE ended: {0}", result.Errors);
        result.Errors.Should().BeEmpty();
    }

    [Fact]
    public async Task An_error_is_one_sentence_that_says_what_to_do()
    {
        var fixture = await cluster.SharedFixtureAsync();
        var person = await PluginFixture.CreateAsync(cluster, fixture);
        await fixture.AddAccountAsync("plugin-typed");

        await FailsAsync(person.RunAsync("status", "plugin-tpyed"), 4, "Did you mean plugin-typed?");
        await FailsAsync(person.RunAsync("status", "-A"), 5, "You cannot do this: list oauthtokens");
        await FailsAsync(person.RunAsync("status", "--context", "elsewhere"), 2, "has no context elsewhere. It has: test-bed");
        await FailsAsync(PluginFixture.RunAsAsync("/does/not/exist", "status"), 2, "The kubeconfig /does/not/exist does not exist");
        await FailsAsync(person.RunAsync("staus"), 2, "Did you mean status?");
        await FailsAsync(person.RunAsync("doctor", "--postgres"), 2, "token-operator migrate status");
        await FailsAsync(PluginFixture.RunAsAsync(cluster.Plane.AdminKubeconfig, "status", "-n", "no-such-namespace"), 4, "The namespace no-such-namespace does not exist.");
        await FailsAsync(person.RunAsync("status", "--output", "xml"), 2, "xml");
        var stranger = await cluster.Plane.WriteKubeconfigAsync($"{fixture.Namespace}.stranger", "no-such-token");
        await FailsAsync(PluginFixture.RunAsAsync(stranger, "status"), 5, "Sign in to the cluster again");
        var away = await cluster.Plane.WriteKubeconfigAsync($"{fixture.Namespace}.away", "token", new Uri("https://127.0.0.1:1"));
        await FailsAsync(PluginFixture.RunAsAsync(away, "status"), 3, "cannot be reached");
    }

    private static async Task FailsAsync(Task<CommandResult> run, int exitCode, string sentence)
    {
        var result = await run;
        result.ExitCode.Should().Be(exitCode, result.Output + result.Errors);
        result.Errors.Should().StartWith("kubectl oauthtoken: ").And.Contain(sentence).And.NotContain("   at ");
    }
}
