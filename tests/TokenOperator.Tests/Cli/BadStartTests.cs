using System.Net;
using System.Net.Sockets;
using TokenOperator.TestBed;

namespace TokenOperator.Tests.Cli;

/// <summary>The operator as a process of its own that cannot start: a sentence, an exit code, and no stack.</summary>
public sealed class BadStartTests
{
    [Theory]
    [InlineData("Http__Port")]
    [InlineData("SelfService__Port")]
    public async Task A_port_that_is_taken_stops_the_start_with_one_sentence_that_names_its_setting(string setting)
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;

        var result = await RunAsync(("Http__Port", "0"), ("SelfService__PublicUrl", "http://localhost:8081"), (setting, $"{port}"));

        result.ExitCode.Should().Be(2);
        result.Output.Should().BeEmpty();
        result.Errors.Trim().Should().Be(
            $"token-operator: The setting {setting} is {port}, and that port of Http__Address \"127.0.0.1\" cannot be had: Address already in use. Choose another, or stop the program that has it.");
    }

    [Theory]
    [InlineData("a: [b", "* see line 2")]
    [InlineData("{}", "*")]
    [InlineData(null, "there is no such file")]
    public async Task A_kubeconfig_that_cannot_be_used_is_named(string? content, string trouble)
    {
        var folder = Directory.CreateTempSubdirectory();
        var file = Path.Combine(folder.FullName, "kubeconfig");
        if (content is not null)
            await File.WriteAllTextAsync(file, content);

        var result = await RunAsync(("Http__Port", "0"), ("KUBECONFIG", file));
        folder.Delete(recursive: true);

        result.ExitCode.Should().Be(2);
        result.Errors.Trim().Should().Match($"token-operator: The kubeconfig {file} cannot be used: {trouble}. Fix it, or set KUBECONFIG to another one.").And.NotContain("\n");
    }

    private static Task<CommandResult> RunAsync(params (string Name, string Value)[] settings)
    {
        var environment = new Dictionary<string, string?> { ["DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/nothing", ["Http__Address"] = "127.0.0.1" };
        foreach (var (name, value) in settings)
            environment[name] = value;
        return Command.RunAsync("dotnet", [Path.Combine(AppContext.BaseDirectory, "token-operator.dll"), "run"], environment: environment);
    }
}
