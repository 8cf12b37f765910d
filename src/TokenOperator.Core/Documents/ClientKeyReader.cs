using System.Buffers.Text;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Core.Documents;

/// <summary>Reads the private key of a client, and its certificate, in PEM. No message repeats content.</summary>
internal static class ClientKeyReader
{
    /// <summary>Reads a key.</summary>
    /// <param name="key">The content of the key, and what messages call it.</param>
    /// <param name="certificate">The same of the certificate; null if there is none.</param>
    /// <param name="keyId">The <c>kid</c>, or null.</param>
    /// <param name="kind">What the algorithm of the provider needs.</param>
    /// <exception cref="InvalidDocumentException">It cannot be used.</exception>
    public static ClientKey Read((byte[] Content, string Place) key, (byte[] Content, string Place)? certificate, string? keyId, PrivateKeyKind kind)
    {
        var privateKey = PrivateKeyReader.ReadPem(key.Content, key.Place);
        if (privateKey.Kind != kind)
        {
            throw new InvalidDocumentException(kind == PrivateKeyKind.Rsa
                ? $"{key.Place}: an EC key was found, an RSA key was expected, because the provider's clientAuthentication.algorithm is RS256 or PS256."
                : $"{key.Place}: an RSA key was found, an EC key on the curve P-256 was expected, because the provider's clientAuthentication.algorithm is ES256.");
        }

        return new ClientKey(privateKey with { KeyId = keyId }, certificate is { } file ? HashOf(file.Content, file.Place, key.Place, privateKey) : null);
    }

    private static string HashOf(byte[] content, string place, string keyPlace, PrivateKey key)
    {
        try
        {
            using var certificate = X509Certificate2.CreateFromPem(Encoding.UTF8.GetString(content).TrimStart('\uFEFF'));
            using AsymmetricAlgorithm? certified = key.Kind == PrivateKeyKind.Rsa ? certificate.GetRSAPublicKey() : certificate.GetECDsaPublicKey();
            using var own = key.Open();
            if (certified?.ExportSubjectPublicKeyInfo().AsSpan().SequenceEqual(own.ExportSubjectPublicKeyInfo()) != true)
                throw new InvalidDocumentException($"{place}: the certificate is for another key than the one in {keyPlace}. Use files that belong together.");
            return Base64Url.EncodeToString(SHA256.HashData(certificate.RawData));
        }
        catch (CryptographicException)
        {
            throw new InvalidDocumentException($"{place}: a certificate in PEM, which starts with -----BEGIN CERTIFICATE-----, was expected.");
        }
    }
}
