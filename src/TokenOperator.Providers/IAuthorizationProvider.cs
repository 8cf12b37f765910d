using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Authorization;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers;

/// <summary>An authorization server that a person consents at in a browser: the code grant (RFC 6749 section 4.1) with PKCE (RFC 7636).</summary>
public interface IAuthorizationProvider
{
    /// <summary>Everything that is known about the provider.</summary>
    ProviderDocument Document { get; }

    /// <summary>The address that the browser opens (RFC 6749 section 4.1.1).</summary>
    Uri AuthorizationUri(AuthorizationRequest request);

    /// <summary>
    /// False if the response names another server as its issuer: it then belongs to a consent at that server, and this one must not
    /// receive its code (RFC 9207 section 2.4).
    /// </summary>
    bool IsFrom(AuthorizationResponse response);

    /// <summary>
    /// Exchanges the code once (RFC 6749 section 4.1.3). Never retries, and returns every response as a value. The response comes
    /// from the settings' token endpoint over TLS, so the id_token's signature is not checked; its issuer, audience and expiry
    /// are (OpenID Connect Core section 3.1.3.7).
    /// </summary>
    /// <param name="client">The OAuth client that the code was issued to.</param>
    /// <param name="response">With a code.</param>
    /// <param name="pkce">Of the <see cref="AuthorizationRequest"/>.</param>
    /// <param name="redirectUri">Of the <see cref="AuthorizationRequest"/>.</param>
    /// <param name="cancellationToken">Counts until the request is sent.</param>
    /// <exception cref="OperationCanceledException">The caller canceled, and nothing was sent.</exception>
    Task<CodeExchangeResponse> ExchangeCodeAsync(OAuthClient client, AuthorizationResponse response, Pkce pkce, Uri redirectUri, CancellationToken cancellationToken);

    /// <inheritdoc cref="ITokenProvider.RevokeAsync"/>
    Task<RevocationResponse> RevokeAsync(OAuthClient? client, TokenSet token, CancellationToken cancellationToken);
}

/// <summary>What a code was exchanged for.</summary>
public abstract record CodeExchangeResponse
{
    private CodeExchangeResponse()
    {
    }

    /// <summary>A token, and who consented.</summary>
    /// <param name="Token">As after a refresh, but possibly without a refresh token.</param>
    /// <param name="Identity">Null if the id_token does not prove one.</param>
    /// <param name="Unidentified">Why it is null; safe to show.</param>
    public sealed record Granted(TokenResponse.Granted Token, Identity? Identity, string? Unidentified = null) : CodeExchangeResponse
    {
        /// <summary>The tokens to store.</summary>
        /// <param name="requestedAt">When the code was exchanged: lifetimes count from here.</param>
        /// <param name="provider">Who issued them.</param>
        public TokenSet ToTokenSet(DateTimeOffset requestedAt, ProviderDocument provider) => new()
        {
            AccessToken = Token.AccessToken,
            RefreshToken = Token.RefreshToken,
            TokenType = Token.TokenType,
            Scopes = Token.Scopes ?? [],
            IssuedAt = requestedAt,
            ExpiresAt = requestedAt + Token.ExpiresIn,
            NeverExpires = Token.ExpiresIn is null,
            ConsentedAt = requestedAt,
            RefreshTokenExpiresAt = requestedAt + Token.RefreshTokenExpiresIn
                ?? RefreshPolicy.ConsentEnd(requestedAt, requestedAt, provider.RefreshToken.Idle, provider.RefreshToken.Absolute),
            Identity = Identity,
            Exports = Token.Exports,
            TokenHost = provider.TokenHost,
        };
    }

    /// <summary>No token.</summary>
    /// <param name="Kind">What it means.</param>
    /// <param name="Detail">Safe to show.</param>
    public sealed record Failed(FailureKind Kind, string Detail) : CodeExchangeResponse;
}
