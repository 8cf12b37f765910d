using KubectlOAuthToken.Output;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers;
using TokenOperator.Providers.Documents;

namespace KubectlOAuthToken.Consent;

/// <summary>Decides whether the tokens of a consent are used, however the person consented.</summary>
internal static class ConsentAcceptance
{
    /// <summary>The tokens to save.</summary>
    /// <param name="provider">Who issued them.</param>
    /// <param name="granted">What the provider granted.</param>
    /// <param name="scopes">What the tokens must allow.</param>
    /// <param name="expected">Whose consent it must be.</param>
    /// <param name="askedAt">When the provider was asked: lifetimes count from here.</param>
    /// <param name="revoke">Ends the grant of a stranger.</param>
    /// <exception cref="PluginException">The tokens are not used.</exception>
    public static async Task<TokenSet> AcceptAsync(
        ProviderDocument provider, CodeExchangeResponse.Granted granted, IReadOnlyList<string> scopes, ExpectedIdentity expected,
        DateTimeOffset askedAt, Func<TokenSet, Task<RevocationResponse>> revoke)
    {
        var token = granted.ToTokenSet(askedAt, provider);
        if (ConsentValidator.FindError(provider, granted, expected, scopes) is not { } reason)
            return token;
        // Of the owner's own grant, a working token can be left, which a revocation would end at some providers.
        if (expected.IsKnown && (granted.Identity is null || !expected.Matches(granted.Identity)))
            await revoke(token);
        var whose = granted.Identity is { } owner && expected.IsKnown && !expected.Matches(owner) ? $" (the consent is from {owner}, but {expected.LoginHint} is expected)" : "";
        throw Refused(reason + whose);
    }

    /// <summary>The error for a consent that is not used.</summary>
    /// <param name="sentence">Without a full stop.</param>
    public static PluginException Refused(string sentence) => new($"{sentence}.", ExitCodes.Refused);
}
