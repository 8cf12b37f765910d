using Microsoft.Extensions.Logging;

namespace TokenOperator.Postgres.Encryption;

/// <summary>What this room logs; event ids 4100 to 4199.</summary>
internal static partial class Log
{
    [LoggerMessage(6100, LogLevel.Information, "The keyring {Folder} holds the keys {Keys}; rows are encrypted under {Current}")]
    public static partial void KeyringRead(this ILogger logger, string folder, string keys, string current);

    [LoggerMessage(6101, LogLevel.Warning, "The keys {Keys} go on being used: {Problem}")]
    public static partial void KeyringKept(this ILogger logger, string keys, string problem);

    [LoggerMessage(6102, LogLevel.Warning, "Encryption=None: refresh tokens are stored in plain text. Set Encryption__KeyringPath instead to encrypt them")]
    public static partial void StoredInPlainText(this ILogger logger);
}
