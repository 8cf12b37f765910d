using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers;

/// <summary>What a provider is asked for.</summary>
/// <param name="Client">The OAuth client to authenticate as; null for a grant without one.</param>
/// <param name="Token">The tokens of the account.</param>
public sealed record GrantRequest(OAuthClient? Client, TokenSet Token)
{
    /// <summary>How the token is obtained.</summary>
    public Grant Grant { get; init; } = Grant.RefreshToken.Instance;

    /// <summary>The key that signs assertions; null for a grant without one.</summary>
    public PrivateKey? Key { get; init; }

    /// <summary>The scopes of the spec. Only some providers receive them with a refresh token.</summary>
    public IReadOnlyList<string> Scopes { get; init; } = [];
}
