using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using TokenOperator.Core.Settings;

namespace TokenOperator.Hosting;

/// <summary>How the operator logs: JSON for programs, one readable line at a terminal.</summary>
public static partial class Logs
{
    private static readonly Setting<string?> Format = Setting.Text(
        "Logging__Format", "`json`, `text`, or `auto`: text in a terminal, JSON elsewhere.", "auto", "auto, json or text", text => text is "auto" or "json" or "text");

    private static readonly Setting<LogLevel> Level = Setting.Choice(
        LevelPrefix + SettingInfo.Placeholder, "The least severe level to log of a category, such as `Default` or `TokenOperator`.", LogLevel.Information);

    /// <summary>All settings of this class, in the order of docs/configuration.md.</summary>
    public static IReadOnlyList<SettingInfo> All { get; } = [Format, Level];

    private const string LevelPrefix = "Logging__LogLevel__";

    /// <summary>Configures logging from the settings. ASP.NET applies the levels, and this method checks them.</summary>
    public static void Configure(ILoggingBuilder logging, SettingsReader reader)
    {
        var json = reader.Get(Format) is var format && format == "json" || (format == "auto" && Console.IsOutputRedirected);
        foreach (var category in reader.NamesUnder(LevelPrefix))
            reader.Get(Level, category);

        logging.ClearProviders();
        // Framework messages below this level say nothing about tokens.
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

    [LoggerMessage(301, LogLevel.Warning, "Postgres cannot be used yet. The operator starts anyway and retries automatically: {Error}")]
    internal static partial void StoreAway(ILogger logger, string error);
}
