using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace TokenOperator.TestBed.TokenServers;

/// <summary>The keys of a client that authenticates with signed assertions (RFC 7523 section 2.2), and a second implementation that signs with them.</summary>
public sealed class ClientKeyPair : IDisposable
{
    private readonly AsymmetricAlgorithm _key;

    private ClientKeyPair(AsymmetricAlgorithm key, string algorithm) => (_key, Algorithm) = (key, algorithm);

    /// <summary>RS256 or ES256.</summary>
    public string Algorithm { get; }

    /// <summary>The private key (PKCS#8, PEM).</summary>
    public string PrivateKey => _key.ExportPkcs8PrivateKeyPem();

    /// <summary>The public key as a JSON Web Key Set (RFC 7517 section 5), which a server stores with the client.</summary>
    public string PublicKeys
    {
        get
        {
            var key = _key switch
            {
                RSA rsa => JsonWebKeyConverter.ConvertFromRSASecurityKey(new RsaSecurityKey(rsa.ExportParameters(includePrivateParameters: false))),
                _ => JsonWebKeyConverter.ConvertFromECDsaSecurityKey(new ECDsaSecurityKey(ECDsa.Create(((ECDsa)_key).ExportParameters(includePrivateParameters: false)))),
            };
            var parts = new (string Name, string? Value)[] { ("kty", key.Kty), ("use", "sig"), ("n", key.N), ("e", key.E), ("crv", key.Crv), ("x", key.X), ("y", key.Y) };
            var json = new JsonObject(parts.Where(part => part.Value is not null).Select(part => KeyValuePair.Create<string, JsonNode?>(part.Name, part.Value)));
            return new JsonObject { ["keys"] = new JsonArray(json) }.ToJsonString();
        }
    }

    /// <summary>An RSA key, for RS256.</summary>
    public static ClientKeyPair CreateRsa() => new(RSA.Create(2048), SecurityAlgorithms.RsaSha256);

    /// <summary>A key on P-256, for ES256.</summary>
    public static ClientKeyPair CreateEllipticCurve() => new(ECDsa.Create(ECCurve.NamedCurves.nistP256), SecurityAlgorithms.EcdsaSha256);

    /// <summary>An assertion for the test's own requests.</summary>
    public string Sign(string clientId, string audience) => new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
    {
        Issuer = clientId,
        Audience = audience,
        TokenType = "client-authentication+jwt",
        Claims = new Dictionary<string, object> { ["sub"] = clientId, ["jti"] = Guid.NewGuid().ToString() },
        SigningCredentials = new SigningCredentials(_key is RSA rsa ? new RsaSecurityKey(rsa) : new ECDsaSecurityKey((ECDsa)_key), Algorithm),
    });

    /// <inheritdoc/>
    public void Dispose() => _key.Dispose();
}
