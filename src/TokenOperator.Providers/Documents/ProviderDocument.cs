// Documents: what a provider is, as data. This folder reads and validates. It sends nothing and knows no accounts.
using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers.Documents;

/// <summary>
/// Everything that the operator knows about one provider: a valid document, with its base and its parameters resolved. The schema is
/// the same for the built-in catalogue, for mounted files and for ClusterOAuthProviders. docs/provider-reference.md describes each field.
/// </summary>
public sealed record ProviderDocument
{
    /// <summary>The value of <c>spec.provider</c> that means this provider.</summary>
    public required string Name { get; init; }

    /// <summary>The name for people.</summary>
    public required string DisplayName { get; init; }

    /// <summary>The protocol that the provider speaks.</summary>
    public ProviderProtocol Protocol { get; init; }

    /// <summary>RFC 6749 section 3.2. Client secrets and tokens are sent here, to the other endpoints of the document, and nowhere else.</summary>
    public required Uri TokenEndpoint { get; init; }

    /// <summary>RFC 6749 section 3.1: where a person consents, in a browser. Null: no consent is possible.</summary>
    public Uri? AuthorizationEndpoint { get; init; }

    /// <summary>RFC 8628 section 3.1. Null: the provider has no device authorization.</summary>
    public Uri? DeviceAuthorizationEndpoint { get; init; }

    /// <summary>OpenID Connect Discovery or RFC 8414: the address of the provider's metadata. Only checks read it. Null: there is none.</summary>
    public Uri? DiscoveryEndpoint { get; init; }

    /// <summary>How grants are revoked. Null: they cannot be.</summary>
    public RevocationRules? Revocation { get; init; }

    /// <summary>How the client authenticates (RFC 6749 section 2.3).</summary>
    public ClientAuthentication ClientAuthentication { get; init; } = new();

    /// <summary>The form of every request to the token endpoint.</summary>
    public RequestRules Request { get; init; } = new();

    /// <summary>The request for consent.</summary>
    public AuthorizationRules Authorization { get; init; } = new();

    /// <summary>The exchange of a code (RFC 6749 section 4.1.3).</summary>
    public RequestParameters CodeExchange { get; init; } = RequestParameters.None;

    /// <summary>The refresh (RFC 6749 section 6).</summary>
    public RefreshRules Refresh { get; init; } = new();

    /// <summary>How the provider writes scopes.</summary>
    public ScopeRules Scopes { get; init; } = new();

    /// <summary>How responses are read.</summary>
    public ResponseRules Response { get; init; } = new();

    /// <summary>When access tokens expire.</summary>
    public ExpiryRules Expiry { get; init; } = new();

    /// <summary>What becomes of a refresh token when it is used.</summary>
    public RotationRules Rotation { get; init; } = new();

    /// <summary>How long a refresh token works.</summary>
    public RefreshTokenLifetime RefreshToken { get; init; } = new(null, null);

    /// <summary>What errors mean.</summary>
    public ErrorRules Errors { get; init; } = new();

    /// <summary>Assertions of the grant JWTBearer.</summary>
    public AssertionRules Assertion { get; init; } = new();

    /// <summary>Whether and where the operator's own identity counts.</summary>
    public WorkloadIdentityRules WorkloadIdentity { get; init; } = new();

    /// <summary>How often the provider may be asked.</summary>
    public RequestLimits Limits { get; init; } = new();

    /// <summary>Values that are written to the Secret beside the token, by their key.</summary>
    public IReadOnlyDictionary<string, ExportSource> Export { get; init; } = new Dictionary<string, ExportSource>();

    /// <summary>Who consented.</summary>
    public IdentityRules Identity { get; init; } = new();

    /// <summary>The maximum duration of one request, to the last byte of the response; 1 s to 300 s.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// The host that refresh tokens and client secrets are sent to, with its port unless that is the usual one. If refreshes have an address at another
    /// host than the token endpoint, both hosts, with a plus sign between them.
    /// </summary>
    public string TokenHost => Refresh.Endpoint is { } refresh && !Same(refresh.Authority, TokenEndpoint.Authority) ? $"{TokenEndpoint.Authority}+{refresh.Authority}" : TokenEndpoint.Authority;

    /// <summary>The hosts from which an administrator allows to move accounts to <see cref="TokenHost"/>, separated by spaces or commas; null: none.</summary>
    public string? MovesFrom { get; init; }

    /// <summary>True if what was last sent to <paramref name="host"/> may be sent to this provider. Anything may if no host is known.</summary>
    public bool TakesAccountsFrom(string? host) =>
        host is null || Same(host, TokenHost)
        || MovesFrom?.Split([' ', ','], StringSplitOptions.RemoveEmptyEntries).Any(allowed => Same(host, allowed)) == true;

    /// <summary>The values to export: those of <paramref name="later"/>, and of <paramref name="earlier"/> what is not there any more. Only what this document exports.</summary>
    public IReadOnlyDictionary<string, string> MergeExports(IReadOnlyDictionary<string, string> earlier, IReadOnlyDictionary<string, string> later)
    {
        ArgumentNullException.ThrowIfNull(earlier);
        ArgumentNullException.ThrowIfNull(later);
        if (Export.Count == 0)
            return TokenSet.NoExports;
        var merged = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (key, source) in Export)
        {
            if (source.Place == ExportPlace.Parameter)
                merged[key] = source.Path;
            else if ((later.GetValueOrDefault(key) ?? earlier.GetValueOrDefault(key)) is { } value)
                merged[key] = value;
        }

        return merged;
    }

    /// <summary>Where the fields come from.</summary>
    internal DocumentSources? Sources { get; init; }

    /// <summary>Where an administrator finds a field, such as <c>spec.identity.issuers of ClusterOAuthProvider acme</c>.</summary>
    /// <param name="field">The path of the field.</param>
    public string PlaceOf(string field) => Sources?.PlaceOf(field) ?? $"{field} of the document of provider {Name}";

    private static bool Same(string host, string other) => string.Equals(host, other, StringComparison.OrdinalIgnoreCase);

    /// <summary>All addresses that a secret can be sent to.</summary>
    public IEnumerable<Uri> SecretEndpoints => new[] { TokenEndpoint, Refresh.Endpoint, Revocation?.Endpoint, DeviceAuthorizationEndpoint, Expiry.CheckEndpoint, WorkloadIdentity.ExchangeEndpoint, WorkloadIdentity.CredentialsEndpoint }.OfType<Uri>();
}

/// <summary>The protocols of providers.</summary>
public enum ProviderProtocol
{
    /// <summary>OAuth 2.0 (RFC 6749).</summary>
    OAuth2,

    /// <summary>GitHub's REST API for apps. The token endpoint is the address of that API.</summary>
    GitHubApp,
}
