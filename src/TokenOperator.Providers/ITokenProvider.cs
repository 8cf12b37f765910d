// Providers know the token endpoint and nothing of Kubernetes or storage.
using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers;

/// <summary>An OAuth 2.0 authorization server that refreshes and revokes (RFC 6749 section 6, RFC 7009). One instance serves all accounts.</summary>
public interface ITokenProvider
{
    /// <summary>The name by which <c>spec.provider</c> means it.</summary>
    string Name { get; }

    /// <summary>How often it may be asked to refresh; whoever asks keeps to it.</summary>
    RequestRate Rate { get; }

    /// <summary>No request takes longer.</summary>
    TimeSpan TimeLimit { get; }

    /// <summary>True when an answer that is lost can be a refresh token lost: it is asked only while its answer can be kept.</summary>
    bool RotatesRefreshTokens { get; }

    /// <summary>
    /// Asks the token endpoint once. Never retries and never throws for an answer, however broken: that is a
    /// <see cref="TokenResponse.Failed"/>. <paramref name="ct"/> is honoured until the request is sent and not
    /// after, since an answer thrown away can be a rotated refresh token lost.
    /// </summary>
    Task<TokenResponse> RefreshAsync(OAuthClient client, SecretValue refreshToken, CancellationToken ct);

    /// <summary>Revokes the grant behind <paramref name="token"/>, posting it in the body. An already dead token counts as revoked.</summary>
    Task<RevocationResponse> RevokeAsync(SecretValue token, CancellationToken ct);
}

/// <summary>What the token endpoint answered.</summary>
public abstract record TokenResponse
{
    private TokenResponse()
    {
    }

    /// <summary>A token.</summary>
    /// <param name="AccessToken">Not empty.</param>
    /// <param name="ExpiresIn">Lifetime counted from the moment the request was sent; positive, at most 10 years.</param>
    /// <param name="TokenType"><c>Bearer</c> when the server was silent.</param>
    /// <param name="Scopes">As granted now; null when the reply does not say (unchanged then, RFC 6749 section 5.1).</param>
    /// <param name="RefreshToken">A new one that replaces the old, or null to keep the old.</param>
    /// <param name="RefreshTokenExpiresIn">Google's <c>refresh_token_expires_in</c>, or null.</param>
    public sealed record Granted(
        SecretValue AccessToken,
        TimeSpan ExpiresIn,
        string TokenType,
        IReadOnlyList<string>? Scopes,
        SecretValue? RefreshToken,
        TimeSpan? RefreshTokenExpiresIn) : TokenResponse;

    /// <summary>No token.</summary>
    /// <param name="Kind">What it means.</param>
    /// <param name="Detail">Safe to show: status, error code and description in printable characters, 300 at most; never part of a token.</param>
    /// <param name="RetryAfter">The server's wish (RFC 9110 section 10.2.3), capped at 1 h; null when it has none.</param>
    /// <param name="RefreshToken">
    /// A new refresh token in a reply that is otherwise of no use (no access token, no lifetime). The old one may be dead
    /// from now on, so this one is stored like that of a <see cref="Granted"/>. Nearly always null.
    /// </param>
    public sealed record Failed(FailureKind Kind, string Detail, TimeSpan? RetryAfter = null, SecretValue? RefreshToken = null) : TokenResponse;
}

/// <summary>What the revocation endpoint answered.</summary>
/// <param name="Revoked">True when the token is dead now.</param>
/// <param name="Detail">Safe to show; empty on success.</param>
public sealed record RevocationResponse(bool Revoked, string Detail);
