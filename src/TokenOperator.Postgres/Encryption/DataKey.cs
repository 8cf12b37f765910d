using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;

namespace TokenOperator.Postgres.Encryption;

/// <summary>A key for AES-256-GCM. Prints its name only.</summary>
public sealed class DataKey
{
    /// <summary>The size of a key in bytes.</summary>
    internal const int Size = 32;

    /// <summary>The longest tag that GCM has.</summary>
    internal const int TagSizeInBytes = 16;

    private readonly byte[] _bytes;
    private readonly byte[] _sealKey;

    private DataKey(string id, byte[] bytes)
    {
        (Id, _bytes) = (id, bytes);
        _sealKey = HKDF.DeriveKey(HashAlgorithmName.SHA256, bytes, Size, salt: [], "token-operator seal"u8.ToArray());
    }

    /// <summary>Generates a key and returns the content of its key file.</summary>
    public static string NewText() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(Size));

    /// <inheritdoc/>
    public override string ToString() => Id;

    /// <summary>The name of the key: the name of its file, and <c>kid</c> in the documents that it encrypts.</summary>
    internal string Id { get; }

    /// <summary>True when the keys are the same, whatever their names.</summary>
    internal bool HasBytesOf(DataKey other) => CryptographicOperations.FixedTimeEquals(_bytes, other._bytes);

    /// <summary>An authentication code for <paramref name="data"/>, under a key that is derived from this one and used for nothing else.</summary>
    internal byte[] Authenticate(ReadOnlySpan<byte> data) => HMACSHA256.HashData(_sealKey, data);

    /// <summary>Creates a cipher with this key. An instance is not thread-safe, so each operation creates its own.</summary>
    internal AesGcm CreateCipher() => new(_bytes, TagSizeInBytes);

    /// <summary>Parses the content of a key file: 32 bytes, or their base64 encoding with or without a line break after it.</summary>
    /// <returns>Null when the content is neither. 32 printable characters are refused: they are a password and not 32 random bytes.</returns>
    internal static DataKey? Parse(string id, ReadOnlySpan<byte> content)
    {
        if (content.Length == Size && content.ContainsAnyExceptInRange((byte)' ', (byte)'~'))
            return new DataKey(id, content.ToArray());
        var text = content.TrimEnd("\r\n "u8);
        var bytes = new byte[Size];
        return text.Length == Base64.GetMaxEncodedToUtf8Length(Size)
            && Base64.DecodeFromUtf8(text, bytes, out _, out var length) == OperationStatus.Done
            && length == Size
                ? new DataKey(id, bytes)
                : null;
    }
}
