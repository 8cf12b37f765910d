using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers.Authorization;

/// <summary>Proof Key for Code Exchange (RFC 7636): who stole the code on its way back cannot use it.</summary>
/// <param name="Verifier">Stays here until the code is exchanged.</param>
public sealed record Pkce(SecretValue Verifier)
{
    /// <summary>S256, the only method that is used.</summary>
    public string Challenge => Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier.Reveal())));

    /// <summary>A new one.</summary>
    public static Pkce New() => new(new SecretValue(RandomText.New()));
}

/// <summary>Texts that nobody guesses.</summary>
public static class RandomText
{
    /// <summary>43 characters of base64url: 256 bits (RFC 7636 section 7.1).</summary>
    public static string New() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
}
