using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace TokenOperator.Postgres.Encryption;

/// <summary>How what is stored is encrypted: by the keyring at <c>Encryption__KeyringPath</c>, or, in so many words, <c>Encryption=None</c>.</summary>
/// <param name="KeyringPath">A folder with keys, or null.</param>
/// <param name="IsNone">True: written in plain text. With a keyring all the same, what is encrypted can still be read.</param>
internal sealed record EncryptionSettings(string? KeyringPath, bool IsNone)
{
    /// <summary>Reads them.</summary>
    /// <exception cref="KeyringException">Neither is set, or <c>Encryption</c> is something else.</exception>
    public static EncryptionSettings Read(IConfiguration configuration)
    {
        var path = configuration["Encryption:KeyringPath"] is { } text && !string.IsNullOrWhiteSpace(text) ? text.Trim() : null;
        var mode = configuration["Encryption"];
        if (!string.IsNullOrWhiteSpace(mode) && !mode.Trim().Equals("None", StringComparison.OrdinalIgnoreCase))
            throw new KeyringException("The setting Encryption has a value that it cannot have; expected None, or nothing and a folder with keys in Encryption__KeyringPath.");
        var isNone = !string.IsNullOrWhiteSpace(mode);
        return path is not null || isNone
            ? new EncryptionSettings(path, isNone)
            : throw new KeyringException(
                "There is no key to encrypt refresh tokens with: Encryption__KeyringPath is not set. Make one (token-operator keys new --folder DIR) "
                + "and set Encryption__KeyringPath=DIR; to store refresh tokens in plain text, set Encryption=None.");
    }

    /// <summary>Reads the keys.</summary>
    /// <exception cref="KeyringException">They cannot be used.</exception>
    public TokenCipher CreateCipher(TimeProvider clock, ILogger<TokenCipher> log)
    {
        if (IsNone)
            log.StoredInPlainText();
        return new TokenCipher(KeyringPath is null ? null : new Keyring(KeyringPath, clock, log), IsNone);
    }
}
