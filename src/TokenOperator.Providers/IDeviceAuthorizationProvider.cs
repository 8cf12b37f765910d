using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Authorization;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers;

/// <summary>An authorization server at which a person consents on any device, by a code (RFC 8628).</summary>
public interface IDeviceAuthorizationProvider
{
    /// <summary>Everything that is known about the provider.</summary>
    ProviderDocument Document { get; }

    /// <summary>Requests a code (RFC 8628 section 3.1).</summary>
    /// <param name="client">The OAuth client that asks.</param>
    /// <param name="scopes">What the token must allow.</param>
    /// <param name="cancellationToken">Counts until the request is sent.</param>
    /// <exception cref="OperationCanceledException">The caller canceled, and nothing was sent.</exception>
    Task<DeviceAuthorizationResponse> BeginAsync(OAuthClient client, IReadOnlyList<string> scopes, CancellationToken cancellationToken);

    /// <summary>Asks once whether the person has consented (RFC 8628 section 3.4). The caller keeps to the interval.</summary>
    /// <param name="client">The OAuth client that asked.</param>
    /// <param name="deviceCode">Of the <see cref="DeviceAuthorization"/>.</param>
    /// <param name="cancellationToken">Counts until the request is sent.</param>
    /// <exception cref="OperationCanceledException">The caller canceled, and nothing was sent.</exception>
    Task<DevicePollResponse> PollAsync(OAuthClient client, SecretValue deviceCode, CancellationToken cancellationToken);

    /// <inheritdoc cref="ITokenProvider.RevokeAsync"/>
    Task<RevocationResponse> RevokeAsync(OAuthClient? client, TokenSet token, CancellationToken cancellationToken);
}

/// <summary>What a poll brought (RFC 8628 section 3.5).</summary>
public abstract record DevicePollResponse
{
    private DevicePollResponse()
    {
    }

    /// <summary>The person consented.</summary>
    public sealed record Granted(CodeExchangeResponse.Granted Consent) : DevicePollResponse;

    /// <summary>The person has not decided yet, or the provider did not answer usefully. Poll again.</summary>
    /// <param name="SlowDown">True if the interval must grow by <see cref="DeviceAuthorization.DefaultInterval"/> for all further polls.</param>
    public sealed record Pending(bool SlowDown) : DevicePollResponse;

    /// <summary>The person denied the consent.</summary>
    public sealed record Denied : DevicePollResponse;

    /// <summary>The code has expired.</summary>
    public sealed record Expired : DevicePollResponse;

    /// <summary>Nothing will come of this code.</summary>
    /// <param name="Detail">Safe to show.</param>
    public sealed record Failed(string Detail) : DevicePollResponse;
}
