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

    /// <summary>The host that refresh tokens are sent to, with its port unless that is the usual one.</summary>
    public string TokenHost => (Refresh.Endpoint ?? TokenEndpoint).Authority;

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

/// <summary>The forms of a request's body.</summary>
public enum RequestFormat
{
    /// <summary>application/x-www-form-urlencoded, as RFC 6749 requires.</summary>
    Form,

    /// <summary>A JSON object.</summary>
    Json,

    /// <summary>The query of the address, and no body.</summary>
    Query,
}

/// <summary>The form of a request.</summary>
public sealed record RequestRules
{
    /// <summary>The form of the body.</summary>
    public RequestFormat Format { get; init; } = RequestFormat.Form;

    /// <summary>The method; null: GET for a query, and POST otherwise.</summary>
    public HttpMethod? Method { get; init; }

    /// <summary>Header fields. <c>Accept: application/json</c> unless the document says otherwise.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();
}

/// <summary>Changes of a request's parameters.</summary>
/// <param name="Set">Parameters to add or to override, each with one or more values.</param>
/// <param name="Omit">Names of parameters that the request would otherwise have.</param>
public sealed record RequestParameters(IReadOnlyList<KeyValuePair<string, string>> Set, IReadOnlyList<string> Omit)
{
    /// <summary>No changes.</summary>
    public static RequestParameters None { get; } = new([], []);

    /// <summary>The parameters of a request: <paramref name="defaults"/> with these changes. A value that is null is left out.</summary>
    public IEnumerable<KeyValuePair<string, string>> Apply(params IEnumerable<(string Name, string? Value)> defaults) =>
        defaults.Where(parameter => parameter.Value is not null && !Omit.Contains(parameter.Name) && Set.All(other => other.Key != parameter.Name))
            .Select(parameter => KeyValuePair.Create(parameter.Name, parameter.Value!))
            .Concat(Set);
}

/// <summary>Proof Key for Code Exchange (RFC 7636).</summary>
public enum PkceUse
{
    /// <summary>Sent.</summary>
    S256,

    /// <summary>Not sent, because the provider rejects it.</summary>
    Off,
}

/// <summary>The request for consent.</summary>
public sealed record AuthorizationRules
{
    /// <summary>Changes of the parameters.</summary>
    public RequestParameters Parameters { get; init; } = RequestParameters.None;

    /// <summary>Whether a code challenge is sent.</summary>
    public PkceUse Pkce { get; init; } = PkceUse.S256;

    /// <summary>The name of the parameter that holds the code in the response.</summary>
    public string CodeParameter { get; init; } = "code";

    /// <summary>Parameters of the response that are kept, because nothing else has them (QuickBooks' <c>realmId</c>).</summary>
    public IReadOnlyList<string> Keep { get; init; } = [];

    /// <summary>True if the redirect address must name <c>localhost</c>, and <c>127.0.0.1</c> is rejected.</summary>
    public bool NeedsLocalhost { get; init; }
}

/// <summary>The refresh.</summary>
public sealed record RefreshRules
{
    /// <summary>Where to refresh; null: the token endpoint.</summary>
    public Uri? Endpoint { get; init; }

    /// <summary>The value of <c>grant_type</c>.</summary>
    public string GrantType { get; init; } = "refresh_token";

    /// <summary>The name of the parameter that holds the token.</summary>
    public string TokenParameter { get; init; } = "refresh_token";

    /// <summary>True if the access token itself is exchanged, as long as it is valid, because the provider has no refresh tokens.</summary>
    public bool UsesAccessToken { get; init; }

    /// <summary>True if the scopes of the spec are sent.</summary>
    public bool SendsScopes { get; init; }

    /// <summary>Changes of the parameters.</summary>
    public RequestParameters Parameters { get; init; } = RequestParameters.None;
}

/// <summary>How the provider writes scopes.</summary>
public sealed record ScopeRules
{
    /// <summary>What separates scopes in requests and responses.</summary>
    public char Separator { get; init; } = ' ';

    /// <summary>The name of the parameter in requests.</summary>
    public string Parameter { get; init; } = "scope";

