namespace TokenOperator.Core.Tokens;

/// <summary>
/// What a failed refresh means, whatever words the provider used. The names are those of the condition reasons
/// and of the column <c>failure_reason</c>; the table of answers behind them is in docs/failures.md.
/// </summary>
public enum FailureKind
{
    /// <summary>The provider is unreachable, slow or says that it is at fault: it may pass.</summary>
    ProviderUnavailable,

    /// <summary>The provider asks for fewer requests: it passes.</summary>
    RateLimited,

    /// <summary>The answer is not one that RFC 6749 section 5 allows: tried again as a transient failure.</summary>
    InvalidResponse,

    /// <summary><c>invalid_grant</c>: the refresh token is dead and a human must consent again.</summary>
    ReauthorizationRequired,

    /// <summary><c>invalid_grant</c> with subtype <c>invalid_rapt</c> or <c>rapt_required</c>: the organisation's session length ended.</summary>
    SessionPolicyReauth,

    /// <summary><c>admin_policy_enforced</c>: an administrator blocks the application.</summary>
    AdminPolicyBlocked,

    /// <summary>The client itself is refused: every account of it fails.</summary>
    ClientRejected,

    /// <summary><c>invalid_request</c>, <c>invalid_scope</c> and their like: asking again in the same words cannot help.</summary>
    RequestRejected,
}

/// <summary>What follows from a <see cref="FailureKind"/>.</summary>
public static class FailureKinds
{
    /// <summary>True when a human must act: the operator stops asking but for one probe a day.</summary>
    public static bool NeedsHuman(this FailureKind kind) => kind is
        FailureKind.ReauthorizationRequired or FailureKind.SessionPolicyReauth or FailureKind.AdminPolicyBlocked
        or FailureKind.ClientRejected or FailureKind.RequestRejected;
}
