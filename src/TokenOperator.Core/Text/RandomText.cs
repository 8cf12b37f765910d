using System.Buffers.Text;
using System.Security.Cryptography;

namespace TokenOperator.Core.Text;

/// <summary>Text that cannot be guessed: states, PKCE verifiers, cookies and links.</summary>
public static class RandomText
{
    /// <summary>43 characters of base64url: 256 bits (RFC 7636 section 7.1).</summary>
    public static string New() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
}