    /// <summary>The value of the parameter; null if there are no scopes.</summary>
    public string? Join(IReadOnlyList<string> scopes) => scopes.Count > 0 ? string.Join(Separator, scopes) : null;

    /// <summary>Scopes that a consent requests in addition to those of the spec.</summary>
    public IReadOnlyList<string> Consent { get; init; } = [];

    /// <summary>Names that mean the same as another one, which is the value.</summary>
    public IReadOnlyDictionary<string, string> Aliases { get; init; } = new Dictionary<string, string>();

    /// <summary>A prefix that scopes in responses can have or lack (<c>https://graph.microsoft.com/</c>); compared without regard to case. Null: none.</summary>
    public string? OptionalPrefix { get; init; }

    /// <summary>Scopes that responses never name.</summary>
    public IReadOnlyList<string> NotEchoed { get; init; } = [];

    /// <summary>True if responses name scopes that say nothing about what was granted, so that they are not compared.</summary>
    public bool AreNotComparable { get; init; }

    /// <summary>What separates scopes in responses; null: as in requests.</summary>
    public char? ResponseSeparator { get; init; }

    /// <summary>
    /// The scopes of <paramref name="wanted"/>, as they are named there, that <paramref name="granted"/> has under no name. None if the
    /// provider did not name the granted scopes (RFC 6749 section 5.1).
    /// </summary>
    public IReadOnlyList<string> Missing(IReadOnlyList<string> wanted, IReadOnlyList<string> granted)
    {
        ArgumentNullException.ThrowIfNull(wanted);
        ArgumentNullException.ThrowIfNull(granted);
        if (wanted.Count == 0 || granted.Count == 0 || AreNotComparable)
            return [];
        var names = granted.Select(Canonical).ToHashSet(StringComparer.Ordinal);
        return [.. wanted.Where(scope => !NotEchoed.Contains(scope) && !names.Contains(Canonical(scope))).Distinct(StringComparer.Ordinal)];
    }

    private string Canonical(string scope)
    {
        // An address is the same with and without a slash at its end, as in https://mail.google.com/.
        var name = scope.StartsWith("https://", StringComparison.Ordinal) ? scope.TrimEnd('/') : scope;
        name = Aliases.GetValueOrDefault(name, name);
        if (OptionalPrefix is not { } prefix)
            return name;
        return (name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase) ? name[prefix.Length..] : name).ToUpperInvariant();
    }
}

/// <summary>The forms of a response's body.</summary>
public enum ResponseFormat
{
    /// <summary>By its content type.</summary>
    Auto,

    /// <summary>JSON.</summary>
    Json,

    /// <summary>application/x-www-form-urlencoded.</summary>
    Form,
}

/// <summary>How responses are read. A path is names with dots between them.</summary>
public sealed record ResponseRules
{
    /// <summary>The form of the body.</summary>
    public ResponseFormat Format { get; init; } = ResponseFormat.Auto;

    /// <summary>The path of the access token.</summary>
    public string AccessToken { get; init; } = "access_token";

    /// <summary>The path of the refresh token.</summary>
    public string RefreshToken { get; init; } = "refresh_token";

    /// <summary>The path of the lifetime.</summary>
    public string ExpiresIn { get; init; } = "expires_in";

    /// <summary>The path of the moment of expiry (RFC 3339, or a Unix time), which counts if there is no lifetime.</summary>
    public string ExpiresAt { get; init; } = "expires_at";

    /// <summary>The path of the refresh token's lifetime in seconds.</summary>
    public string RefreshTokenExpiresIn { get; init; } = "refresh_token_expires_in";

    /// <summary>The path of the type.</summary>
    public string TokenType { get; init; } = "token_type";

    /// <summary>The path of the scopes.</summary>
    public string Scope { get; init; } = "scope";

    /// <summary>The path of the id_token.</summary>
    public string IdToken { get; init; } = "id_token";

    /// <summary>A prefix of all paths in the response to a code, and not in that to a refresh (Slack's <c>authed_user</c>); null: none.</summary>
    public string? CodeExchangeRoot { get; init; }

