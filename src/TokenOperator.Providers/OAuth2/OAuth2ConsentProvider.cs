using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers.OAuth2;

/// <summary>What all ways of asking for consent have in common.</summary>
/// <param name="document">The provider.</param>
/// <param name="endpoints">Calls the endpoints.</param>
/// <param name="time">Compared with the expiry of the id_token.</param>
public abstract class OAuth2ConsentProvider(ProviderDocument document, TokenEndpointClient endpoints, TimeProvider time)
{
    /// <summary>Everything that is known about the provider.</summary>
    public ProviderDocument Document { get; } = document;

    private protected TokenEndpointCaller Caller { get; } = new(document, endpoints, time);

    /// <inheritdoc cref="ITokenProvider.RevokeAsync"/>
    public Task<RevocationResponse> RevokeAsync(OAuthClient? client, TokenSet token, CancellationToken cancellationToken) =>
        OAuth2TokenProvider.RevokeAsync(Caller, client, token, cancellationToken);

    /// <summary>What was granted.</summary>
    private protected CodeExchangeResponse.Granted Read(TokenEndpointCall call, TokenResponse.Granted granted, OAuthClient client, IReadOnlyDictionary<string, string> kept) =>
        ConsentReply.Read(Document, call, granted, client, kept, time.GetUtcNow());
}
