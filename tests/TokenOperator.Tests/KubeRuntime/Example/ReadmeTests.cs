using System.Text.Json.Nodes;
using Example;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using TokenOperator.Tests.KubeRuntime.Fakes;

namespace TokenOperator.Tests.KubeRuntime.Example;

public sealed class ReadmeTests
{
    [Fact]
    public void The_readme_shows_the_operator_that_the_next_test_runs()
    {
        var code = File.ReadAllText(Repository.File("tests/TokenOperator.Tests/KubeRuntime/Example/GreetingOperator.cs"));

        File.ReadAllText(Repository.File("src/KubeRuntime/README.md")).Should().Contain($"```csharp\n{code}```\n");
    }

    [Fact]
    public async Task The_operator_of_the_readme_reconciles()
    {
        await using var server = await FakeApiServer.StartAsync();
        server.Store.Create("greetings", new JsonObject
        {
            ["apiVersion"] = "example.dev/v1",
            ["kind"] = "Greeting",
            ["metadata"] = new JsonObject { ["name"] = "first", ["namespace"] = "shop" },
            ["spec"] = new JsonObject { ["name"] = "world" },
        });
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddLogging().AddSingleton(server.Configuration());
        using var stop = new CancellationTokenSource();

        var running = GreetingOperator.RunAsync(builder, stop.Token);
        await Eventually.IsTrueAsync(() => (string?)server.Store.Get("greetings", "shop", "first")!["status"]?["text"] == "Hello, world!", "the status is written");
        await stop.CancelAsync();

        (await running.WaitAsync(TimeSpan.FromSeconds(20))).Should().Be(0);
        ((string?)server.Store.Get("leases", "operators", "greeter")!["spec"]!["holderIdentity"]).Should().BeEmpty("the lease is released at the stop");
    }
}