    /// <summary>The type of every token, whatever the response says; null: as the response says.</summary>
    public string? FixedTokenType { get; init; }

    /// <summary>Values that make a response a failure, whatever its status (Slack's <c>ok: false</c>).</summary>
    public IReadOnlyList<FailureMarker> Failures { get; init; } = [];
}

/// <summary>A value that makes a response a failure.</summary>
/// <param name="Path">Its path.</param>
/// <param name="Value">As text; <c>true</c> and <c>false</c> for a flag.</param>
public sealed record FailureMarker(string Path, string Value);

/// <summary>When access tokens expire.</summary>
public sealed record ExpiryRules
{
    /// <summary>How long an interval between two checks of a token that never expires is, unless the document says otherwise.</summary>
    public static readonly TimeSpan DefaultCheckInterval = TimeSpan.FromHours(24);

    /// <summary>True if lifetimes are in milliseconds, and not in seconds.</summary>
    public bool IsInMilliseconds { get; init; }

    /// <summary>The lifetime of a token whose response has none; null: such a response is not valid.</summary>
    public TimeSpan? Default { get; init; }

    /// <summary>The longest lifetime that is believed; null: 10 years.</summary>
    public TimeSpan? Max { get; init; }

    /// <summary>True if the access token is a JWT whose <c>exp</c> counts if the response has no lifetime.</summary>
    public bool ReadsJwt { get; init; }

    /// <summary>True if a response without a lifetime means a token that never expires.</summary>
    public bool Never { get; init; }

    /// <summary>How often a token that never expires is checked.</summary>
    public TimeSpan CheckInterval { get; init; } = DefaultCheckInterval;

    /// <summary>Where to check it: a GET request with the access token, which a status of 401 rejects. Null: it is not checked.</summary>
    public Uri? CheckEndpoint { get; init; }
}

/// <summary>Whether the refresh token changes.</summary>
public enum RotationMode
{
    /// <summary>The refresh token stays.</summary>
    Never,

    /// <summary>A response can replace it.</summary>
    Sometimes,

    /// <summary>Every response replaces it.</summary>
    Always,
}

/// <summary>What the provider does when a refresh token is used again.</summary>
public enum ReplayEffect
{
    /// <summary>It is rejected, and nothing else happens.</summary>
    Error,

    /// <summary>It brings the same tokens, or new ones, and does no harm.</summary>
    Same,

    /// <summary>It ends the grant, together with the newest refresh token.</summary>
    RevokesGrant,
}

/// <summary>What becomes of a refresh token when it is used.</summary>
public sealed record RotationRules
{
    /// <summary>Whether it changes.</summary>
    public RotationMode Mode { get; init; } = RotationMode.Sometimes;

    /// <summary>How long the old one still works; <see cref="TimeSpan.MaxValue"/> if it does until the new one is used.</summary>
    public TimeSpan Grace { get; init; }

    /// <summary>What the use of an old one does after that.</summary>
    public ReplayEffect OnReplay { get; init; } = ReplayEffect.Error;

    /// <summary>True if the response can replace the refresh token, so that losing it can lose the grant.</summary>
    public bool CanRotate => Mode != RotationMode.Never;

    /// <summary>
    /// True if a refresh token may be sent again whose answer was lost: the provider accepts it once more, or at worst rejects it.
    /// </summary>
    /// <param name="age">How long ago it was used.</param>
    public bool MayReplay(TimeSpan age) => !CanRotate || OnReplay != ReplayEffect.RevokesGrant || age < Grace;
}

/// <summary>How long a refresh token works.</summary>
/// <param name="Idle">Without being used; null: unknown or unlimited.</param>
/// <param name="Absolute">From the consent, however often it is used; null: unknown or unlimited.</param>
public sealed record RefreshTokenLifetime(TimeSpan? Idle, TimeSpan? Absolute);

/// <summary>What errors mean.</summary>
public sealed record ErrorRules
{
    /// <summary>The paths of the error code; the first that is there counts.</summary>
    public IReadOnlyList<string> CodePaths { get; init; } = ["error"];

