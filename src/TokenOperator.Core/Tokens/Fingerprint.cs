using System.Security.Cryptography;
using System.Text;

namespace TokenOperator.Core.Tokens;

/// <summary>
/// A short, one-way name for a set of texts, to notice that an input has changed without keeping it.
/// Half of a SHA-256 over the length-prefixed parts: equal parts give equal prints, and no other way back.
/// </summary>
public static class Fingerprint
{
    /// <summary>32 lower-case hexadecimal digits for <paramref name="parts"/>, in their order; null and empty differ.</summary>
    public static string Of(params ReadOnlySpan<string?> parts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> length = stackalloc byte[4];
        foreach (var part in parts)
        {
            var bytes = part is null ? [] : Encoding.UTF8.GetBytes(part);
            BitConverter.TryWriteBytes(length, part is null ? -1 : bytes.Length);
            hash.AppendData(length);
            hash.AppendData(bytes);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 16));
    }
}
