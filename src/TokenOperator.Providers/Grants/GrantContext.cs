using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers.Grants;

/// <summary>One attempt to obtain a token, which can take several requests. All of them together take no longer than the document's timeout.</summary>
internal sealed class GrantContext(ProviderDocument document, IGrantTransport transport, TimeProvider time)
{
    private readonly long _started = time.GetTimestamp();

    /// <summary>The provider.</summary>
    public ProviderDocument Document => document;

    /// <summary>When the attempt began: lifetimes and the times of assertions count from here.</summary>
    public DateTimeOffset Now { get; } = time.GetUtcNow();

    /// <summary>What is left of the timeout, in whole seconds; at least one.</summary>
    public TimeSpan Left => TimeSpan.FromSeconds(Math.Max(1, Math.Ceiling((document.Timeout - time.GetElapsedTime(_started)).TotalSeconds)));

    /// <summary>Posts to an OAuth 2.0 endpoint once.</summary>
    /// <param name="endpoint">An address of the document.</param>
    /// <param name="client">Who authenticates; null: nobody.</param>
    /// <param name="rules">What errors mean.</param>
    /// <param name="secrets">What no text of the result may repeat.</param>
    /// <param name="parameters">The parameters. One that is null is left out.</param>
    public Task<TokenResponse> PostAsync(
        Uri endpoint, OAuthClient? client, ErrorRules rules, IEnumerable<SecretValue?> secrets, params IEnumerable<(string Name, string? Value)> parameters) =>
        transport.PostAsync(document with { Timeout = Left, Errors = rules }, endpoint, client, secrets, parameters);

    /// <summary>Calls an API that is not OAuth 2.0 once.</summary>
    /// <param name="method">The method.</param>
    /// <param name="address">An address of the document, with names that were validated.</param>
    /// <param name="bearer">What proves who asks.</param>
    /// <param name="body">JSON, or null.</param>
    /// <param name="headers">Further header fields.</param>
    public Task<ApiReply> CallAsync(HttpMethod method, Uri address, SecretValue bearer, ReadOnlyMemory<byte>? body, params IEnumerable<KeyValuePair<string, string>> headers) =>
        JsonApi.SendAsync(transport, method, address, bearer, body, headers, Left);
}
