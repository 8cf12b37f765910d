using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers.Authorization;

/// <summary>A device authorization that waits for a person (RFC 8628 section 3.2).</summary>
public sealed record DeviceAuthorization
{
    /// <summary>The least time between two polls without a value in the response (RFC 8628 section 3.2), and what <c>slow_down</c> adds (section 3.5).</summary>
    public static readonly TimeSpan DefaultInterval = TimeSpan.FromSeconds(5);

    /// <summary>Polls for the tokens. Anyone who has it and the client gets them, so it is never shown.</summary>
    public required SecretValue DeviceCode { get; init; }

    /// <summary>The code that the person enters; printable.</summary>
    public required string UserCode { get; init; }

    /// <summary>The page at which the person enters it.</summary>
    public required Uri VerificationUri { get; init; }

    /// <summary>The same page with the code filled in, or null.</summary>
    public Uri? CompleteVerificationUri { get; init; }

    /// <summary>How long the codes are valid, counted from the request.</summary>
    public required TimeSpan Lifetime { get; init; }

    /// <summary>The least time between two polls.</summary>
    public TimeSpan Interval { get; init; } = DefaultInterval;
}

/// <summary>What the request for a device authorization brought.</summary>
public abstract record DeviceAuthorizationResponse
{
    private DeviceAuthorizationResponse()
    {
    }

    /// <summary>A person can enter the code now.</summary>
    public sealed record Started(DeviceAuthorization Authorization) : DeviceAuthorizationResponse;

    /// <summary>No code.</summary>
    /// <param name="Detail">Safe to show.</param>
    public sealed record Failed(string Detail) : DeviceAuthorizationResponse;
}
