using System.Net.Http.Headers;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers.OAuth2;

/// <summary>What came of a call.</summary>
/// <param name="Result">The reply, or why there is none.</param>
/// <param name="SentAt">When the call began: lifetimes count from here.</param>
/// <param name="Secrets">What the provider knows and nobody may be shown.</param>
internal readonly record struct TokenEndpointCall(TokenEndpointResult Result, DateTimeOffset SentAt, IReadOnlyList<SecretValue?> Secrets)
{
    /// <summary>The reply, or null.</summary>
    public TokenEndpointReply? Reply => (Result as TokenEndpointResult.Replied)?.Reply;

    /// <summary>What it means.</summary>
    public TokenResponse Classify(ProviderDocument provider) => TokenResponseClassifier.Classify(provider, Result, SentAt, Secrets);
}

/// <summary>Calls the endpoints of one provider as its document says: authenticates the client, sends one request and reads the reply. All grants use it.</summary>
internal sealed class TokenEndpointCaller(ProviderDocument provider, TokenEndpointClient endpoints, TimeProvider time)
{
    /// <summary>The provider that is called.</summary>
    public ProviderDocument Provider => provider;

    /// <summary>The same for requests that another version of the document describes.</summary>
    public TokenEndpointCaller With(ProviderDocument other) => new(other, endpoints, time);

    /// <summary>Calls an endpoint once.</summary>
    /// <param name="endpoint">An address of the document.</param>
    /// <param name="client">The client to authenticate as; null for none.</param>
    /// <param name="changes">What the document changes of the parameters.</param>
    /// <param name="parameters">The parameters of the grant. One whose value is null is left out.</param>
    /// <param name="secrets">Those of the parameters that nobody may be shown.</param>
    /// <param name="cancellationToken">Counts until the request is sent.</param>
    /// <param name="isCodeExchange">True for the exchange of a code.</param>
    /// <exception cref="OperationCanceledException">The caller canceled, and nothing was sent.</exception>
    public async Task<TokenEndpointCall> SendAsync(
        Uri endpoint, OAuthClient? client, RequestParameters changes, IEnumerable<(string Name, string? Value)> parameters, IEnumerable<SecretValue?> secrets,
        CancellationToken cancellationToken, bool isCodeExchange = false)
    {
        var sentAt = time.GetUtcNow();
        var proof = new ClientProof([], null, null);
        if (client is not null && (proof = ClientAuthenticator.Prove(provider, client, sentAt, out var error)) is null)
            return new TokenEndpointCall(new TokenEndpointResult.Unsendable(error!), sentAt, []);
        var request = new TokenEndpointRequest(provider, endpoint, changes.Apply([.. proof.Parameters, .. parameters]))
        {
            Authorization = proof.Header,
            IsCodeExchange = isCodeExchange,
        };
        var result = await endpoints.SendAsync(request, provider.Timeout, cancellationToken);
        return new TokenEndpointCall(result, sentAt, [.. secrets, proof.Proof, client?.ClientSecret]);
    }

    /// <summary>The request that <see cref="SendAsync"/> would send, in lines that show no secret.</summary>
    public IReadOnlyList<string> Describe(
        Uri endpoint, OAuthClient client, RequestParameters changes, IEnumerable<(string Name, string? Value)> parameters, IEnumerable<SecretValue?> secrets)
    {
        const string NotShown = "(not shown)";
        if (ClientAuthenticator.Prove(provider, client, time.GetUtcNow(), out var error) is not { } proof)
            return [$"Nothing is sent, because {error}."];
        SecretValue?[] hidden = [.. secrets, proof.Proof, client.ClientSecret];
        return
        [
            $"{(provider.Request.Format == RequestFormat.Query ? "GET" : "POST")} {endpoint}",
            .. proof.Header is { } header ? [$"  Authorization: {header.Scheme} {NotShown}"] : Array.Empty<string>(),
            .. changes.Apply([.. proof.Parameters, .. parameters])
                .Select(parameter => $"  {parameter.Key}={(hidden.Any(secret => secret is not null && (parameter.Value == secret.Reveal() || Redactor.Holds(parameter.Value, secret))) ? NotShown : DisplayText.Of(parameter.Value, 200))}"),
        ];
    }

    /// <summary>Asks once whether an access token still works, by a GET request without parameters.</summary>
    /// <param name="endpoint">An address of the document.</param>
    /// <param name="accessToken">The token.</param>
    /// <param name="cancellationToken">Counts until the request is sent.</param>
    /// <exception cref="OperationCanceledException">The caller canceled, and nothing was sent.</exception>
    public Task<TokenEndpointCall> CheckAsync(Uri endpoint, SecretValue accessToken, CancellationToken cancellationToken) =>
        With(provider with { Request = provider.Request with { Format = RequestFormat.Query } }).SendBearerAsync(endpoint, accessToken, RequestParameters.None, cancellationToken);

    /// <summary>Calls an endpoint once with a bearer token (RFC 6750).</summary>
    /// <param name="endpoint">An address of the document.</param>
    /// <param name="token">The token.</param>
    /// <param name="changes">The parameters.</param>
    /// <param name="cancellationToken">Counts until the request is sent.</param>
    /// <exception cref="OperationCanceledException">The caller canceled, and nothing was sent.</exception>
    public async Task<TokenEndpointCall> SendBearerAsync(Uri endpoint, SecretValue token, RequestParameters changes, CancellationToken cancellationToken)
    {
        var sentAt = time.GetUtcNow();
        var request = new TokenEndpointRequest(provider, endpoint, changes.Apply()) { Authorization = new AuthenticationHeaderValue("Bearer", token.Reveal()) };
        return new TokenEndpointCall(await endpoints.SendAsync(request, provider.Timeout, cancellationToken), sentAt, [token]);
    }
}
