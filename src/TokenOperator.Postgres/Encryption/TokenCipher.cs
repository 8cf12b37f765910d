// Encryption at rest: keys and documents. The only folder that may touch a key. It knows accounts and nothing of SQL.
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Postgres.Encryption;

/// <summary>
/// Encrypts and decrypts the token documents of rows with AES-256-GCM. A document that was encrypted for one account cannot be
/// decrypted in the row of another account or in another table. A document in plain text, as an application writes it, is read
/// as it is. Thread-safe.
/// </summary>
/// <param name="keyring">The keys; null when there are none.</param>
/// <param name="writesPlainText">True for <c>Encryption=None</c>.</param>
internal sealed partial class TokenCipher(Keyring? keyring, bool writesPlainText) : IKeyring
{
    // The name of the column and not of the database, so that a backup can be decrypted after it is restored elsewhere.
    private const string Place = "oauth_tokens.token_data";

    /// <summary>Writes plain text and has no keys.</summary>
    public static TokenCipher None { get; } = new(null, writesPlainText: true);

    /// <inheritdoc/>
    public string? CurrentKeyId => writesPlainText ? null : keyring!.Current.Id;

    /// <inheritdoc/>
    public IReadOnlyList<string> KeyIds => keyring?.Ids ?? [];

    /// <summary>The text to store for <paramref name="document"/>; a different text each time.</summary>
    public string Seal(AccountKey key, string document)
    {
        if (writesPlainText)
            return document;
        var dataKey = keyring!.Current;
        var plain = Encoding.UTF8.GetBytes(document);
        var envelope = new Envelope(dataKey.Id, RandomNumberGenerator.GetBytes(Envelope.IvSize), new byte[plain.Length], new byte[DataKey.TagSizeInBytes]);
        using var cipher = dataKey.CreateCipher();
        cipher.Encrypt(envelope.Iv, plain, envelope.Ciphertext, envelope.Tag, AssociatedData(key, envelope.KeyId));
        CryptographicOperations.ZeroMemory(plain);
        return envelope.Write();
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

    /// <summary>Each part follows its length, so that different parts never result in the same bytes.</summary>
    private static byte[] AssociatedData(AccountKey key, string keyId)
    {
        string[] parts = [Place, key.Provider, key.Account, Envelope.Algorithm, keyId];
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
