using System.Collections.Frozen;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers.OAuth2;

/// <summary>
/// What error codes mean if no rule of the provider's document says otherwise. docs/failures.md is generated from it. Servers spell the same
/// code in different ways, such as rate_limit_exceeded, rateLimitExceeded and RATE-LIMIT-EXCEEDED, so only letters and digits count.
/// </summary>
internal static class StandardErrors
{
    /// <summary>The codes of each kind.</summary>
    public static IReadOnlyList<(FailureKind Kind, IReadOnlyList<string> Codes)> All { get; } =
    [
        // OpenID Connect Core section 3.1.2.6, RFC 6750 section 3.1, and what providers call a grant that has ended.
        (FailureKind.ReauthorizationRequired,
        [
            "invalid_grant", "login_required", "interaction_required", "consent_required", "account_selection_required", "reauthentication_required", "reauth_required",
            "mfa_required", "access_denied", "authorization_declined", "invalid_token", "invalid_refresh_token", "bad_refresh_token", "token_expired", "expired_token",
            "refresh_token_expired", "token_revoked", "revoked_token", "token_inactive", "inactive_user", "user_disabled", "account_disabled", "account_suspended",
        ]),
        (FailureKind.AdminPolicyBlocked, ["admin_policy_enforced", "org_internal"]),
        (FailureKind.ClientRejected, ["invalid_client", "invalid_client_id", "invalid_client_secret", "deleted_client", "disabled_client"]),
        // RFC 6749 section 5.2: this client may not use this grant. Google says so of a refresh token that another client obtained.
        (FailureKind.RequestRejected, ["unauthorized_client", "invalid_request", "invalid_scope", "invalid_target", "invalid_resource", "unsupported_grant_type"]),
        (FailureKind.RateLimited,
        [
            "rate_limit_exceeded", "user_rate_limit_exceeded", "rate_limited", "rate_limit", "rate_limit_error", "too_many_requests", "too_many_attempts", "quota_exceeded",
            "resource_exhausted", "slow_down", "throttled",
        ]),
        (FailureKind.ProviderUnavailable, ["internal_failure", "internal_error", "server_error", "temporarily_unavailable", "service_unavailable", "timeout"]),
    ];

    private static readonly FrozenDictionary<string, FailureKind> ByCode = All
        .SelectMany(group => group.Codes.Select(code => KeyValuePair.Create(Plain(code), group.Kind)))
        .ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>What a code means; null if it is not known.</summary>
    public static FailureKind? Find(string code) => ByCode.TryGetValue(Plain(code), out var kind) ? kind : null;

    private static string Plain(string code) => string.Concat(code.Where(char.IsAsciiLetterOrDigit)).ToLowerInvariant();
}
