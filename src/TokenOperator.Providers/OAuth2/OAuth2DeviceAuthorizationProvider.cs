using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Authorization;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers.OAuth2;

/// <summary>The device authorization grant (RFC 8628).</summary>
/// <param name="document">With a device authorization endpoint.</param>
/// <param name="endpoints">Calls the endpoints.</param>
/// <param name="time">Compared with the expiry of the id_token.</param>
public sealed class OAuth2DeviceAuthorizationProvider(ProviderDocument document, TokenEndpointClient endpoints, TimeProvider time)
    : OAuth2ConsentProvider(document, endpoints, time), IDeviceAuthorizationProvider
{
    private const string GrantType = "urn:ietf:params:oauth:grant-type:device_code";

    private readonly Uri _endpoint = document.DeviceAuthorizationEndpoint ?? throw new ArgumentException($"Provider {document.Name} has no device authorization endpoint.", nameof(document));

    /// <inheritdoc/>
    public async Task<DeviceAuthorizationResponse> BeginAsync(OAuthClient client, IReadOnlyList<string> scopes, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(scopes);
        // RFC 8628 section 3.1: the client is named in the body, also where Basic authenticates it.
        var all = string.Join(Document.Scopes.Separator, scopes.Concat(Document.Scopes.Consent).Distinct(StringComparer.Ordinal));
        var id = Document.ClientAuthentication.Method is ClientAuthenticationMethod.Basic ? client.ClientId : null;
        var call = await Caller.SendAsync(
            _endpoint, client, RequestParameters.None, [("client_id", id), (Document.Scopes.Parameter, all.Length > 0 ? all : null)], [], cancellationToken);
        var isReply = call.Reply is { Status: >= 200 and < 300, Error: null, IsMarkedAsFailure: false };
        if (isReply && call.Reply!.Device is { } authorization)
            return new DeviceAuthorizationResponse.Started(authorization);
        return new DeviceAuthorizationResponse.Failed(!isReply && call.Classify(Document) is TokenResponse.Failed failed
            ? failed.Detail
            : "the response has no device_code, user_code and verification_uri that can be used");
    }

    /// <inheritdoc/>
    public async Task<DevicePollResponse> PollAsync(OAuthClient client, SecretValue deviceCode, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(deviceCode);
        var id = Document.ClientAuthentication.Method is ClientAuthenticationMethod.Basic ? client.ClientId : null;
        var call = await Caller.SendAsync(
            Document.TokenEndpoint, client, RequestParameters.None, [("client_id", id), ("grant_type", GrantType), ("device_code", deviceCode.Reveal())],
            [deviceCode], cancellationToken, isCodeExchange: true);
        // RFC 8628 section 3.5. GitHub sends these codes with the status 200.
        switch (call.Reply?.Error)
        {
            case "authorization_pending":
                return new DevicePollResponse.Pending(SlowDown: false);
            case "slow_down":
                return new DevicePollResponse.Pending(SlowDown: true);
            case "access_denied" or "authorization_declined":
                return new DevicePollResponse.Denied();
            case "expired_token":
                return new DevicePollResponse.Expired();
        }

        return call.Classify(Document) switch
        {
            TokenResponse.Granted granted => new DevicePollResponse.Granted(Read(call, granted, client, TokenSet.NoExports)),
            // RFC 8628 section 3.5: after a timeout, the client polls more slowly.
            TokenResponse.Failed { Kind: FailureKind.ProviderUnavailable or FailureKind.RateLimited } => new DevicePollResponse.Pending(SlowDown: true),
            TokenResponse.Failed failed => new DevicePollResponse.Failed(failed.Detail),
            var other => throw new InvalidOperationException($"{other.GetType().Name} has no meaning here."),
        };
    }
}
