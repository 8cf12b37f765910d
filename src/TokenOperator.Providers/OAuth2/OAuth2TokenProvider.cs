// OAuth 2.0 over HTTP. Knows addresses, requests and replies; nothing of accounts, rows or Kubernetes.
using Microsoft.Extensions.Logging;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.Grants;

namespace TokenOperator.Providers.OAuth2;

/// <summary>A provider whose document says how it refreshes and revokes.</summary>
public sealed partial class OAuth2TokenProvider : ITokenProvider
{
    private readonly TokenEndpointCaller _caller;
    private readonly MachineGrants _grants;
    private readonly TimeProvider _time;
    private readonly ProviderMetrics _metrics;
    private readonly ILogger _logger;

    /// <summary>Exports the provider's metrics as 0.</summary>
    public OAuth2TokenProvider(
        ProviderDocument document, TokenEndpointClient endpoints, WorkloadIdentityFile file, TimeProvider time, ProviderMetrics metrics, ILogger<OAuth2TokenProvider> logger)
    {
        Document = document;
        _caller = new TokenEndpointCaller(document, endpoints, time);
        _grants = new MachineGrants(document, new GrantTransport(endpoints, time), file, time);
        _time = time;
        _metrics = metrics;
        _logger = logger;
        Authorization = document.AuthorizationEndpoint is null ? null : new OAuth2AuthorizationProvider(document, endpoints, time);
        DeviceAuthorization = document.DeviceAuthorizationEndpoint is null ? null : new OAuth2DeviceAuthorizationProvider(document, endpoints, time);
        metrics.Add(document.Name);
    }

    /// <inheritdoc/>
    public ProviderDocument Document { get; }

    /// <inheritdoc/>
    public IAuthorizationProvider? Authorization { get; }

    /// <inheritdoc/>
    public IDeviceAuthorizationProvider? DeviceAuthorization { get; }

    /// <inheritdoc/>
    public string? FindUnsupported(Grant grant) => _grants.FindUnsupported(grant);

    /// <inheritdoc/>
    public async Task<TokenResponse> RefreshAsync(GrantRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var started = _time.GetTimestamp();
        cancellationToken.ThrowIfCancellationRequested();
        var response = request.Token switch
        {
            _ when !request.Grant.NeedsConsent => await _grants.RequestAsync(request),
            { NeverExpires: true, AccessToken: { } accessToken } when Document.Expiry is { Never: true, CheckEndpoint: { } endpoint } =>
                TokenResponseClassifier.ClassifyCheck(Document, await _caller.CheckAsync(endpoint, accessToken, cancellationToken)),
            { RefreshToken: { } refreshToken } => await RefreshAsync(request, refreshToken, cancellationToken),
            { NeverExpires: true, AccessToken: not null } when Document.Expiry.Never => new TokenResponse.StillValid(),
            { NeverExpires: true, AccessToken: not null } => new TokenResponse.Failed(
                FailureKind.ReauthorizationRequired,
                $"nothing was sent: the account has no refresh token, but an access token that never expires, and the document of provider {Document.Name} says that access tokens expire (expiry.never)"),
            _ => throw new ArgumentException("There is no token to refresh with.", nameof(request)),
        };
        var failure = (response as TokenResponse.Failed)?.Kind;
        var elapsed = _time.GetElapsedTime(started);
        _metrics.Record(Document.Name, failure, elapsed);
        LogResponse(Document.Name, failure, elapsed);
        return response;
    }

    /// <inheritdoc/>
    public Task<RevocationResponse> RevokeAsync(OAuthClient? client, TokenSet token, CancellationToken cancellationToken) => Document.Protocol == ProviderProtocol.GitHubApp
        ? _grants.RevokeAsync(token)
        : RevokeAsync(_caller, client, token, cancellationToken);

    /// <inheritdoc cref="ITokenProvider.RevokeAsync"/>
    internal static async Task<RevocationResponse> RevokeAsync(TokenEndpointCaller caller, OAuthClient? client, TokenSet token, CancellationToken cancellationToken)
    {
        var name = caller.Provider.Name;
        if (caller.Provider.Revocation is not { } rules)
            return new RevocationResponse(false, $"provider {name} has no revocation endpoint: set {caller.Provider.PlaceOf("revocation.endpoint")}, or revoke the grant at the provider");
        if (rules.NeedsClient && client is null)
            return new RevocationResponse(false, $"provider {name} revokes grants only for their OAuth client, and the client Secret cannot be read: restore it, or revoke the grant at the provider");
        if ((rules.SendsAccessToken ? token.AccessToken : token.RefreshToken ?? token.AccessToken) is not { } revoked)
        {
            return token.RefreshToken is null
                ? new RevocationResponse(true, "")
                : new RevocationResponse(false, $"provider {name} revokes grants by their access token, and the account has none: revoke the grant at the provider");
        }

        if (rules.EndpointFor(client) is not { } endpoint)
        {
            return new RevocationResponse(
                false,
                $"nothing was sent: provider {name} revokes grants at an address that has the client ID in it, and the client ID in the client Secret is not 1 to 253 letters, digits and ._~-: "
                + "check it, or revoke the grant at the provider");
        }

        var requests = caller.With(rules.ApplyTo(caller.Provider));
        var call = rules.Authentication switch
        {
            RevocationAuthentication.Token => await requests.SendBearerAsync(endpoint, revoked, rules.Parameters, cancellationToken),
            RevocationAuthentication.None => await requests.SendAsync(endpoint, null, rules.Parameters, [(rules.TokenParameter, revoked.Reveal())], [revoked], cancellationToken),
            _ => await requests.SendAsync(endpoint, client, rules.Parameters, [(rules.TokenParameter, revoked.Reveal())], [revoked], cancellationToken),
        };
        return TokenResponseClassifier.ClassifyRevocation(call.Result, call.Secrets);
    }

    private async Task<TokenResponse> RefreshAsync(GrantRequest request, SecretValue token, CancellationToken cancellationToken)
    {
        var call = await _caller.SendAsync(
            Document.Refresh.Endpoint ?? Document.TokenEndpoint, request.Client, Document.Refresh.Parameters, RefreshParameters(Document, token, request.Scopes),
            [token], cancellationToken);
        return call.Classify(Document);
    }

    /// <summary>The parameters of a refresh (RFC 6749 section 6).</summary>
    internal static IEnumerable<(string Name, string? Value)> RefreshParameters(ProviderDocument document, SecretValue token, IReadOnlyList<string> scopes) =>
    [
        ("grant_type", document.Refresh.GrantType),
        (document.Refresh.TokenParameter, token.Reveal()),
        (document.Scopes.Parameter, document.Refresh.SendsScopes && scopes.Count > 0 ? string.Join(document.Scopes.Separator, scopes) : null),
    ];

    [LoggerMessage(EventId = 400, Level = LogLevel.Debug, Message = "Requested a token from provider {Provider}; failure {Failure}, took {Elapsed}")]
    private partial void LogResponse(string provider, FailureKind? failure, TimeSpan elapsed);
}