    /// <summary>The paths of the error's text; the first that is there counts.</summary>
    public IReadOnlyList<string> TextPaths { get; init; } = ["error_description"];

    /// <summary>The path of the error's numbers (Entra's <c>error_codes</c>); null: there are none.</summary>
    public string? NumbersPath { get; init; }

    /// <summary>In order: the first that matches decides. What no rule matches has the meaning of the standard.</summary>
    public IReadOnlyList<ErrorRule> Rules { get; init; } = [];
}

/// <summary>Assertions of the grant JWTBearer (RFC 7523 section 2.1).</summary>
public sealed record AssertionRules
{
    /// <summary>How long an assertion is valid. It is used once and at once, but the clocks of two machines differ.</summary>
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromMinutes(3);

    /// <summary>What errors mean in response to an assertion, before the rules for all responses.</summary>
    public IReadOnlyList<ErrorRule> ErrorRules { get; init; } = [];
}

/// <summary>Whether and where the operator's own identity counts. The operator sends its token nowhere else.</summary>
public sealed record WorkloadIdentityRules
{
    /// <summary>True if the token endpoint takes the operator's token as a client assertion.</summary>
    public bool AllowsClientAssertion { get; init; }

    /// <summary>Where the operator's token is exchanged (RFC 8693); null: nowhere.</summary>
    public Uri? ExchangeEndpoint { get; init; }

    /// <summary>The API that acts as a service account with what the exchange brings (Google's IAM credentials); null: none.</summary>
    public Uri? CredentialsEndpoint { get; init; }
}

/// <summary>One rule. A criterion that is null matches every response.</summary>
public sealed record ErrorRule
{
    /// <summary>The HTTP status.</summary>
    public int? Status { get; init; }

    /// <summary>The error code, compared exactly.</summary>
    public string? Code { get; init; }

    /// <summary>One of the numbers.</summary>
    public long? Number { get; init; }

    /// <summary>Part of the text, compared without regard to case.</summary>
    public string? Text { get; init; }

    /// <summary>What it means.</summary>
    public required FailureKind Kind { get; init; }

    /// <summary>The least time until the next attempt; null: as usual.</summary>
    public TimeSpan? MinDelay { get; init; }

    /// <summary>True if a response is one that this rule is about.</summary>
    /// <param name="status">Its HTTP status.</param>
    /// <param name="code">Its error code, or null.</param>
    /// <param name="numbers">Its error numbers.</param>
    /// <param name="texts">Its texts. One of them must have <see cref="Text"/> in it.</param>
    public bool Matches(int status, string? code, IReadOnlyList<long> numbers, params ReadOnlySpan<string?> texts)
    {
        if ((Status is { } wanted && wanted != status) || (Code is not null && Code != code) || (Number is { } number && !numbers.Contains(number)))
            return false;
        if (Text is null)
            return true;
        foreach (var text in texts)
        {
            if (text?.Contains(Text, StringComparison.OrdinalIgnoreCase) == true)
                return true;
        }

        return false;
    }

    /// <summary>True if every response that <paramref name="later"/> matches is matched by this rule.</summary>
    public bool Covers(ErrorRule later) =>
        (Status is null || Status == later.Status) && (Code is null || Code == later.Code) && (Number is null || Number == later.Number)
        && (Text is null || later.Text?.Contains(Text, StringComparison.OrdinalIgnoreCase) == true);
}

/// <summary>How often the provider may be asked.</summary>
public sealed record RequestLimits
{
    /// <summary>For all accounts together.</summary>
    public RequestRate Rate { get; init; } = RequestRate.Default;

    /// <summary>The least time between two refreshes of one account.</summary>
    public TimeSpan MinInterval { get; init; }
}

/// <summary>Where an exported value comes from.</summary>
/// <param name="Place">Which part of the exchange has it.</param>
/// <param name="Path">Its path or name there.</param>
public sealed record ExportSource(ExportPlace Place, string Path);

/// <summary>The parts of an exchange that can have a value to export.</summary>
public enum ExportPlace
{
    /// <summary>The response of the token endpoint.</summary>
    Response,

