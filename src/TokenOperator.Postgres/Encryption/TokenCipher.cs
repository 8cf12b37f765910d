// Encryption at rest: keys and documents. The only folder that may touch a key. It knows accounts and nothing of SQL.
using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Postgres.Encryption;

/// <summary>
/// Encrypts and decrypts the token documents of rows with AES-256-GCM. A document that was encrypted for one account cannot be
/// decrypted in the row of another account or in another table, and is refused in a row of another generation. A document in plain
/// text, as an application writes it, is read as it is, or refused where no application writes rows. Thread-safe.
/// </summary>
/// <param name="keyring">The keys; null when there are none.</param>
/// <param name="writesPlainText">True for <c>Encryption=None</c>.</param>
/// <param name="plainRows">Whether rows in plain text are used.</param>
internal sealed partial class TokenCipher(Keyring? keyring, bool writesPlainText, PlainRows plainRows = PlainRows.ByDatabase) : IKeyring
{
    // The name of the column and not of the database, so that a backup can be decrypted after it is restored elsewhere.
    private const string Place = "oauth_tokens.token_data";

    /// <summary>Writes plain text and has no keys.</summary>
    public static TokenCipher None { get; } = new(null, writesPlainText: true);

    /// <inheritdoc/>
    public string? CurrentKeyId => writesPlainText ? null : keyring!.Current.Id;

    /// <inheritdoc/>
    public IReadOnlyList<string> KeyIds => keyring?.Ids ?? [];

    /// <summary>The text to store for <paramref name="document"/> in a row of this <paramref name="generation"/>; a different text each time.</summary>
    public string Seal(AccountKey key, string document, long generation = 0)
    {
        if (writesPlainText)
            return document;
        var dataKey = keyring!.Current;
        var plain = Encoding.UTF8.GetBytes(document);
        var envelope = new Envelope(dataKey.Id, RandomNumberGenerator.GetBytes(Envelope.IvSize), new byte[plain.Length], new byte[DataKey.TagSizeInBytes]);
        using var cipher = dataKey.CreateCipher();
        cipher.Encrypt(envelope.Iv, plain, envelope.Ciphertext, envelope.Tag, AssociatedData(key, envelope.KeyId));
        CryptographicOperations.ZeroMemory(plain);
        return (envelope with { Seal = new RowSeal(generation, dataKey.Authenticate(SealedData(key, envelope, generation))) }).Write();
    }

    /// <summary>The document of a stored text, if it belongs to the row in this state.</summary>
    /// <param name="key">The account.</param>
    /// <param name="stored">The content of the column.</param>
    /// <param name="generation">The generation of the row.</param>
    /// <param name="isNewDatabase">True when no application has written rows in this database: see <see cref="PlainRows.ByDatabase"/>.</param>
    /// <exception cref="UnreadableRowException">The text cannot be decrypted, or is not that of this row. The message contains the reason.</exception>
    public string OpenRow(AccountKey key, string stored, long generation, bool isNewDatabase)
    {
        var isStrict = !writesPlainText && (plainRows == PlainRows.Refused || (plainRows == PlainRows.ByDatabase && isNewDatabase));
        if (!Envelope.IsEncrypted(stored, out var envelope) && isStrict)
        {
            throw new UnreadableRowException(
                key, "token_data is in plain text, and only encrypted rows are used here.",
                "Fix it, or delete it and import a token file. If you trust its content, run token-operator keys encrypt. To use all rows in plain text, set Encryption=Optional.");
        }

        var document = Open(key, stored);
        if (envelope is { Seal: null } && isStrict)
        {
            throw new UnreadableRowException(
                key, "token_data was encrypted by an earlier version, which did not record the generation of the row.",
                "If you trust the row, run token-operator keys encrypt. Otherwise delete the row and import a token file.");
        }

        // Without strictness, the tables may have been migrated down, which drops the generations, and up again.
        if (envelope?.Seal is { } seal && seal.Generation != generation && (isStrict || generation != 0))
        {
            throw new UnreadableRowException(
                key, $"token_data was written for generation {seal.Generation} of the row, and the row has generation {generation}. Someone put an old token_data back, or edited the row.",
                "Find out who writes to the table. Restore the row from a backup, or delete it and import a token file. If you trust the row, run token-operator keys encrypt.");
        }

        return document;
    }

