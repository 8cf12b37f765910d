using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers;

/// <summary>What a provider is asked for.</summary>
/// <param name="Client">The OAuth client to authenticate as.</param>
/// <param name="Token">The tokens of the account.</param>
public sealed record GrantRequest(OAuthClient Client, TokenSet Token)
{
    /// <summary>The scopes of the spec. Only some providers receive them.</summary>
    public IReadOnlyList<string> Scopes { get; init; } = [];
}
