namespace TokenOperator.Api;

/// <summary>The fixed set of reasons in conditions and events; docs/conditions.md says what to do about each.</summary>
public static class Reasons
{
    /// <summary>All is well.</summary>
    public const string Refreshed = nameof(Refreshed);

    /// <summary>Nothing has been tried yet.</summary>
    public const string Pending = nameof(Pending);

    /// <summary>There is no refresh token and nowhere to import one from.</summary>
    public const string SeedMissing = nameof(SeedMissing);

    /// <summary>The seed Secret cannot be understood.</summary>
    public const string SeedInvalid = nameof(SeedInvalid);

    /// <summary>The client Secret, or its key, is not there.</summary>
    public const string ClientSecretMissing = nameof(ClientSecretMissing);

    /// <summary>The client Secret cannot be understood.</summary>
    public const string ClientSecretInvalid = nameof(ClientSecretInvalid);

    /// <summary>The provider refuses the OAuth client.</summary>
    public const string ClientRejected = nameof(ClientRejected);

    /// <summary>The provider refuses the request as it stands.</summary>
    public const string RequestRejected = nameof(RequestRejected);

    /// <summary>The refresh token is dead: a human must consent again.</summary>
    public const string ReauthorizationRequired = nameof(ReauthorizationRequired);

    /// <summary>The organisation's session length ended: a human must sign in again.</summary>
    public const string SessionPolicyReauth = nameof(SessionPolicyReauth);

    /// <summary>An administrator blocks the application.</summary>
    public const string AdminPolicyBlocked = nameof(AdminPolicyBlocked);

    /// <summary>Fewer scopes were granted than <c>spec.scopes</c> asks for.</summary>
    public const string ScopesMissing = nameof(ScopesMissing);

    /// <summary>The provider asks for fewer requests.</summary>
    public const string RateLimited = nameof(RateLimited);

    /// <summary>The provider cannot be reached or is at fault.</summary>
    public const string ProviderUnavailable = nameof(ProviderUnavailable);

    /// <summary>The provider's answer cannot be understood.</summary>
    public const string InvalidResponse = nameof(InvalidResponse);

    /// <summary>Postgres cannot be used.</summary>
    public const string StoreUnavailable = nameof(StoreUnavailable);

    /// <summary>The row in Postgres cannot be understood.</summary>
    public const string StoredTokenInvalid = nameof(StoredTokenInvalid);

    /// <summary>A Secret of that name exists that is not this object's.</summary>
    public const string SecretConflict = nameof(SecretConflict);

    /// <summary>The API server refused the Secret.</summary>
    public const string SecretWriteFailed = nameof(SecretWriteFailed);

    /// <summary>The account belongs to other namespaces.</summary>
    public const string AccountNotAllowed = nameof(AccountNotAllowed);

    /// <summary><c>spec.provider</c> names no provider.</summary>
    public const string UnknownProvider = nameof(UnknownProvider);

    /// <summary>The spec is not valid.</summary>
    public const string InvalidSpec = nameof(InvalidSpec);

    /// <summary>The token in the Secret has expired.</summary>
    public const string TokenExpired = nameof(TokenExpired);

    /// <summary><c>spec.suspend</c> is true.</summary>
    public const string Suspended = nameof(Suspended);

    /// <summary>The finalizer could not delete or revoke.</summary>
    public const string CleanupFailed = nameof(CleanupFailed);
}
