// Encryption at rest: keys and documents. Knows accounts, nothing of SQL, Kubernetes or providers; the only room that sees a key.
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Postgres.Encryption;

/// <summary>
/// Encrypts token documents for their rows by AES-256-GCM, and decrypts them. What was encrypted for one account opens in
/// no other's row and in no other table. A document in plain text, as an earlier application wrote it, is read as it is.
/// Safe for parallel use.
/// </summary>
/// <param name="keyring">The keys; null when there are none.</param>
/// <param name="writesPlainText">True for <c>Encryption=None</c>.</param>
public sealed class TokenCipher(Keyring? keyring, bool writesPlainText)
{
    // A name of the place, not of the database: a backup opens where it is restored.
    private const string Place = "oauth_tokens.token_data";

    /// <summary>Stores plain text and knows no key.</summary>
    public static TokenCipher None { get; } = new(null, writesPlainText: true);

    /// <summary>Name of the key that <see cref="Seal"/> encrypts under; null when it does not encrypt.</summary>
    public string? CurrentKeyId => writesPlainText ? null : keyring!.Current.Id;

    /// <summary>The names of all keys.</summary>
    public IReadOnlyList<string> KeyIds => keyring?.Ids ?? [];

    /// <summary>What to store for <paramref name="document"/>; another text each time.</summary>
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

    /// <summary>The document behind what is stored.</summary>
    /// <exception cref="UnreadableRowException">It is encrypted and cannot be opened; the message says why.</exception>
    public string Open(AccountKey key, string stored)
    {
        if (!Envelope.IsEncrypted(stored, out var envelope))
            return stored;
        if (envelope is null)
        {
            throw new UnreadableRowException(
                key, $"token_data is encrypted in a form that this version does not know; expected enc {Envelope.Algorithm} with kid, iv, ciphertext and tag.",
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
                key, $"token_data does not open with the key \"{dataKey.Id}\": it was encrypted for another account or table, or was changed, or another key had that name.",
                $"Put the right key back into {keyring!.Folder}, or restore the row from a backup.");
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
            key, $"token_data is encrypted under the key \"{keyId}\", and the keyring {keyring.Folder} has {string.Join(", ", keyring.Ids)}.", "Put that key back; it is looked for again by itself.");
    }

    /// <summary>Each part with its length before it, so that no two places give the same bytes.</summary>
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
}
