// Pure rules: whether a consent may be used, and the sentence if it may not.
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Authorization;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers;

/// <summary>Whose consent is expected.</summary>
/// <param name="Named">The value of spec.identity, or null.</param>
/// <param name="OnRecord">Who consented last, or null. Counts only if <paramref name="Named"/> is null.</param>
public sealed record ExpectedIdentity(string? Named, Identity? OnRecord)
{
    /// <summary>True if there is an identity to compare with.</summary>
    public bool IsKnown => Named is not null || OnRecord is not null;

    /// <summary>The account for the provider to preselect, or null.</summary>
    public string? LoginHint => Named ?? OnRecord?.Email ?? OnRecord?.Subject;

    /// <summary>True if <paramref name="identity"/> is the expected one, or if none is expected.</summary>
    public bool Matches(Identity identity) => Named is not null ? identity.Is(Named) : OnRecord is null || identity.IsSameAs(OnRecord);
}

/// <summary>
/// Validates what a consent brought. The errors contain no token and have no full stop, so that callers can add to them.
/// docs/authorize.md quotes them.
/// </summary>
public static class ConsentValidator
{
    /// <summary>The response belongs to another request, or to none (RFC 6749 section 10.12).</summary>
    public const string StateMismatch =
        "The response does not belong to this request (its state is another), so it was not used. It can come from an older browser tab, or from someone else. Start again";

    /// <summary>The response is from another provider (RFC 9207).</summary>
    public static string IssuerMismatch(ProviderDocument provider)
    {
        ArgumentNullException.ThrowIfNull(provider);
        return $"The response is from another provider than the one that was asked (its iss is another), so it was not used. Start again. If this happens again, check {provider.PlaceOf("identity.issuers")}";
    }

    /// <summary>Why the authorization response cannot be used, or null if it can.</summary>
    public static string? FindError(AuthorizationResponse response) => response switch
    {
        { IsDenied: true } => "Consent was denied in the browser, so nothing was changed. Start again, and allow everything that the page asks for",
        { Error: { } error } => $"The provider did not ask for consent ({error}). Check the OAuth client in the provider's console: its type, its redirect addresses, and the scopes that it may request",
        { Code: null } => "The response has neither a code nor an error. Copy the whole address, from http to its end",
        _ => null,
    };

    /// <summary>Why the token cannot be used, or null if it can.</summary>
    /// <param name="provider">Who issued it.</param>
    /// <param name="granted">What the code was exchanged for.</param>
    /// <param name="expected">Whose consent it must be.</param>
    /// <param name="scopes">What the token must allow.</param>
    public static string? FindError(ProviderDocument provider, CodeExchangeResponse.Granted granted, ExpectedIdentity expected, IReadOnlyList<string> scopes)
    {
        ArgumentNullException.ThrowIfNull(provider);
        ArgumentNullException.ThrowIfNull(granted);
        if (expected.IsKnown && granted.Identity is null)
            return $"The provider did not say who consented, so nothing was changed: {granted.Unidentified}";
        if (expected.Named is { } named && Identity.IsAddress(named) && granted.Identity!.Email is null)
            return $"The provider does not say that it has verified the address of the account that consented, so nothing was changed. If it is the expected account, write its ID into spec.identity: {granted.Identity.Subject}";
        if (expected.IsKnown && !expected.Matches(granted.Identity!))
            return "The consent is for another account than the expected one, so nothing was changed. Choose the expected account in the browser, or sign in to it first";
        if (granted.Token is { RefreshToken: null, ExpiresIn: not null })
        {
            return "The provider issued no refresh token, so nothing was changed: without one, access ends within the hour. Remove the application from the account at the provider, and start again. "
                + $"If this happens again, check what a consent requests: {provider.PlaceOf("scopes.consent")}, and {provider.PlaceOf("authorization.parameters")}";
        }

        return granted.Token.Scopes is { } got && provider.Scopes.Missing(scopes, got) is { Count: > 0 } missing
            ? $"The consent leaves out {DisplayText.List(missing)}, so nothing was changed. Start again, and select every checkbox"
            : null;
    }
}
