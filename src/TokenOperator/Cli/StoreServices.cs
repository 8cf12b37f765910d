using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TokenOperator.Core.Settings;
using TokenOperator.Postgres.Hosting;

namespace TokenOperator.Cli;

/// <summary>The services of the verbs that need Postgres alone. Warnings go to standard error, so that standard output can be read by programs.</summary>
public static class StoreServices
{
    /// <summary>Builds the services from the environment.</summary>
    /// <exception cref="InvalidSettingException">A setting is not valid. All errors are reported together.</exception>
    public static ServiceProvider Create()
    {
        var reader = new SettingsReader(new ConfigurationBuilder().AddEnvironmentVariables().Build());
        var services = new ServiceCollection()
            .AddLogging(logging => logging
                .SetMinimumLevel(LogLevel.Warning)
                .AddSimpleConsole()
                .AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace))
            .AddPostgresStorage(reader);
        reader.ThrowIfInvalid();
        return services.BuildServiceProvider();
    }
}
