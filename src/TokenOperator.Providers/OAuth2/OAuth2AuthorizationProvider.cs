using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Authorization;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers.OAuth2;

/// <summary>The authorization code grant, and an id_token or a field of the response that says who consented.</summary>
/// <param name="document">With an authorization endpoint.</param>
/// <param name="endpoints">Calls the endpoints.</param>
/// <param name="time">Compared with the expiry of the id_token.</param>
public sealed class OAuth2AuthorizationProvider(ProviderDocument document, TokenEndpointClient endpoints, TimeProvider time)
    : OAuth2ConsentProvider(document, endpoints, time), IAuthorizationProvider
{
    private readonly Uri _authorizationEndpoint = document.AuthorizationEndpoint ?? throw new ArgumentException($"Provider {document.Name} has no authorization endpoint.", nameof(document));

    /// <inheritdoc/>
    public Uri AuthorizationUri(AuthorizationRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return request.ToUri(_authorizationEndpoint, Document);
    }

    /// <inheritdoc/>
    public bool IsFrom(AuthorizationResponse response)
    {
        ArgumentNullException.ThrowIfNull(response);
        var issuers = Document.Identity.Issuers;
        return response.Issuer is not { } issuer || issuers.Count == 0 || issuers.Contains(issuer, StringComparer.Ordinal);
    }

    /// <inheritdoc/>
    public async Task<CodeExchangeResponse> ExchangeCodeAsync(
        OAuthClient client, AuthorizationResponse response, Pkce pkce, Uri redirectUri, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(response);
        ArgumentNullException.ThrowIfNull(pkce);
        ArgumentNullException.ThrowIfNull(redirectUri);
        var code = response.Code ?? throw new ArgumentException("There is no code.", nameof(response));
        // RFC 6749 section 4.1.3, RFC 7636 section 4.5.
        var verifier = Document.Authorization.Pkce == PkceUse.Off ? null : pkce.Verifier;
        var call = await Caller.SendAsync(
            Document.TokenEndpoint, client, Document.CodeExchange,
            [("grant_type", "authorization_code"), ("code", code.Reveal()), ("code_verifier", verifier?.Reveal()), ("redirect_uri", redirectUri.AbsoluteUri)],
            [code, pkce.Verifier], cancellationToken, isCodeExchange: true);
        switch (call.Classify(Document))
        {
            case TokenResponse.Granted granted:
                return Read(call, granted, client, response.Kept);
            case TokenResponse.Failed failed:
                return new CodeExchangeResponse.Failed(failed.Kind, failed.Detail);
            case var other:
                throw new InvalidOperationException($"{other.GetType().Name} has no meaning here.");
        }
    }
}
