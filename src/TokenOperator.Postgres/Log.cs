using Microsoft.Extensions.Logging;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Postgres;

/// <summary>What this room logs; event ids 4000 to 4099.</summary>
internal static partial class Log
{
    [LoggerMessage(6000, LogLevel.Warning, "Row {Account} of table oauth_tokens is left out: {Problem}")]
    public static partial void RowLeftOut(this ILogger logger, AccountKey account, string problem);

    [LoggerMessage(6001, LogLevel.Warning, "Cannot listen for changes of accounts, next try in {Delay}: {Problem}")]
    public static partial void ListeningFailed(this ILogger logger, TimeSpan delay, string problem);

    [LoggerMessage(6002, LogLevel.Debug, "Listening for changes of accounts in {Database}")]
    public static partial void Listening(this ILogger logger, PostgresSettings database);

    [LoggerMessage(6003, LogLevel.Warning, "{Database} is behind a connection pooler, where nothing can be listened to: what others change is looked for every {Interval}. Name Postgres itself to see it at once")]
    public static partial void CannotListen(this ILogger logger, PostgresSettings database, TimeSpan interval);

    [LoggerMessage(6010, LogLevel.Information, "Migrating {Database} from version {From} to {To}")]
    public static partial void Migrating(this ILogger logger, PostgresSettings database, long from, long to);

    [LoggerMessage(6011, LogLevel.Information, "{Database} is at version {Version}")]
    public static partial void Migrated(this ILogger logger, PostgresSettings database, long version);

    [LoggerMessage(6012, LogLevel.Warning, "Table oauth_tokens is locked by another session, next try to migrate in {Delay}")]
    public static partial void MigrationWaits(this ILogger logger, TimeSpan delay);
}
