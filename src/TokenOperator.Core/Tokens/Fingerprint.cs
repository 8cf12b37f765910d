using System.Security.Cryptography;
using System.Text;

namespace TokenOperator.Core.Tokens;

/// <summary>
/// A short one-way hash of texts, to notice that an input has changed without storing it: half of a SHA-256 over the length-prefixed
/// parts.
/// </summary>
public static class Fingerprint
{
    /// <summary>32 lower-case hexadecimal digits for <paramref name="parts"/>. The order matters, and null differs from empty.</summary>
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
