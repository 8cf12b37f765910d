using System.Buffers.Binary;
using System.Text;

namespace TokenOperator.Postgres.Encryption;

/// <summary>The bytes that an authentication code covers.</summary>
internal static class SealedText
{
    /// <summary>Each part follows its length, so that different parts never result in the same bytes.</summary>
    public static byte[] Join(params string[] parts)
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
}
