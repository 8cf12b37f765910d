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
    /// <exception cref="PluginException">The tokens are not used.</exception>
    public static TokenSet Accept(
        ProviderDocument provider, CodeExchangeResponse.Granted granted, IReadOnlyList<string> scopes, ExpectedIdentity expected, DateTimeOffset askedAt)
    {
        if (ConsentValidator.FindError(provider, granted, expected, scopes) is not { } reason)
            return granted.ToTokenSet(askedAt, provider);
        if (!expected.IsKnown || (granted.Identity is { } known && expected.Matches(known)))
            throw Refused(reason);
        var whose = granted.Identity is { } owner ? $" (the consent is from {owner}, but {expected.LoginHint} is expected)" : "";
        // At Google, a revocation ends every token of the person for this client, and only the operator knows which tokens it uses.
        throw Refused(
            $"{reason}{whose}. The grant of this consent was not revoked, because another OAuthToken may use the same account. "
            + "If none does, remove the application from that account at the provider (at Google: myaccount.google.com/connections)");
    }

    /// <summary>The error for a consent that is not used.</summary>
    /// <param name="sentence">Without a full stop.</param>
    public static PluginException Refused(string sentence) => new($"{sentence}.", ExitCodes.Refused);
}
