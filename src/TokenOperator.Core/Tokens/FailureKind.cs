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

    /// <summary>The provider rejects the client. If it does so for more than one account, every account of the client fails.</summary>
    ClientRejected,

    /// <summary>Such as <c>invalid_scope</c>, or <c>unauthorized_client</c> for a refresh token of another client: the same request cannot succeed.</summary>
    RequestRejected,

    /// <summary>The provider issues no token for this grant, such as for an audience or a scope that it refuses. Only grants without a consent have this failure and the following ones.</summary>
    GrantRejected,

    /// <summary>The signature of an assertion: the key was deleted or disabled, or belongs to someone else.</summary>
    KeyRejected,

    /// <summary>No administrator has delegated the subject to the service account, or not yet: it can take a day to spread.</summary>
    NotDelegated,

    /// <summary>The subject of an assertion does not exist.</summary>
    SubjectRejected,

    /// <summary>The app is not installed there, or its installation is suspended.</summary>
    InstallationMissing,

    /// <summary>The times of an assertion: a clock is wrong.</summary>
    ClockSkewed,
}

/// <summary>What a <see cref="FailureKind"/> implies.</summary>
public static class FailureKinds
{
    /// <summary>True when someone must act, unless the answer turns out to be wrong: the operator retries ever more slowly.</summary>
    public static bool NeedsHuman(this FailureKind kind) => kind is
        FailureKind.ReauthorizationRequired or FailureKind.SessionPolicyReauth or FailureKind.AdminPolicyBlocked
        or FailureKind.ClientRejected or FailureKind.RequestRejected
        or FailureKind.GrantRejected or FailureKind.KeyRejected or FailureKind.NotDelegated
        or FailureKind.SubjectRejected or FailureKind.InstallationMissing or FailureKind.ClockSkewed;

    /// <summary>True for an answer that providers also give by mistake, during an outage of their own.</summary>
    public static bool CanBeWrong(this FailureKind kind) => kind is FailureKind.ReauthorizationRequired or FailureKind.ClientRejected;
}
