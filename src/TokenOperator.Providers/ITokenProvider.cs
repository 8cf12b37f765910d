// The contract of an OAuth 2.0 provider. It knows nothing about Kubernetes or storage. OAuth2/ makes the HTTP calls.
using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers;

/// <summary>An authorization server that refreshes and revokes tokens (RFC 6749 section 6, RFC 7009). One instance serves all accounts.</summary>
public interface ITokenProvider
{
    /// <summary>The value of <c>spec.provider</c> that means this provider.</summary>
    string Name { get; }

    /// <summary>The rate limit for refreshes. The caller keeps to it.</summary>
    RequestRate Rate { get; }

    /// <summary>The maximum duration of one request.</summary>
    TimeSpan Timeout { get; }

    /// <summary>True if a response can replace the refresh token, so that losing the response loses the grant: call it only while responses can be stored.</summary>
    bool RotatesRefreshTokens { get; }

    /// <summary>Asks a person for consent; null if the settings name no authorization endpoint.</summary>
    IAuthorizationProvider? Authorization { get; }

    /// <summary>
    /// Calls the token endpoint once. Never retries, and returns every response, timeout and connection error as a value.
    /// A cancellation counts until the request is sent, and not afterwards: a response that is dropped can be a rotated refresh token.
    /// </summary>
    /// <exception cref="OperationCanceledException">The caller canceled, and nothing was sent.</exception>
    Task<TokenResponse> RefreshAsync(OAuthClient client, SecretValue refreshToken, CancellationToken cancellationToken);

    /// <summary>Revokes the grant that <paramref name="token"/> belongs to. A token that is already invalid counts as revoked.</summary>
    /// <exception cref="OperationCanceledException">The caller canceled, and nothing was sent.</exception>
    Task<RevocationResponse> RevokeAsync(SecretValue token, CancellationToken cancellationToken);
}

/// <summary>What the call of a token endpoint means.</summary>
public abstract record TokenResponse
{
    private TokenResponse()
    {
    }

    /// <summary>A token.</summary>
    /// <param name="AccessToken">Printable ASCII.</param>
    /// <param name="ExpiresIn">The lifetime, counted from when the request was sent; at least 5 seconds, at most 10 years.</param>
    /// <param name="TokenType"><c>Bearer</c> if the response names none.</param>
    /// <param name="Scopes">The granted scopes; null if the response names none, and they are unchanged then (RFC 6749 section 5.1).</param>
    /// <param name="RefreshToken">Replaces the old one, which null keeps.</param>
    /// <param name="RefreshTokenExpiresIn">Google's <c>refresh_token_expires_in</c>, or null.</param>
    public sealed record Granted(
        SecretValue AccessToken,
        TimeSpan ExpiresIn,
        string TokenType,
        IReadOnlyList<string>? Scopes,
        SecretValue? RefreshToken,
        TimeSpan? RefreshTokenExpiresIn) : TokenResponse
    {
        /// <summary>The same without scopes, and without a type, that repeat part of one of <paramref name="secrets"/>: both are shown.</summary>
        public Granted WithoutEchoes(params SecretValue?[] secrets)
        {
            var scopes = Scopes?.Where(scope => !Redactor.Holds(scope, secrets)).ToList();
            return this with
            {
                Scopes = scopes is { Count: > 0 } ? scopes : null,
                TokenType = TokenType != "Bearer" && Redactor.Holds(TokenType, secrets) ? "Bearer" : TokenType,
            };
        }
    }

    /// <summary>No token.</summary>
    /// <param name="Kind">What it means.</param>
    /// <param name="Detail">Safe to show: status, error code and description, at most 300 printable characters; never part of a token.</param>
    /// <param name="RetryAfter">The server's Retry-After (RFC 9110 section 10.2.3), at most 1 h; null if it names none.</param>
    /// <param name="RefreshToken">
    /// A new refresh token in a response that is otherwise useless (no access token, no lifetime). Store it like that of a
    /// <see cref="Granted"/>, because the old one may no longer work. Nearly always null.
    /// </param>
    public sealed record Failed(FailureKind Kind, string Detail, TimeSpan? RetryAfter = null, SecretValue? RefreshToken = null) : TokenResponse;
}

/// <summary>What the call of a revocation endpoint means.</summary>
/// <param name="Revoked">True if the token no longer works.</param>
/// <param name="Detail">Safe to show; empty on success.</param>
public sealed record RevocationResponse(bool Revoked, string Detail);
