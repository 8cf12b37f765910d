using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace TokenOperator.Cli;

/// <summary>The services of the verbs that need Postgres alone. Warnings go to standard error, so that standard output can be read by programs.</summary>
public static class StoreServices
{
    /// <summary>Builds the services from the environment.</summary>
    public static ServiceProvider Create()
    {
        var configuration = new ConfigurationBuilder().AddEnvironmentVariables().Build();
        return new ServiceCollection()
            .AddSingleton(TimeProvider.System)
            .AddLogging(logging => logging
                .SetMinimumLevel(LogLevel.Warning)
                .AddSimpleConsole()
                .AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace))
            .AddPostgresStorage(configuration)
            .BuildServiceProvider();
    }
}
