// Grants without a consent: one class for each. They know the requests and what the answers mean, and nothing of accounts or Kubernetes.
using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers.Grants;

/// <summary>
/// A signed JSON Web Token (RFC 7515, RFC 7519) that proves who asks. Google.Apis.Auth can sign one for a service account, too, but writes
/// it with Newtonsoft.Json, whose reflection a native program does not have. It also has no other algorithm and no other claims.
/// </summary>
internal static class JwtAssertion
{
    /// <summary>The value of <c>client_assertion_type</c> (RFC 7523 section 2.2).</summary>
    public const string ClientAssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

    /// <summary>Signs the claims. The header names the key by its ID, if it has one.</summary>
    /// <param name="key">The key.</param>
    /// <param name="algorithm">RS256, PS256 or ES256. It must fit the key.</param>
    /// <param name="typ">The <c>typ</c>.</param>
    /// <param name="certificateHash">The <c>x5t#S256</c>, or null.</param>
    /// <param name="claims">The claims in their order: texts and numbers. A claim that is null is left out.</param>
    public static SecretValue Create(PrivateKey key, string algorithm, string typ, string? certificateHash, params IEnumerable<(string Name, object? Value)> claims)
    {
        var signed = $"{Encode([("alg", algorithm), ("typ", typ), ("kid", key.KeyId), ("x5t#S256", certificateHash)])}.{Encode(claims)}";
        return new SecretValue($"{signed}.{Base64Url.EncodeToString(Sign(key, algorithm, Encoding.ASCII.GetBytes(signed)))}");
    }

    /// <summary>True if the algorithm works with a key of this kind.</summary>
    public static bool Fits(PrivateKeyKind kind, string algorithm) => (algorithm == "ES256") == (kind == PrivateKeyKind.EllipticCurve);

    private static byte[] Sign(PrivateKey key, string algorithm, byte[] data)
    {
        using var opened = key.Open();
        // RFC 7518 section 3.4: R and S, without ASN.1.
        return opened is ECDsa curve
            ? curve.SignData(data, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation)
            : ((RSA)opened).SignData(data, HashAlgorithmName.SHA256, algorithm == "PS256" ? RSASignaturePadding.Pss : RSASignaturePadding.Pkcs1);
    }

    private static string Encode(IEnumerable<(string Name, object? Value)> fields) => Base64Url.EncodeToString(Json(fields));

    /// <summary>The fields as a JSON object.</summary>
    public static ReadOnlySpan<byte> Json(IEnumerable<(string Name, object? Value)> fields)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            foreach (var (name, value) in fields)
            {
                if (value is long number)
                    writer.WriteNumber(name, number);
                else if (value is not null)
                    writer.WriteString(name, (string)value);
            }

            writer.WriteEndObject();
        }

        return buffer.WrittenSpan;
    }
}
