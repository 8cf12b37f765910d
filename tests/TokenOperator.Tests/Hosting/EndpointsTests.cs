using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TokenOperator.Hosting;
using TokenOperator.Tests.Postgres;

namespace TokenOperator.Tests.Hosting;

public sealed class EndpointsTests
{
    [Theory]
    [InlineData("HTTP_PORTS", "8080")]
    [InlineData("HTTPS_PORTS", "8443")]
    [InlineData("URLS", "http://*:8080")]
    public async Task The_addresses_that_the_image_of_ASP_NET_sets_cause_no_warning(string key, string value)
    {
        var log = new ListLogger();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration.AddInMemoryCollection([new(key, value)]);
        builder.Logging.ClearProviders().Services.AddSingleton<ILoggerProvider>(new OneLogger(log));
        Endpoints.Listen(builder, new OperatorSettings { HttpAddress = "127.0.0.1", HttpPort = 0 });
        await using var app = builder.Build();

        await app.StartAsync();

        log.Lines.Should().NotBeEmpty().And.NotContain(line => line.Contains("Overriding", StringComparison.Ordinal));
    }

    private sealed class OneLogger(ListLogger log) : ILoggerProvider
    {
        public ILogger CreateLogger(string categoryName) => log;

        public void Dispose()
        {
        }
    }
}
