using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.Grants;

namespace TokenOperator.Providers.OAuth2;

/// <summary>Sends the requests of grants by the one client of all providers.</summary>
internal sealed class GrantTransport(TokenEndpointClient http, TimeProvider time) : IGrantTransport
{
    /// <inheritdoc/>
    public async Task<TokenResponse> PostAsync(
        ProviderDocument document, Uri endpoint, OAuthClient? client, IEnumerable<SecretValue?> secrets, IEnumerable<(string Name, string? Value)> parameters)
    {
        var call = await new TokenEndpointCaller(document, http, time).SendAsync(endpoint, client, RequestParameters.None, parameters, secrets, CancellationToken.None);
        return call.Classify(document);
    }

    /// <inheritdoc/>
    public async Task<GrantReply> SendAsync(HttpRequestMessage message, int maxBytes, TimeSpan timeout)
    {
        var (reply, error) = await http.SendAsync(message, maxBytes, timeout);
        return reply is null ? new GrantReply(0, null, default, error) : new GrantReply(reply.Status, reply.RetryAfter, reply.Body, "");
    }
}
