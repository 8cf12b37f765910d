using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using TokenOperator.Core.Settings;

namespace TokenOperator.Postgres.Encryption;

/// <summary>The settings <c>Encryption__KeyringPath</c> and <c>Encryption</c>, at least one of which must be set.</summary>
/// <param name="KeyringPath">The folder with the keys, or null.</param>
/// <param name="IsNone">True for <c>Encryption=None</c>: rows are written in plain text. With a keyring, encrypted rows can still be read.</param>
internal sealed record EncryptionSettings(string? KeyringPath, bool IsNone)
{
    /// <summary>Reads the settings.</summary>
    /// <exception cref="InvalidSettingException">Neither is set, or <c>Encryption</c> has another value.</exception>
    public static EncryptionSettings Read(IConfiguration configuration)
    {
        var path = configuration["Encryption:KeyringPath"] is { } text && !string.IsNullOrWhiteSpace(text) ? text.Trim() : null;
        var mode = configuration["Encryption"];
        if (!string.IsNullOrWhiteSpace(mode) && !mode.Trim().Equals("None", StringComparison.OrdinalIgnoreCase))
            throw new InvalidSettingException("The setting Encryption has an invalid value; expected None, or no value and a folder with keys in Encryption__KeyringPath.");
        var isNone = !string.IsNullOrWhiteSpace(mode);
        return path is not null || isNone
            ? new EncryptionSettings(path, isNone)
            : throw new InvalidSettingException(
                "There is no key to encrypt refresh tokens with: Encryption__KeyringPath is not set. Create a key (token-operator keys new --folder DIR) "
                + "and set Encryption__KeyringPath=DIR; to store refresh tokens in plain text, set Encryption=None.");
    }

    /// <summary>Reads the keys.</summary>
    /// <exception cref="InvalidSettingException">The keyring cannot be used.</exception>
    public TokenCipher CreateCipher(TimeProvider time, ILogger<TokenCipher> logger)
    {
        if (IsNone)
            TokenCipher.LogPlainText(logger);
        return new TokenCipher(KeyringPath is null ? null : new Keyring(KeyringPath, time, logger), IsNone);
    }
}
