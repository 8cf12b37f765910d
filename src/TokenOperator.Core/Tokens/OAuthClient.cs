namespace TokenOperator.Core.Tokens;

/// <summary>The OAuth client, which is the application that requests tokens: RFC 6749 section 2.</summary>
/// <param name="ClientId">The public identifier.</param>
/// <param name="ClientSecret">The secret; null for a public client, and for one that authenticates with a key.</param>
/// <param name="Key">The key with which it signs assertions, or null.</param>
public sealed record OAuthClient(string ClientId, SecretValue? ClientSecret, ClientKey? Key = null)
{
    /// <summary>Changes with the identifier and with each credential.</summary>
    public string Fingerprint { get; } = Key is null
        ? Tokens.Fingerprint.Of(ClientId, ClientSecret?.Reveal())
        : Tokens.Fingerprint.Of(ClientId, ClientSecret?.Reveal(), Key.PrivateKey.Pem.Reveal(), Key.CertificateHash, Key.PrivateKey.KeyId);
}

/// <summary>The key of a client that authenticates with signed assertions (RFC 7523 section 2.2).</summary>
/// <param name="PrivateKey">The key.</param>
/// <param name="CertificateHash">The SHA-256 of its certificate in base64url, or null.</param>
public sealed record ClientKey(PrivateKey PrivateKey, string? CertificateHash);

/// <summary>What a client must have beside its identifier.</summary>
public enum ClientCredential
{
    /// <summary>A secret.</summary>
    Secret,

    /// <summary>Nothing: the client is public.</summary>
    None,

    /// <summary>An RSA key.</summary>
    RsaKey,

    /// <summary>An EC key on the curve P-256.</summary>
    EllipticCurveKey,

    /// <summary>An RSA key and its certificate.</summary>
    RsaCertificate,

    /// <summary>An EC key on the curve P-256 and its certificate.</summary>
    EllipticCurveCertificate,
}
