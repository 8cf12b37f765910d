namespace TokenOperator.Providers;

/// <summary>Where a provider is and how long it may take: the settings <c>Providers:&lt;name&gt;:*</c>.</summary>
public sealed record ProviderOptions
{
    /// <summary>What <c>spec.provider</c> calls it.</summary>
    public required string Name { get; init; }

    /// <summary>RFC 6749 section 3.2. The only address that client secrets and refresh tokens are sent to, but for the next one.</summary>
    public required Uri TokenEndpoint { get; init; }

    /// <summary>RFC 6749 section 3.1: where a person is sent for consent, in a browser. Null when nobody can be.</summary>
    public Uri? AuthorizationEndpoint { get; init; }

    /// <summary>
    /// Scopes asked for beside those of the spec: to learn who consents (OpenID Connect Core section 5.4), and whatever else
    /// the provider wants before it hands out a refresh token (section 11).
    /// </summary>
    public IReadOnlyList<string> ConsentScopes { get; init; } = ["openid", "email", "offline_access"];

    /// <summary>What <c>iss</c> of its id_token may be (OpenID Connect Core section 2); empty when that is not known, and not looked at then.</summary>
    public IReadOnlyList<string> Issuers { get; init; } = [];

    /// <summary>RFC 7009; null when the provider has none, and nothing can be revoked then.</summary>
    public Uri? RevocationEndpoint { get; init; }

    /// <summary>For one request from its beginning to the last byte of the answer; 1 s to 300 s.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How often it may be asked.</summary>
    public RequestRate Rate { get; init; } = RequestRate.Default;

    /// <summary>True when an answer can make the refresh token that was sent useless (RFC 9700 section 4.14.2); assumed unless it is known not to.</summary>
    public bool RotatesRefreshTokens { get; init; } = true;

    /// <summary>Google, at the addresses in https://accounts.google.com/.well-known/openid-configuration.</summary>
    public static ProviderOptions Google { get; } = new()
    {
        Name = "google",
        AuthorizationEndpoint = new("https://accounts.google.com/o/oauth2/v2/auth"),
        // Google takes access_type=offline instead, and refuses the scope.
        ConsentScopes = ["openid", "email"],
        // Both: https://developers.google.com/identity/openid-connect/openid-connect#validatinganidtoken
        Issuers = ["https://accounts.google.com", "accounts.google.com"],
        RotatesRefreshTokens = false,
        TokenEndpoint = new("https://oauth2.googleapis.com/token"),
        RevocationEndpoint = new("https://oauth2.googleapis.com/revoke"),
    };
}