    /// <summary>The document of a stored text.</summary>
    /// <exception cref="UnreadableRowException">The text is encrypted and cannot be decrypted. The message contains the reason.</exception>
    public string Open(AccountKey key, string stored)
    {
        if (!Envelope.IsEncrypted(stored, out var envelope))
            return stored;
        if (envelope is null)
        {
            throw new UnreadableRowException(
                key, $"token_data is encrypted in a form that this version does not support; expected enc {Envelope.Algorithm} with kid, iv, ciphertext and tag.",
                "Run the version that wrote it, or restore the row from a backup.");
        }

        var dataKey = Find(key, envelope.KeyId);
        var plain = new byte[envelope.Ciphertext.Length];
        try
        {
            using var cipher = dataKey.CreateCipher();
            cipher.Decrypt(envelope.Iv, envelope.Ciphertext, envelope.Tag, plain, AssociatedData(key, envelope.KeyId));
            if (envelope.Seal is { } seal && !CryptographicOperations.FixedTimeEquals(seal.Code, dataKey.Authenticate(SealedData(key, envelope, seal.Generation))))
                throw new CryptographicException("The seal is not that of this document.");
            return Encoding.UTF8.GetString(plain);
        }
        catch (CryptographicException)
        {
            throw new UnreadableRowException(
                key, $"token_data cannot be decrypted with the key \"{dataKey.Id}\": it was encrypted for another account or table, it was changed, or another key had that name.",
                $"Put the correct key back in {keyring!.Folder}, or restore the row from a backup.");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(plain);
        }
    }

    private DataKey Find(AccountKey key, string keyId)
    {
        if (keyring is null)
        {
            throw new UnreadableRowException(
                key, $"token_data is encrypted under the key \"{keyId}\", and there is no keyring.", "Set Encryption__KeyringPath to the folder with that key.");
        }

        return keyring.Find(keyId) ?? throw new UnreadableRowException(
            key, $"token_data is encrypted under the key \"{keyId}\", and the keyring {keyring.Folder} has {DisplayText.List(keyring.Ids)}.", "Put that key back; the operator detects it automatically.");
    }

    private static byte[] AssociatedData(AccountKey key, string keyId) => Join(Place, key.Provider, key.Account, Envelope.Algorithm, keyId);

    /// <summary>The tag stands for the ciphertext.</summary>
    private static byte[] SealedData(AccountKey key, Envelope envelope, long generation) => Join(
        Place, key.Provider, key.Account, envelope.KeyId, generation.ToString(CultureInfo.InvariantCulture), Convert.ToBase64String(envelope.Iv), Convert.ToBase64String(envelope.Tag));

    /// <summary>Each part follows its length, so that different parts never result in the same bytes.</summary>
    private static byte[] Join(params string[] parts)
    {
        var data = new byte[parts.Sum(part => sizeof(int) + Encoding.UTF8.GetByteCount(part))];
        var rest = data.AsSpan();
        foreach (var part in parts)
        {
            var length = Encoding.UTF8.GetBytes(part, rest[sizeof(int)..]);
            BinaryPrimitives.WriteInt32BigEndian(rest, length);
            rest = rest[(sizeof(int) + length)..];
        }

        return data;
    }

    [LoggerMessage(6102, LogLevel.Warning, "Encryption=None: refresh tokens are stored in plain text. To encrypt them, set Encryption__KeyringPath instead")]
    internal static partial void LogPlainText(ILogger logger);
}
