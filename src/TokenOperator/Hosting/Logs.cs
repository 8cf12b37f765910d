using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using TokenOperator.Core.Settings;

namespace TokenOperator.Hosting;

/// <summary>How the operator logs: JSON for machines, one readable line for a person at a terminal.</summary>
public static partial class Logs
{
    /// <summary>Reads <c>Logging__Format</c> (<c>auto</c>, <c>json</c>, <c>text</c>) and the usual <c>Logging__LogLevel__*</c>.</summary>
    public static void Configure(ILoggingBuilder logging, IConfiguration configuration)
    {
        var format = configuration["Logging:Format"] ?? "auto";
        var json = format switch
        {
            "json" => true,
            "text" => false,
            "auto" => Console.IsOutputRedirected,
            _ => throw new InvalidSettingException($"The setting Logging__Format is \"{format}\"; expected auto, json or text."),
        };
        foreach (var level in configuration.GetSection("Logging:LogLevel").GetChildren())
        {
            if (!Enum.TryParse<LogLevel>(level.Value, ignoreCase: true, out _))
                throw new InvalidSettingException($"The setting Logging__LogLevel__{level.Key} is \"{level.Value}\"; expected one of {string.Join(", ", Enum.GetNames<LogLevel>())}.");
        }

        logging.ClearProviders();
        // The framework's own chatter says nothing about tokens.
        logging.AddFilter("Microsoft", LogLevel.Warning);
        if (json)
            logging.AddJsonConsole(console =>
            {
                console.UseUtcTimestamp = true;
                console.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";
                console.IncludeScopes = true;
            });
        else
            logging.AddSimpleConsole(console =>
            {
                console.SingleLine = true;
                console.IncludeScopes = true;
                console.TimestampFormat = "HH:mm:ss ";
                console.ColorBehavior = Console.IsOutputRedirected ? LoggerColorBehavior.Disabled : LoggerColorBehavior.Default;
            });
    }

    [LoggerMessage(301, LogLevel.Warning, "Postgres cannot be used yet; the operator starts all the same and tries again: {Error}")]
    internal static partial void StoreAway(ILogger log, string error);
}
