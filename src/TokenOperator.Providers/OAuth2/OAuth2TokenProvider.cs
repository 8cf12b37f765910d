// OAuth 2.0 over HTTP. Knows addresses, forms and replies; nothing of accounts, rows or Kubernetes.
using Microsoft.Extensions.Logging;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers.OAuth2;

/// <summary>Google, and every other server that speaks the same protocol: client_id and client_secret in the form, a JSON reply.</summary>
public sealed partial class OAuth2TokenProvider : ITokenProvider
{
    private readonly ProviderOptions _options;
    private readonly TokenEndpointClient _endpoints;
    private readonly TimeProvider _time;
    private readonly ProviderMetrics _metrics;
    private readonly ILogger _logger;

    /// <summary>Exports the provider's metrics as 0.</summary>
    public OAuth2TokenProvider(
        ProviderOptions options, TokenEndpointClient endpoints, TimeProvider time, ProviderMetrics metrics, ILogger<OAuth2TokenProvider> logger)
    {
        _options = options;
        _endpoints = endpoints;
        _time = time;
        _metrics = metrics;
        _logger = logger;
        Authorization = options.AuthorizationEndpoint is null ? null : new OAuth2AuthorizationProvider(options, endpoints, time);
        metrics.Add(options.Name);
    }

    /// <inheritdoc/>
    public string Name => _options.Name;

    /// <inheritdoc/>
    public RequestRate Rate => _options.Rate;

    /// <inheritdoc/>
    public TimeSpan Timeout => _options.Timeout;

    /// <inheritdoc/>
    public bool RotatesRefreshTokens => _options.RotatesRefreshTokens;

    /// <inheritdoc/>
    public IAuthorizationProvider? Authorization { get; }

    /// <inheritdoc/>
    public async Task<TokenResponse> RefreshAsync(OAuthClient client, SecretValue refreshToken, CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        // RFC 6749 section 6.
        KeyValuePair<string, string>[] form =
        [
            new("client_id", client.ClientId),
            new("client_secret", client.ClientSecret.Reveal()),
            new("grant_type", "refresh_token"),
            new("refresh_token", refreshToken.Reveal()),
        ];
        var result = await _endpoints.PostAsync(_options.TokenEndpoint, form, Timeout, cancellationToken);
        var response = TokenResponseClassifier.Classify(result, refreshToken, client.ClientSecret);
        var failure = (response as TokenResponse.Failed)?.Kind;
        var elapsed = _time.GetElapsedTime(started);
        _metrics.Record(Name, failure, elapsed);
        LogResponse(Name, failure, elapsed);
        return response;
    }

    /// <inheritdoc/>
    public Task<RevocationResponse> RevokeAsync(SecretValue token, CancellationToken cancellationToken) => RevokeAsync(_options, _endpoints, token, cancellationToken);

    /// <inheritdoc cref="ITokenProvider.RevokeAsync"/>
    internal static async Task<RevocationResponse> RevokeAsync(ProviderOptions options, TokenEndpointClient endpoints, SecretValue token, CancellationToken cancellationToken)
    {
        if (options.RevocationEndpoint is not { } endpoint)
            return new RevocationResponse(false, $"provider {options.Name} has no revocation endpoint: set Providers:{options.Name}:RevocationEndpoint, or revoke the grant at the provider");
        // RFC 7009 section 2.1: the token is in the body, so no log of addresses shows it.
        var result = await endpoints.PostAsync(endpoint, [new("token", token.Reveal())], options.Timeout, cancellationToken);
        return TokenResponseClassifier.ClassifyRevocation(result, token);
    }

    [LoggerMessage(EventId = 400, Level = LogLevel.Debug, Message = "Requested a token from provider {Provider}; failure {Failure}, took {Elapsed}")]
    private partial void LogResponse(string provider, FailureKind? failure, TimeSpan elapsed);
}
