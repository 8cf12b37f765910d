using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TokenOperator.Core.Settings;
using TokenOperator.Postgres.Encryption;
using TokenOperator.Postgres.Hosting;

namespace TokenOperator.Cli;

/// <summary>The services of the verbs that need Postgres alone. Warnings go to standard error, so that standard output can be read by programs.</summary>
public static class StoreServices
{
    /// <summary>Builds the services from the environment.</summary>
    /// <param name="readsKeys">False for a verb that reads and writes no tokens, which needs no settings of the encryption.</param>
    /// <exception cref="InvalidSettingException">A setting is not valid. All errors are reported together.</exception>
    public static ServiceProvider Create(bool readsKeys = true)
    {
        var reader = new SettingsReader(new ConfigurationBuilder().AddEnvironmentVariables().Build());
        var services = new ServiceCollection()
            .AddLogging(logging => logging
                .SetMinimumLevel(LogLevel.Warning)
                .AddSimpleConsole()
                .AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace))
            .AddPostgresStorage(reader);
        // The store reads these settings when it is created. An error in them is reported with the others.
        if (readsKeys)
            EncryptionSettings.Read(reader);
        reader.ThrowIfInvalid();
        return services.BuildServiceProvider();
    }
}
