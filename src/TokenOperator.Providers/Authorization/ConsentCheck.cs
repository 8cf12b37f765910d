// Whether a consent may be used, and the sentence when not. Pure.
using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers.Authorization;

/// <summary>Whose consent is wanted.</summary>
/// <param name="Named">What spec.identity says, or null.</param>
/// <param name="OnRecord">Who consented the last time, or null. Counts when nobody is named.</param>
public sealed record ExpectedIdentity(string? Named, Identity? OnRecord)
{
    /// <summary>True when there is somebody to compare with.</summary>
    public bool IsKnown => Named is not null || OnRecord is not null;

    /// <summary>Which account the provider is to offer first, or null.</summary>
    public string? LoginHint => Named ?? OnRecord?.Email ?? OnRecord?.Subject;

    /// <summary>True when <paramref name="identity"/> is the one.</summary>
    public bool IsMetBy(Identity identity) => Named is not null ? identity.Is(Named) : OnRecord is null || identity.IsSameAs(OnRecord);
}

/// <summary>Looks at what a consent brought. The sentences name no token; they go on with what the caller knows to do next.</summary>
public static class ConsentCheck
{
    /// <summary>The answer belongs to another request, or to none.</summary>
    public const string StateMismatch =
        "The answer does not belong to this request (its state is another), so it was not used. It can be of an older tab, or somebody else's doing. Start again";

    /// <summary>Why what the browser brought back is of no use, or null.</summary>
    public static string? Refuse(AuthorizationResponse reply) => reply switch
    {
        { IsDenied: true } => "Consent was denied in the browser, so nothing was changed. Start again, and allow all that is asked for",
        { Error: { } error } => $"The provider did not ask for consent ({error}). Look at the OAuth client in the provider's console: its kind, its redirect addresses, and the scopes that it may ask for",
        { Code: null } => "The answer holds neither a code nor an error. Copy the whole address, from http to its end",
        _ => null,
    };

    /// <summary>Why the token is not to be used, or null.</summary>
    /// <param name="granted">What came.</param>
    /// <param name="expected">Whose consent it must be.</param>
    /// <param name="scopes">What it must be good for.</param>
    public static string? Refuse(CodeExchangeResponse.Granted granted, ExpectedIdentity expected, IReadOnlyList<string> scopes)
    {
        ArgumentNullException.ThrowIfNull(granted);
        if (expected.IsKnown && granted.Identity is null)
            return $"The provider did not say who consented, so nothing was changed: {granted.Unidentified}";
        if (expected.IsKnown && !expected.IsMetBy(granted.Identity!))
            return "The consent is of another account than the one that is expected, so nothing was changed. Choose the right one in the browser, or sign in there as it first";
        if (granted.Token.RefreshToken is null)
            return "The provider handed out no refresh token, so nothing was changed: without one the access is over within the hour. Remove the application from the account (at Google: myaccount.google.com/connections), and start again";
        return granted.Token.Scopes is { } got && scopes.Except(got, StringComparer.Ordinal).ToList() is { Count: > 0 } missing
            ? $"The consent leaves out {string.Join(", ", missing)}, so nothing was changed. Start again, and tick every box"
            : null;
    }

    /// <summary>What is kept of it.</summary>
    public static TokenSet ToTokenSet(CodeExchangeResponse.Granted granted, DateTimeOffset askedAt)
    {
        ArgumentNullException.ThrowIfNull(granted);
        var token = granted.Token;
        return new TokenSet
        {
            AccessToken = token.AccessToken,
            RefreshToken = token.RefreshToken,
            TokenType = token.TokenType,
            Scopes = token.Scopes ?? [],
            IssuedAt = askedAt,
            ExpiresAt = askedAt + token.ExpiresIn,
            RefreshTokenExpiresAt = askedAt + token.RefreshTokenExpiresIn,
            Identity = granted.Identity,
        };
    }
}
