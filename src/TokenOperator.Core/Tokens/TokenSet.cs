namespace TokenOperator.Core.Tokens;

/// <summary>All that is known of one account's tokens: what is stored in Postgres and what a Secret is made from.</summary>
public sealed record TokenSet
{
    /// <summary>The long-lived token; null only for a row that was adopted without one.</summary>
    public SecretValue? RefreshToken { get; init; }

    /// <summary>The short-lived token, or null before the first refresh.</summary>
    public SecretValue? AccessToken { get; init; }

    /// <summary>How the access token is presented: <c>Bearer</c> (RFC 6750).</summary>
    public string TokenType { get; init; } = "Bearer";

    /// <summary>Scopes that were granted, in the provider's order; empty when the provider never said.</summary>
    public IReadOnlyList<string> Scopes { get; init; } = [];

    /// <summary>When the access token was handed out, or null when that is not known.</summary>
    public DateTimeOffset? IssuedAt { get; init; }

    /// <summary>When the access token stops being valid; null together with <see cref="AccessToken"/>, or when unknown.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>When the refresh token itself ends (Google's <c>refresh_token_expires_in</c>), or null when it has no known end.</summary>
    public DateTimeOffset? RefreshTokenExpiresAt { get; init; }

    /// <summary>Who consented to it, as recorded at the consent or in the token file; null when that is not known.</summary>
    public Identity? Identity { get; init; }

    /// <summary>True when there is an access token that is valid at <paramref name="now"/>.</summary>
    public bool IsValidAt(DateTimeOffset now) => AccessToken is not null && ExpiresAt > now;
}
