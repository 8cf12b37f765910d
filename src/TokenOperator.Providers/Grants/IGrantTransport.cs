using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers.Grants;

/// <summary>What arrived in response to a message.</summary>
/// <param name="Status">The HTTP status; 0 if nothing arrived.</param>
/// <param name="RetryAfter">Retry-After as a span from now, or null.</param>
/// <param name="Body">The body, or its beginning if it is very long.</param>
/// <param name="Error">Why nothing arrived: names the host and the cause; not yet redacted.</param>
internal readonly record struct GrantReply(int Status, TimeSpan? RetryAfter, ReadOnlyMemory<byte> Body, string Error);

/// <summary>Sends the requests of grants. Every response and every failure is a value, and only the timeout ends a request: the same request brings another token.</summary>
internal interface IGrantTransport
{
    /// <summary>Posts to an OAuth 2.0 endpoint once.</summary>
    /// <param name="document">How the request is formed, how the client authenticates, what errors mean, and the timeout.</param>
    /// <param name="endpoint">An address of the document.</param>
    /// <param name="client">Who authenticates; null: nobody.</param>
    /// <param name="secrets">What no text of the result may repeat.</param>
    /// <param name="parameters">The parameters. One that is null is left out.</param>
    Task<TokenResponse> PostAsync(ProviderDocument document, Uri endpoint, OAuthClient? client, IEnumerable<SecretValue?> secrets, IEnumerable<(string Name, string? Value)> parameters);

    /// <summary>Sends any other message once.</summary>
    Task<GrantReply> SendAsync(HttpRequestMessage message, int maxBytes, TimeSpan timeout);
}
