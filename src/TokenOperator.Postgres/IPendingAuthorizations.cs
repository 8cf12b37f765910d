using TokenOperator.Core.Tokens;

namespace TokenOperator.Postgres;

/// <summary>
/// Authorizations that a browser has started and not finished yet. They are in the database because the answer may arrive at
/// another replica than the one that sent the browser to the provider.
/// </summary>
public interface IPendingAuthorizations
{
    /// <summary>
    /// Stores an authorization for <paramref name="lifetime"/>, measured by the clock of the database, and deletes expired ones.
    /// False when its owner has too many pending ones.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The database cannot be used now.</exception>
    Task<bool> AddAsync(string stateHash, PendingAuthorization authorization, TimeSpan lifetime, CancellationToken cancellationToken);

    /// <summary>Deletes and returns an authorization. One caller gets it; all others get null, as for an unknown or expired one.</summary>
    /// <exception cref="StoreUnavailableException">The database cannot be used now.</exception>
    /// <exception cref="UnreadableRowException">Its verifier cannot be decrypted.</exception>
    Task<PendingAuthorization?> TakeAsync(string stateHash, CancellationToken cancellationToken);

    /// <summary>False when the owner has too many authorizations that wait for their codes to be entered. Ask before a provider issues another code.</summary>
    /// <exception cref="StoreUnavailableException">The database cannot be used now.</exception>
    Task<bool> CanAddDeviceAsync(AuthorizationOwner owner, CancellationToken cancellationToken);

    /// <summary>Stores an authorization that waits for its code to be entered, until the code expires. False when its owner has too many pending ones.</summary>
    /// <exception cref="StoreUnavailableException">The database cannot be used now.</exception>
    Task<bool> AddDeviceAsync(string idHash, PendingDeviceAuthorization authorization, TimeSpan lifetime, CancellationToken cancellationToken);

    /// <summary>Finds an authorization that waits for its code to be entered; null for an unknown or expired one.</summary>
    /// <returns>The authorization, and whether the caller must poll the provider now. Among all replicas, one caller for each interval must.</returns>
    /// <exception cref="StoreUnavailableException">The database cannot be used now.</exception>
    /// <exception cref="UnreadableRowException">Its codes cannot be decrypted.</exception>
    Task<(PendingDeviceAuthorization Authorization, bool MustPoll)?> FindDeviceAsync(string idHash, CancellationToken cancellationToken);

    /// <summary>Makes the interval of an authorization longer (RFC 8628 section 3.5).</summary>
    /// <exception cref="StoreUnavailableException">The database cannot be used now.</exception>
    Task SlowDownAsync(string idHash, TimeSpan by, CancellationToken cancellationToken);

    /// <summary>Deletes an authorization whose code brings nothing any more.</summary>
    /// <exception cref="StoreUnavailableException">The database cannot be used now.</exception>
    Task RemoveDeviceAsync(string idHash, CancellationToken cancellationToken);
}

/// <summary>What an authorization response must match.</summary>
/// <param name="Owner">The owner on whose behalf the browser was redirected to the provider.</param>
/// <param name="OwnerGeneration">The version of the owner's specification at that time.</param>
/// <param name="RowGeneration">The generation of the row that the new tokens replace.</param>
/// <param name="BrowserHash">The hash of the value in the browser's cookie.</param>
/// <param name="Verifier">The PKCE code verifier (RFC 7636). Encrypted in the database.</param>
public sealed record PendingAuthorization(
    AuthorizationOwner Owner, long OwnerGeneration, long RowGeneration, string BrowserHash, SecretValue Verifier);

/// <summary>A device authorization (RFC 8628) that a person has not decided on yet.</summary>
/// <param name="Owner">The owner on whose behalf the code was requested.</param>
/// <param name="OwnerGeneration">The version of the owner's specification at that time.</param>
/// <param name="RowGeneration">The generation of the row that the new tokens replace.</param>
/// <param name="DeviceCode">Brings the tokens; encrypted in the database.</param>
/// <param name="UserCode">The code that the person enters; encrypted in the database.</param>
/// <param name="VerificationUri">Where the person enters it.</param>
/// <param name="CompleteVerificationUri">The same with the code filled in, or null; encrypted in the database.</param>
/// <param name="Interval">The least time between two polls.</param>
public sealed record PendingDeviceAuthorization(
    AuthorizationOwner Owner, long OwnerGeneration, long RowGeneration, SecretValue DeviceCode, string UserCode, Uri VerificationUri, Uri? CompleteVerificationUri, TimeSpan Interval);

/// <summary>
/// The owner of a pending authorization; the store compares it and knows nothing else of it. Its parts are in the columns
/// <c>object_namespace</c>, <c>object_name</c> and <c>object_uid</c>, which keep their names because replicas of two releases
/// share the table during an upgrade.
/// </summary>
/// <param name="Scope">The scope within which <paramref name="Name"/> is unique.</param>
/// <param name="Name">The name of the owner. Pending authorizations are limited for each scope and name.</param>
/// <param name="Id">Distinguishes the owner from an earlier one with the same name.</param>
public sealed record AuthorizationOwner(string Scope, string Name, string Id);
