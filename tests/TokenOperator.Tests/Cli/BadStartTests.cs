using System.Net;
using System.Net.Sockets;
using TokenOperator.TestBed;

namespace TokenOperator.Tests.Cli;

/// <summary>The operator as a separate process that cannot start: it prints sentences, exits with a code, and prints no stack trace.</summary>
public sealed class BadStartTests
{
    [Theory]
    [InlineData("Http__Port")]
    [InlineData("SelfService__Port")]
    public async Task A_port_in_use_is_reported_in_one_sentence_that_names_its_setting(string setting)
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;

        var result = await RunAsync(("Http__Port", "0"), ("SelfService__PublicUrl", "http://localhost:8081"), (setting, $"{port}"));

        result.ExitCode.Should().Be(2);
        result.Output.Should().BeEmpty();
        result.Errors.Trim().Should().Be(
            $"token-operator: The setting {setting} is {port}, and this port of Http__Address \"127.0.0.1\" is not available: Address already in use. Choose another port, or stop the program that uses it.");
    }

    [Fact]
    public async Task All_invalid_settings_are_reported_together_one_to_a_line()
    {
        var result = await RunAsync(
            ("Concurrency", "many"), ("Logging__Format", "xml"), ("Providers__acme__TokenEndpoint", "http://marked-secret@acme.example"),
            ("SelfService__LinkLifetime", "1s"), ("DATABASE_URL", "postgresql://u:marked-secret@"), ("Encryption", "marked-secret"));

        result.ExitCode.Should().Be(2);
        result.Output.Should().BeEmpty();
        result.Errors.Should().NotContain("marked-secret");
        result.Errors.Trim().Split('\n').Should().SatisfyRespectively(
            line => line.Should().Be("token-operator: The setting Concurrency is \"many\"; expected a whole number from 1 to 256."),
            line => line.Should().Be("token-operator: The setting SelfService__LinkLifetime is \"1s\"; expected a duration from 2s to 168h."),
            line => line.Should().Be("token-operator: The setting Logging__Format is \"xml\"; expected auto, json or text."),
            line => line.Should().StartWith("token-operator: DATABASE_URL: "),
            line => line.Should().Be("token-operator: The setting Providers__acme__TokenEndpoint has a user name, a password or a fragment (#); expected an address without them."),
            line => line.Should().Be("token-operator: The setting Encryption cannot be used; expected None, Optional, Required, or no value and a folder with keys in Encryption__KeyringPath."));
    }

    [Theory]
    [InlineData("seed", "-", "--account", "marcus")]
    [InlineData("accounts", "list")]
    [InlineData("keys", "status")]
    public async Task A_verb_reports_errors_of_the_database_and_of_the_encryption_together(params string[] verb)
    {
        var result = await Command.RunAsync(
            OperatorProgram.Starter,
            [OperatorProgram.Path, .. verb],
            """{"refresh_token": "r"}""",
            new Dictionary<string, string?> { ["DATABASE_URL"] = "postgresql://u:marked-secret@", ["Encryption"] = "marked-secret" });

        result.ExitCode.Should().Be(2);
        result.Output.Should().BeEmpty();
        result.Errors.Should().NotContain("marked-secret");
        result.Errors.Trim().Split('\n').Should().SatisfyRespectively(
            line => line.Should().StartWith("token-operator: DATABASE_URL: "),
            line => line.Should().StartWith("token-operator: The setting Encryption cannot be used; "));
    }

    [Fact]
    public async Task Migrate_needs_no_key_and_does_not_ask_for_one()
    {
        var result = await Command.RunAsync(
            OperatorProgram.Starter, [OperatorProgram.Path, "migrate", "status"], environment: new Dictionary<string, string?> { ["DATABASE_URL"] = "postgresql://u@" });

        result.ExitCode.Should().Be(2);
        result.Errors.Trim().Should().StartWith("token-operator: DATABASE_URL: ").And.NotContain("\n");
    }

    [Theory]
    [InlineData("a: [b", "* see line 2")]
    [InlineData("{}", "*")]
    [InlineData(null, "there is no such file")]
    public async Task An_invalid_kubeconfig_is_reported_with_its_path(string? content, string trouble)
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
        var environment = new Dictionary<string, string?> { ["DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/nothing", ["Http__Address"] = "127.0.0.1", ["Encryption"] = "None" };
        foreach (var (name, value) in settings)
            environment[name] = value;
        return Command.RunAsync("dotnet", [Path.Combine(AppContext.BaseDirectory, "token-operator.dll"), "run"], environment: environment);
    }
}
