using System.Buffers.Text;
using System.Security.Cryptography;

namespace TokenOperator.Postgres.Encryption;

/// <summary>One key for AES-256-GCM. Prints as its name alone.</summary>
public sealed class DataKey
{
    /// <summary>AES-256.</summary>
    public const int Size = 32;

    private readonly byte[] _bytes;

    private DataKey(string id, byte[] bytes) => (Id, _bytes) = (id, bytes);

    /// <summary>Its name: the file's, and <c>kid</c> in what it encrypts.</summary>
    public string Id { get; }

    /// <summary>Whether the key is the same, whatever its name.</summary>
    public bool HasBytesOf(DataKey other) => CryptographicOperations.FixedTimeEquals(_bytes, other._bytes);

    /// <summary>The cipher under this key; of one use, since an instance serves one thread.</summary>
    public AesGcm CreateCipher() => new(_bytes, TagSizeInBytes);

    /// <summary>The longest tag that GCM has.</summary>
    public const int TagSizeInBytes = 16;

    /// <summary>A fresh key as the text of a key file.</summary>
    public static string NewText() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(Size));

    /// <summary>Reads the content of a key file: 32 bytes as they are, or as base64 with or without a line break after it.</summary>
    /// <returns>Null when it is neither. 32 readable characters are a text that somebody took for a key, not 32 random bytes.</returns>
    public static DataKey? Parse(string id, ReadOnlySpan<byte> content)
    {
        if (content.Length == Size && content.ContainsAnyExceptInRange((byte)' ', (byte)'~'))
            return new DataKey(id, content.ToArray());
        var text = content.TrimEnd("\r\n "u8);
        var bytes = new byte[Size];
        return text.Length == Base64.GetMaxEncodedToUtf8Length(Size)
            && Base64.DecodeFromUtf8(text, bytes, out _, out var length) == System.Buffers.OperationStatus.Done
            && length == Size
                ? new DataKey(id, bytes)
                : null;
    }

    /// <inheritdoc/>
    public override string ToString() => Id;
}
