using Google.Apis.Auth.OAuth2;

namespace TokenOperator.Providers;

/// <summary>The settings <c>Providers:&lt;name&gt;:*</c> of one provider.</summary>
public sealed record ProviderOptions
{
    /// <summary>
    /// To learn who consents (OpenID Connect Core section 5.4), and what a provider requires before it issues a refresh token
    /// (section 11).
    /// </summary>
    public static IReadOnlyList<string> DefaultConsentScopes { get; } = ["openid", "email", "offline_access"];

    /// <summary>The value of <c>spec.provider</c> that means this provider.</summary>
    public required string Name { get; init; }

    /// <summary>RFC 6749 section 3.2. Client secrets and refresh tokens are sent here and to <see cref="RevocationEndpoint"/>, and nowhere else.</summary>
    public required Uri TokenEndpoint { get; init; }

    /// <summary>RFC 6749 section 3.1: where a person consents, in a browser. Null: no consent is possible.</summary>
    public Uri? AuthorizationEndpoint { get; init; }

    /// <summary>Scopes that a consent requests in addition to those of the spec.</summary>
    public IReadOnlyList<string> ConsentScopes { get; init; } = DefaultConsentScopes;

    /// <summary>The values that <c>iss</c> of its id_token can have (OpenID Connect Core section 2). Empty: not checked.</summary>
    public IReadOnlyList<string> Issuers { get; init; } = [];

    /// <summary>RFC 7009. Null: grants cannot be revoked.</summary>
    public Uri? RevocationEndpoint { get; init; }

    /// <summary>The maximum duration of one request, to the last byte of the response; 1 s to 300 s.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The rate limit for refreshes.</summary>
    public RequestRate Rate { get; init; } = RequestRate.Default;

    /// <summary>True if a response can invalidate the refresh token that was sent (RFC 9700 section 4.14.2); assumed unless known otherwise.</summary>
    public bool RotatesRefreshTokens { get; init; } = true;

    /// <summary>Google, at the addresses that its own library uses; https://accounts.google.com/.well-known/openid-configuration has the same.</summary>
    public static ProviderOptions Google { get; } = new()
    {
        Name = "google",
        AuthorizationEndpoint = new(GoogleAuthConsts.OidcAuthorizationUrl),
        // Google takes access_type=offline instead of offline_access, and rejects that scope.
        ConsentScopes = ["openid", "email"],
        // Both: https://developers.google.com/identity/openid-connect/openid-connect#validatinganidtoken
        Issuers = ["https://accounts.google.com", "accounts.google.com"],
        RotatesRefreshTokens = false,
        TokenEndpoint = new(GoogleAuthConsts.OidcTokenUrl),
        RevocationEndpoint = new(GoogleAuthConsts.RevokeTokenUrl),
    };
}

/// <summary>The rate limit of a provider, for all its accounts together: a token bucket.</summary>
/// <param name="PerSecond">Requests per second in the long run; 0.01 to 10,000.</param>
/// <param name="Burst">Requests at once after a pause; 1 to 10,000.</param>
public sealed record RequestRate(double PerSecond, int Burst)
{
    /// <summary>
    /// Google publishes no limit for its token endpoint and responds with 429 at one. This rate lets 10,000 accounts recover
    /// from an outage in less than two minutes, and keeps ten times as many from arriving at once.
    /// </summary>
    public static RequestRate Default { get; } = new(100, 500);
}
