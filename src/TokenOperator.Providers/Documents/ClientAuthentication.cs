using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers.Documents;

/// <summary>The ways in which a client authenticates (RFC 6749 section 2.3, OpenID Connect Core section 9).</summary>
public enum ClientAuthenticationMethod
{
    /// <summary><c>client_id</c> and <c>client_secret</c> in the body.</summary>
    Post,

    /// <summary>HTTP Basic.</summary>
    Basic,

    /// <summary>A public client: <c>client_id</c> in the body, and no secret.</summary>
    None,

    /// <summary>HTTP Basic with the secret as the user name, an empty password and no client_id (Stripe).</summary>
    SecretAsUser,

    /// <summary>A signed assertion (RFC 7523 section 2.2).</summary>
    PrivateKeyJwt,

    /// <summary>A signed assertion whose header names the certificate by <c>x5t#S256</c> (Microsoft Entra ID).</summary>
    Certificate,
}

/// <summary>How the client authenticates.</summary>
public sealed record ClientAuthentication
{
    /// <summary>The <c>typ</c> that RFC 7523 leaves open and most servers accept.</summary>
    public const string DefaultTyp = "JWT";

    /// <summary>The <c>typ</c> that draft-ietf-oauth-rfc7523bis demands, and with it OpenIddict 7.</summary>
    public const string ExplicitTyp = "client-authentication+jwt";

    /// <summary>The method. Never tried out: a second request can use up a refresh token.</summary>
    public ClientAuthenticationMethod Method { get; init; } = ClientAuthenticationMethod.Post;

    /// <summary>True if Basic percent-encodes id and secret first (RFC 6749 section 2.3.1); false if it takes them as they are (RFC 7617).</summary>
    public bool EncodesBasic { get; init; } = true;

    /// <summary>The algorithm of an assertion: RS256, PS256 or ES256.</summary>
    public string Algorithm { get; init; } = "RS256";

    /// <summary>The <c>typ</c> of an assertion: <see cref="DefaultTyp"/> or <see cref="ExplicitTyp"/>.</summary>
    public string Typ { get; init; } = DefaultTyp;

    /// <summary>The <c>aud</c> of an assertion; null: the token endpoint.</summary>
    public string? Audience { get; init; }

    /// <summary>What a client must have beside its identifier.</summary>
    public ClientCredential Credential => (Method, Algorithm) switch
    {
        (ClientAuthenticationMethod.None, _) => ClientCredential.None,
        (ClientAuthenticationMethod.PrivateKeyJwt, "ES256") => ClientCredential.EllipticCurveKey,
        (ClientAuthenticationMethod.PrivateKeyJwt, _) => ClientCredential.RsaKey,
        (ClientAuthenticationMethod.Certificate, "ES256") => ClientCredential.EllipticCurveCertificate,
        (ClientAuthenticationMethod.Certificate, _) => ClientCredential.RsaCertificate,
        _ => ClientCredential.Secret,
    };
}