    /// <summary>The response of the authorization endpoint.</summary>
    Callback,

    /// <summary>A parameter of the document.</summary>
    Parameter,
}

/// <summary>What proves who revokes a grant.</summary>
public enum RevocationAuthentication
{
    /// <summary>The client, as at the token endpoint (RFC 7009 section 2.1).</summary>
    Client,

    /// <summary>The client, by its ID and secret in the body.</summary>
    Post,

    /// <summary>The client, by HTTP Basic.</summary>
    Basic,

    /// <summary>The token itself, as a bearer token (RFC 6750) and not as a parameter.</summary>
    Token,

    /// <summary>The token itself, as the parameter that it is.</summary>
    None,
}

/// <summary>How a provider revokes grants (RFC 7009).</summary>
public sealed record RevocationRules
{
    /// <summary>What stands for the client's identifier in <see cref="Endpoint"/>.</summary>
    public const string ClientIdPlaceholder = "{client_id}";

    /// <summary>Where. One segment of its path can be <see cref="ClientIdPlaceholder"/>.</summary>
    public required Uri Endpoint { get; init; }

    /// <summary>The method.</summary>
    public HttpMethod Method { get; init; } = HttpMethod.Post;

    /// <summary>The form of the request.</summary>
    public RequestFormat Format { get; init; } = RequestFormat.Form;

    /// <summary>What proves who revokes.</summary>
    public RevocationAuthentication Authentication { get; init; } = RevocationAuthentication.Client;

    /// <summary>True if the access token is sent, and not the refresh token.</summary>
    public bool SendsAccessToken { get; init; }

    /// <summary>The name of the parameter that holds the token.</summary>
    public string TokenParameter { get; init; } = "token";

    /// <summary>Changes of the parameters.</summary>
    public RequestParameters Parameters { get; init; } = RequestParameters.None;

    /// <summary>True if a revocation is possible only with the client.</summary>
    public bool NeedsClient => Authentication is not (RevocationAuthentication.Token or RevocationAuthentication.None) || HasClientId;

    private bool HasClientId => Endpoint.OriginalString.Contains(ClientIdPlaceholder, StringComparison.Ordinal);

    /// <summary>
    /// The address for a client; null if its identifier cannot be part of an address. An identifier comes from the Secret of a namespace,
    /// so it is used only if it can neither leave its segment nor be anything else than a name there.
    /// </summary>
    public Uri? EndpointFor(OAuthClient? client) =>
        !HasClientId ? Endpoint
        : client is not null && DocumentTemplate.Value().IsMatch(client.ClientId) ? new Uri(Endpoint.OriginalString.Replace(ClientIdPlaceholder, client.ClientId, StringComparison.Ordinal))
        : null;

    /// <summary>The provider, with the requests and the authentication of a revocation.</summary>
    public ProviderDocument ApplyTo(ProviderDocument provider)
    {
        ArgumentNullException.ThrowIfNull(provider);
        var method = Authentication switch
        {
            RevocationAuthentication.Post => ClientAuthenticationMethod.Post,
            RevocationAuthentication.Basic => ClientAuthenticationMethod.Basic,
            _ => provider.ClientAuthentication.Method,
        };
        return provider with
        {
            ClientAuthentication = provider.ClientAuthentication with { Method = method },
            Request = provider.Request with { Format = Format, Method = Method },
        };
    }
}

/// <summary>Who consented.</summary>
public sealed record IdentityRules
{
    /// <summary>The values that <c>iss</c> of the id_token, and of the authorization response, can have. Empty: not checked.</summary>
    public IReadOnlyList<string> Issuers { get; init; } = [];

    /// <summary>The claim of the id_token that names the person for other people.</summary>
    public string Claim { get; init; } = "email";

    /// <summary>True if the claim counts without <c>email_verified</c>, because only administrators can change it.</summary>
    public bool TrustsUnverified { get; init; }

    /// <summary>The path of the person's identifier in the response, for a provider without an id_token; null: none.</summary>
    public string? ResponsePath { get; init; }
}
