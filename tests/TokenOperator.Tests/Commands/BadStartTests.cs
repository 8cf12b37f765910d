using System.Net;
using System.Net.Sockets;
using TokenOperator.TestBed;

namespace TokenOperator.Tests.Commands;

public sealed class TakenPortTests
{
    [Theory]
    [InlineData("Http__Port")]
    [InlineData("SelfService__Port")]
    public async Task A_port_that_is_taken_stops_the_start_with_one_sentence_that_names_its_setting(string setting)
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;
        var environment = new Dictionary<string, string?>
        {
            ["DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/nothing",
            ["Http__Address"] = "127.0.0.1",
            ["Http__Port"] = "0",
            ["SelfService__PublicUrl"] = "http://localhost:8081",
            [setting] = $"{port}",
        };

        var result = await Command.RunAsync("dotnet", [Path.Combine(AppContext.BaseDirectory, "token-operator.dll"), "run"], environment: environment);

        result.ExitCode.Should().Be(2);
        result.Output.Should().BeEmpty();
        result.Errors.Trim().Should().Be(
            $"token-operator: The setting {setting} is {port}, and that port of Http__Address \"127.0.0.1\" cannot be had: Address already in use. Choose another, or stop the program that has it.");
    }
}
