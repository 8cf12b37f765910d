// Encryption at rest: keys and documents. The only folder that may touch a key. It knows accounts and nothing of SQL.
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
    /// <param name="key">The account.</param>
    /// <param name="document">The document.</param>
    /// <param name="generation">The generation of the row.</param>
    /// <param name="access">The version of the row's access; null if it is not sealed.</param>
    public string Seal(AccountKey key, string document, long generation = 0, long? access = null)
    {
        if (writesPlainText)
            return document;
        var dataKey = keyring!.Current;
        var plain = Encoding.UTF8.GetBytes(document);
        var envelope = new Envelope(dataKey.Id, RandomNumberGenerator.GetBytes(Envelope.IvSize), new byte[plain.Length], new byte[DataKey.TagSizeInBytes]);
        using var cipher = dataKey.CreateCipher();
        cipher.Encrypt(envelope.Iv, plain, envelope.Ciphertext, envelope.Tag, AssociatedData(key, envelope.KeyId));
        CryptographicOperations.ZeroMemory(plain);
        return (envelope with { Seal = new RowSeal(generation, access, dataKey.Authenticate(SealedData(key, envelope, generation, access))) }).Write();
    }

    /// <summary>The document of a stored text, if it belongs to the row in this state.</summary>
    /// <param name="key">The account.</param>
    /// <param name="stored">The content of the column.</param>
    /// <param name="generation">The generation of the row.</param>
    /// <param name="isNewDatabase">True when no application has written rows in this database: see <see cref="PlainRows.ByDatabase"/>.</param>
    /// <exception cref="UnreadableRowException">The text cannot be decrypted, or is not that of this row. The message contains the reason.</exception>
    public RowDocument OpenRow(AccountKey key, string stored, long generation, bool isNewDatabase)
    {
        var isStrict = IsStrict(isNewDatabase);
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

        return new RowDocument(document, IsPlainText: ReferenceEquals(document, stored), envelope?.Seal?.Access);
    }

    /// <summary>The seal of access lists; null where tokens are written in plain text.</summary>
    /// <param name="key">The account.</param>
    /// <param name="access">Who may use it.</param>
    /// <param name="version">The version of the access.</param>
    public string? SealAccess(AccountKey key, AccountAccess access, long version) => writesPlainText ? null : AccessSeal.Write(keyring!.Current, key, access, version);

    /// <summary>Checks the access list of an account against the seal of the row.</summary>
    /// <param name="key">The account.</param>
    /// <param name="access">Who may use it, as the row says.</param>
    /// <param name="seal">The seal in the row, or null.</param>
    /// <param name="document">The document of the row, or null if it cannot be decrypted.</param>
    /// <param name="generation">The generation of the row.</param>
    /// <param name="isNewDatabase">As for <see cref="OpenRow"/>.</param>
    /// <returns>The version of the access; null if it is not sealed.</returns>
    /// <exception cref="UnreadableRowException">Someone without the keys changed the access list.</exception>
    public long? CheckAccess(AccountKey key, AccountAccess access, string? seal, RowDocument? document, long generation, bool isNewDatabase)
    {
        if (writesPlainText)
            return null;
        var bound = document?.AccessVersion;
        if (seal is null)
        {
            // A table that was migrated down and up again has lost its seals together with its lists and generations.
            if (!IsStrict(isNewDatabase) && (bound is null || (generation == 0 && access.IsEmpty)))
                return null;
            throw new UnreadableRowException(
                key, bound is null ? "the row has no seal of the access list." : "the seal of the access list was removed.", AccessSeal.Advice);
        }

        if (AccessSeal.Parse(seal) is not { } parsed)
            throw new UnreadableRowException(key, "access_seal is not a seal that an operator writes.", AccessSeal.Advice);
        if (!parsed.IsOf(Find(key, parsed.KeyId, "access_seal was made"), key, access))
        {
            throw new UnreadableRowException(
                key, "namespaces, denied_namespaces or namespace_uids contains something else than an operator with the keys wrote. Someone edited the row.", AccessSeal.Advice);
        }

        if (parsed.Version < bound)
            throw new UnreadableRowException(key, "the access list is an earlier one than that under which the tokens were written. Someone put it back.", AccessSeal.Advice);
        return parsed.Version;
    }

    /// <summary>The version for the next change of the access. The clock makes it higher than that of any earlier row with the same key.</summary>
    public static long NextAccessVersion(long? current, DateTimeOffset now) => Math.Max((current ?? 0) + 1, now.ToUnixTimeMilliseconds());

    /// <summary>
    /// The stored text with the same document, bound to another version of the access. Null if the text stays as it is: it is plain text, or
    /// cannot be decrypted.
    /// </summary>
    public string? Rebind(AccountKey key, string stored, long generation, bool isNewDatabase, long access)
    {
        if (writesPlainText)
            return null;
        try
        {
            return OpenRow(key, stored, generation, isNewDatabase) is { IsPlainText: false } document ? Seal(key, document.Text, generation, access) : null;
        }
        catch (UnreadableRowException)
        {
            return null;
        }
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

        var dataKey = Find(key, envelope.KeyId, "token_data is encrypted");
        var plain = new byte[envelope.Ciphertext.Length];
        try
        {
            using var cipher = dataKey.CreateCipher();
            cipher.Decrypt(envelope.Iv, envelope.Ciphertext, envelope.Tag, plain, AssociatedData(key, envelope.KeyId));
            if (envelope.Seal is { } seal && !CryptographicOperations.FixedTimeEquals(seal.Code, dataKey.Authenticate(SealedData(key, envelope, seal.Generation, seal.Access))))
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

    private bool IsStrict(bool isNewDatabase) => !writesPlainText && (plainRows == PlainRows.Refused || (plainRows == PlainRows.ByDatabase && isNewDatabase));

    private DataKey Find(AccountKey key, string keyId, string what)
    {
        if (keyring is null)
        {
            throw new UnreadableRowException(
                key, $"{what} under the key \"{keyId}\", and there is no keyring.", "Set Encryption__KeyringPath to the folder with that key.");
        }

        return keyring.Find(keyId) ?? throw new UnreadableRowException(
            key, $"{what} under the key \"{keyId}\", and the keyring {keyring.Folder} has {DisplayText.List(keyring.Ids)}.", "Put that key back; the operator detects it automatically.");
    }

    private static byte[] AssociatedData(AccountKey key, string keyId) => SealedText.Join(Place, key.Provider, key.Account, Envelope.Algorithm, keyId);

    /// <summary>The tag stands for the ciphertext. Without a version of the access, the data are those of versions that did not seal it.</summary>
    private static byte[] SealedData(AccountKey key, Envelope envelope, long generation, long? access)
    {
        string[] parts =
        [
            Place, key.Provider, key.Account, envelope.KeyId, generation.ToString(CultureInfo.InvariantCulture), Convert.ToBase64String(envelope.Iv), Convert.ToBase64String(envelope.Tag),
        ];
        return SealedText.Join(access is { } version ? [.. parts, version.ToString(CultureInfo.InvariantCulture)] : parts);
    }

    [LoggerMessage(6102, LogLevel.Warning, "Encryption=None: refresh tokens are stored in plain text. To encrypt them, set Encryption__KeyringPath instead")]
    internal static partial void LogPlainText(ILogger logger);
}

/// <summary>The document of a row.</summary>
/// <param name="Text">The document.</param>
/// <param name="IsPlainText">True when it is stored in plain text.</param>
/// <param name="AccessVersion">The version of the access under which it was written; null if that was not sealed.</param>
internal sealed record RowDocument(string Text, bool IsPlainText, long? AccessVersion);
