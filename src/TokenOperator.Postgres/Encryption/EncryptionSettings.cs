using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using TokenOperator.Core.Settings;

namespace TokenOperator.Postgres.Encryption;

/// <summary>How stored tokens are encrypted: with the keyring at <c>Encryption__KeyringPath</c>, or not at all if <c>Encryption=None</c> says so explicitly.</summary>
/// <param name="KeyringPath">A folder with keys, or null.</param>
/// <param name="IsNone">True: tokens are written in plain text. With a keyring, encrypted rows can still be read.</param>
/// <param name="PlainRows">Whether rows in plain text are used when tokens are encrypted.</param>
public sealed record EncryptionSettings(string? KeyringPath, bool IsNone, PlainRows PlainRows = PlainRows.ByDatabase)
{
    private static readonly Setting<string?> KeyringPathSetting = Setting.Text(
        "Encryption__KeyringPath",
        "Folder with the keys that encrypt tokens, one key per file. The last file in alphabetical order is the current key: [encryption.md](encryption.md).",
        expected: "a folder");

    private static readonly Setting<string?> ModeSetting = Setting.Text(
        "Encryption",
        "`Required` refuses rows in plain text, `Optional` uses them and encrypts them at their next write. Without a value, the operator refuses them unless an application or an earlier version created the table: [encryption.md](encryption.md#rows-in-plain-text). `None` stores tokens in plain text. With neither `None` nor a key, the operator does not start.",
        expected: "None, Optional, Required, or no value and a folder with keys in Encryption__KeyringPath",
        isValid: text => text.ToLowerInvariant() is "none" or "optional" or "required",
        isSecret: true);

    /// <summary>All settings of this class, in the order of docs/configuration.md.</summary>
    public static IReadOnlyList<SettingInfo> All { get; } = [KeyringPathSetting, ModeSetting];

    /// <summary>Reads them.</summary>
    /// <exception cref="InvalidSettingException">Neither is set, or <c>Encryption</c> is something else.</exception>
    public static EncryptionSettings Read(IConfiguration configuration) => SettingsReader.Read(configuration, Read);

    /// <summary>The same; records what is wrong in <paramref name="reader"/>.</summary>
    public static EncryptionSettings Read(SettingsReader reader)
    {
        var mode = reader.Get(ModeSetting)?.ToLowerInvariant();
        var settings = new EncryptionSettings(
            reader.Get(KeyringPathSetting), IsNone: mode == "none", mode switch { "required" => PlainRows.Refused, "optional" => PlainRows.Accepted, _ => PlainRows.ByDatabase });
        if (settings is { KeyringPath: null, IsNone: false } && (mode is not null || reader.IsAbsent(ModeSetting)))
        {
            reader.Reject(
                "There is no key to encrypt refresh tokens with: Encryption__KeyringPath is not set. Create a key (token-operator keys new --folder DIR) "
                + "and set Encryption__KeyringPath=DIR. To store refresh tokens in plain text, set Encryption=None.");
        }

        return settings;
    }

    /// <summary>Reads the keys.</summary>
    /// <exception cref="InvalidSettingException">They cannot be used.</exception>
    internal TokenCipher CreateCipher(TimeProvider time, ILogger<TokenCipher> logger)
    {
        if (IsNone)
            TokenCipher.LogPlainText(logger);
        return new TokenCipher(KeyringPath is null ? null : new Keyring(KeyringPath, time, logger), IsNone, PlainRows);
    }
}

/// <summary>Whether the operator uses rows in plain text while it encrypts tokens.</summary>
public enum PlainRows
{
    /// <summary>Only where rows in plain text are expected: when an application, or a version that did not record it, created the table.</summary>
    ByDatabase,

    /// <summary>Always. They are encrypted at their next write.</summary>
    Accepted,

    /// <summary>Never. The same applies to rows whose encryption does not contain the generation of the row.</summary>
    Refused,
}
