// The contract of an OAuth 2.0 provider. It knows nothing about Kubernetes or storage. OAuth2/ makes the HTTP calls.
using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers;

/// <summary>An authorization server that refreshes and revokes tokens (RFC 6749 section 6, RFC 7009). One instance serves all accounts.</summary>
public interface ITokenProvider
{
    /// <summary>The value of <c>spec.provider</c> that means this provider.</summary>
    string Name => Document.Name;

    /// <summary>Everything that is known about the provider.</summary>
    ProviderDocument Document { get; }

    /// <summary>The rate limit for refreshes. The caller keeps to it.</summary>
    RequestRate Rate => Document.Limits.Rate;

    /// <summary>The maximum duration of one request.</summary>
    TimeSpan Timeout => Document.Timeout;

    /// <summary>True if a response can replace the refresh token, so that losing the response loses the grant: call it only while responses can be stored.</summary>
    bool RotatesRefreshTokens => Document.Rotation.CanRotate;

    /// <summary>Asks a person for consent; null if its document names no authorization endpoint.</summary>
    IAuthorizationProvider? Authorization { get; }

    /// <summary>Why the provider cannot serve the grant: the end of a sentence. Null if it can.</summary>
    string? FindUnsupported(Grant grant);

    /// <summary>Asks a person for consent by a code; null if its document names no device authorization endpoint.</summary>
    IDeviceAuthorizationProvider? DeviceAuthorization { get; }

    /// <summary>
    /// Calls the token endpoint once. Never retries, and returns every response, timeout and connection error as a value.
    /// A cancellation counts until the request is sent, and not afterwards: a response that is dropped can be a rotated refresh token.
    /// </summary>
    /// <exception cref="OperationCanceledException">The caller canceled, and nothing was sent.</exception>
    Task<TokenResponse> RefreshAsync(GrantRequest request, CancellationToken cancellationToken);

    /// <summary>Revokes the grant that <paramref name="token"/> belongs to. A token that is already invalid counts as revoked.</summary>
    /// <param name="client">The OAuth client of the grant; null if it cannot be read. Some providers revoke without it.</param>
    /// <param name="token">The tokens of the account.</param>
    /// <param name="cancellationToken">Counts until the request is sent.</param>
    /// <exception cref="OperationCanceledException">The caller canceled, and nothing was sent.</exception>
    Task<RevocationResponse> RevokeAsync(OAuthClient? client, TokenSet token, CancellationToken cancellationToken);
}

/// <summary>What the call of a token endpoint means.</summary>
public abstract record TokenResponse
{
    private static readonly TimeSpan MaxRetryAfter = TimeSpan.FromHours(1);

    private TokenResponse()
    {
    }

    /// <summary>A server's Retry-After, as far as it is believed: up to an hour.</summary>
    internal static TimeSpan? Believable(TimeSpan? retryAfter) => retryAfter > MaxRetryAfter ? MaxRetryAfter : retryAfter;

    /// <summary>A token.</summary>
    /// <param name="AccessToken">Printable ASCII.</param>
    /// <param name="ExpiresIn">The lifetime, counted from when the request was sent; at least 5 seconds, at most 10 years. Null: it never expires.</param>
    /// <param name="TokenType"><c>Bearer</c> if the response names none.</param>
    /// <param name="Scopes">The granted scopes; null if the response names none, and they are unchanged then (RFC 6749 section 5.1).</param>
    /// <param name="RefreshToken">Replaces the old one, which null keeps.</param>
    /// <param name="RefreshTokenExpiresIn">Google's <c>refresh_token_expires_in</c>, or null.</param>
    public sealed record Granted(
        SecretValue AccessToken,
        TimeSpan? ExpiresIn,
        string TokenType,
        IReadOnlyList<string>? Scopes,
        SecretValue? RefreshToken,
        TimeSpan? RefreshTokenExpiresIn) : TokenResponse
    {
        /// <summary>The values to export, by the key that they have in the Secret; printable and at most 1 KiB each.</summary>
        public IReadOnlyDictionary<string, string> Exports { get; init; } = TokenSet.NoExports;

        /// <summary>The same without scopes, a type and exported values that repeat one of <paramref name="secrets"/>: all of them are shown.</summary>
        public Granted WithoutEchoes(params SecretValue?[] secrets)
        {
            var scopes = Scopes?.Where(scope => !Redactor.Repeats(scope, secrets)).ToList();
            return this with
            {
                Scopes = scopes is { Count: > 0 } ? scopes : null,
                TokenType = TokenType != "Bearer" && Redactor.Repeats(TokenType, secrets) ? "Bearer" : TokenType,
                Exports = Exports.Count == 0
                    ? Exports
                    : Exports.Where(export => !Redactor.Repeats(export.Value, secrets)).ToDictionary(StringComparer.Ordinal),
            };
        }
    }

    /// <summary>The access token, which never expires, was checked and still works.</summary>
    public sealed record StillValid : TokenResponse;

    /// <summary>No token.</summary>
    /// <param name="Kind">What it means.</param>
    /// <param name="Detail">Safe to show: status, error code and description, at most 300 printable characters; never part of a token.</param>
    /// <param name="RetryAfter">The server's Retry-After (RFC 9110 section 10.2.3), at most 1 h; null if it names none.</param>
    /// <param name="RefreshToken">
    /// A new refresh token in a response that is otherwise useless (no access token, no lifetime). Store it like that of a
    /// <see cref="Granted"/>, because the old one may no longer work. Nearly always null.
    /// </param>
    public sealed record Failed(FailureKind Kind, string Detail, TimeSpan? RetryAfter = null, SecretValue? RefreshToken = null) : TokenResponse
    {
        /// <summary>The least time until the next attempt, by a rule of the provider's document; null if there is none.</summary>
        public TimeSpan? MinDelay { get; init; }

        /// <summary>True if no reply arrived, so that the provider can have carried out the request.</summary>
        public bool IsUnanswered { get; init; }

        /// <summary>True if the reply has an error code that neither the document nor the standard explains.</summary>
        public bool HasUnknownCode { get; init; }
    }
}

/// <summary>What the call of a revocation endpoint means.</summary>
/// <param name="Revoked">True if the token no longer works.</param>
/// <param name="Detail">Safe to show; empty on success.</param>
public sealed record RevocationResponse(bool Revoked, string Detail);
