namespace TokenOperator.Core.Tokens;

/// <summary>
/// What a failed refresh means, independent of how the provider words it. The names are those of the condition reasons and of the
/// column <c>failure_reason</c>. docs/failures.md lists the responses behind them.
/// </summary>
public enum FailureKind
{
    /// <summary>The provider is unreachable, slow or reports an error of its own: temporary.</summary>
    ProviderUnavailable,

    /// <summary>The provider asks for fewer requests: temporary.</summary>
    RateLimited,

    /// <summary>The response is not one that RFC 6749 section 5 allows: retried like a temporary failure.</summary>
    InvalidResponse,

    /// <summary><c>invalid_grant</c>: the refresh token no longer works, and someone must consent again.</summary>
    ReauthorizationRequired,

    /// <summary><c>invalid_grant</c> with subtype <c>invalid_rapt</c> or <c>rapt_required</c>: the session length that the organization allows has ended.</summary>
    SessionPolicyReauth,

    /// <summary><c>admin_policy_enforced</c>: an administrator blocks the application.</summary>
    AdminPolicyBlocked,

    /// <summary>The provider rejects the client: every account of it fails.</summary>
    ClientRejected,

    /// <summary>Such as <c>invalid_request</c> or <c>invalid_scope</c>: the same request cannot succeed.</summary>
    RequestRejected,
}

/// <summary>What a <see cref="FailureKind"/> implies.</summary>
public static class FailureKinds
{
    /// <summary>True when someone must act: the operator retries only once a day.</summary>
    public static bool NeedsHuman(this FailureKind kind) => kind is
        FailureKind.ReauthorizationRequired or FailureKind.SessionPolicyReauth or FailureKind.AdminPolicyBlocked
        or FailureKind.ClientRejected or FailureKind.RequestRejected;
}
