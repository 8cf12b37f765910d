using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Authorization;

namespace TokenOperator.Providers.OAuth2;

/// <summary>The authorization code grant with PKCE, and an id_token that says who consented.</summary>
/// <param name="options">With an authorization endpoint.</param>
/// <param name="endpoints">Calls the token endpoint.</param>
/// <param name="time">Compared with the expiry of the id_token.</param>
public sealed class OAuth2AuthorizationProvider(ProviderOptions options, TokenEndpointClient endpoints, TimeProvider time) : IAuthorizationProvider
{
    private readonly Uri _authorizationEndpoint = options.AuthorizationEndpoint
        ?? throw new ArgumentException($"Provider {options.Name} has no authorization endpoint.", nameof(options));

    /// <inheritdoc/>
    public Uri AuthorizationUri(AuthorizationRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return request.ToUri(_authorizationEndpoint, options.ConsentScopes);
    }

    /// <inheritdoc/>
    public bool IsFrom(AuthorizationResponse response)
    {
        ArgumentNullException.ThrowIfNull(response);
        return response.Issuer is not { } issuer || options.Issuers.Count == 0 || options.Issuers.Contains(issuer, StringComparer.Ordinal);
    }

    /// <inheritdoc/>
    public async Task<CodeExchangeResponse> ExchangeCodeAsync(OAuthClient client, SecretValue code, Pkce pkce, Uri redirectUri, CancellationToken cancellationToken)
    {
        // RFC 6749 section 4.1.3, RFC 7636 section 4.5.
        KeyValuePair<string, string>[] form =
        [
            new("client_id", client.ClientId),
            new("client_secret", client.ClientSecret.Reveal()),
            new("grant_type", "authorization_code"),
            new("code", code.Reveal()),
            new("code_verifier", pkce.Verifier.Reveal()),
            new("redirect_uri", redirectUri.AbsoluteUri),
        ];
        var result = await endpoints.PostAsync(options.TokenEndpoint, form, options.Timeout, cancellationToken);
        switch (TokenResponseClassifier.Classify(result, code, pkce.Verifier, client.ClientSecret))
        {
            case TokenResponse.Granted granted:
                var idToken = (result as TokenEndpointResult.Replied)?.Reply.IdToken;
                SecretValue?[] secrets = [code, pkce.Verifier, client.ClientSecret, granted.AccessToken, granted.RefreshToken];
                var identity = IdToken.Read(idToken, client.ClientId, options.Issuers, time.GetUtcNow(), secrets, out var error);
                return new CodeExchangeResponse.Granted(granted.WithoutEchoes(secrets), identity, error);
            case TokenResponse.Failed failed:
                return new CodeExchangeResponse.Failed(failed.Kind, failed.Detail);
            case var other:
                throw new InvalidOperationException($"{other.GetType().Name} has no meaning here.");
        }
    }

    /// <inheritdoc/>
    public Task<RevocationResponse> RevokeAsync(SecretValue token, CancellationToken cancellationToken) => OAuth2TokenProvider.RevokeAsync(options, endpoints, token, cancellationToken);
}
