using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Authorization;

namespace TokenOperator.Providers;

/// <summary>An authorization server that asks a person in a browser: the code grant (RFC 6749 section 4.1) with PKCE (RFC 7636).</summary>
public interface IAuthorizationProvider
{
    /// <summary>True when the provider's settings name an authorization endpoint.</summary>
    bool CanAsk { get; }

    /// <summary>Where to send the browser; null when the provider's settings name no authorization endpoint.</summary>
    Uri? AddressFor(AuthorizationRequest request);

    /// <summary>
    /// Exchanges the code that came back, once. Never retries and never throws for an answer. The addresses are the settings'
    /// alone, and the answer comes straight from the provider over TLS, so that its id_token needs no signature; issuer, audience
    /// and end are looked at (OpenID Connect Core section 3.1.3.7).
    /// </summary>
    Task<CodeExchangeResponse> ExchangeCodeAsync(OAuthClient client, SecretValue code, Pkce pkce, Uri redirectUri, CancellationToken ct);
}

/// <summary>What a code was exchanged for.</summary>
public abstract record CodeExchangeResponse
{
    private CodeExchangeResponse()
    {
    }

    /// <summary>A token, and who consented.</summary>
    /// <param name="Token">As after a refresh; its refresh token can be missing.</param>
    /// <param name="Identity">Null when the provider did not say so that it counts.</param>
    /// <param name="Unidentified">Why it is null, in words that are safe to show.</param>
    public sealed record Granted(TokenResponse.Granted Token, Identity? Identity, string? Unidentified = null) : CodeExchangeResponse;

    /// <summary>No token.</summary>
    /// <param name="Kind">What it means.</param>
    /// <param name="Detail">Safe to show.</param>
    public sealed record Failed(FailureKind Kind, string Detail) : CodeExchangeResponse;
}
