using System.Collections.Frozen;

namespace TokenOperator.Core.Tokens;

/// <summary>The tokens of one account: what Postgres stores and what a Secret is made from.</summary>
public sealed record TokenSet
{
    /// <summary>The long-lived token; null only for an adopted row without one.</summary>
    public SecretValue? RefreshToken { get; init; }

    /// <summary>The short-lived token, or null before the first refresh.</summary>
    public SecretValue? AccessToken { get; init; }

    /// <summary>How the access token is used: <c>Bearer</c> (RFC 6750).</summary>
    public string TokenType { get; init; } = "Bearer";

    /// <summary>The granted scopes, in the order of the provider; empty if the provider never named them.</summary>
    public IReadOnlyList<string> Scopes { get; init; } = [];

    /// <summary>When the access token was issued; null if unknown.</summary>
    public DateTimeOffset? IssuedAt { get; init; }

    /// <summary>When the access token expires; null without <see cref="AccessToken"/>, if unknown, or if it never does.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>True if the access token never expires. It is checked now and then instead of being refreshed.</summary>
    public bool NeverExpires { get; init; }

    /// <summary>When an access token that never expires was last checked; null if it was not.</summary>
    public DateTimeOffset? CheckedAt { get; init; }

    /// <summary>When its owner consented; null if unknown.</summary>
    public DateTimeOffset? ConsentedAt { get; init; }

    /// <summary>When the refresh token expires (Google's <c>refresh_token_expires_in</c>); null if unknown.</summary>
    public DateTimeOffset? RefreshTokenExpiresAt { get; init; }

    /// <summary>Who consented, as recorded at the consent or in the token file; null if unknown.</summary>
    public Identity? Identity { get; init; }

    /// <summary>Values of the provider that the Secret has beside the token, by their key there.</summary>
    public IReadOnlyDictionary<string, string> Exports { get; init; } = NoExports;

    /// <summary>No values.</summary>
    public static IReadOnlyDictionary<string, string> NoExports { get; } = FrozenDictionary<string, string>.Empty;

    /// <summary>The token that stands for the grant: the refresh token, or an access token that never expires.</summary>
    public SecretValue? GrantToken => RefreshToken ?? (NeverExpires ? AccessToken : null);

    /// <summary>What the access token was issued for: see <see cref="Grant.InputsFingerprint"/>. Null for one that a refresh token brought.</summary>
    public string? GrantInputs { get; init; }

    /// <summary>
    /// The host of the token endpoint that the tokens came from, with its port unless that is the usual one; null if it is not known. It is
    /// encrypted together with the refresh token, so nobody without the keys can change where that may be sent.
    /// </summary>
    public string? TokenHost { get; init; }

    /// <summary>True when there is an access token that is valid at <paramref name="now"/>.</summary>
    public bool IsValidAt(DateTimeOffset now) => AccessToken is not null && (NeverExpires || ExpiresAt > now);
}
