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
    Task<PendingAuthorization?> TakeAsync(string stateHash, CancellationToken cancellationToken);
}

/// <summary>What an authorization response must match.</summary>
/// <param name="Owner">The owner on whose behalf the browser was redirected to the provider.</param>
/// <param name="OwnerGeneration">The version of the owner's specification at that time.</param>
/// <param name="RowGeneration">The generation of the row that the new tokens replace.</param>
/// <param name="BrowserHash">The hash of the value in the browser's cookie.</param>
/// <param name="Verifier">The PKCE code verifier (RFC 7636). It is useless without the code and the client secret.</param>
public sealed record PendingAuthorization(
    AuthorizationOwner Owner, long OwnerGeneration, long RowGeneration, string BrowserHash, SecretValue Verifier);

/// <summary>
/// The owner of a pending authorization; the store compares it and knows nothing else of it. Its parts are in the columns
/// <c>object_namespace</c>, <c>object_name</c> and <c>object_uid</c>, which keep their names because replicas of two releases
/// share the table during an upgrade.
/// </summary>
/// <param name="Scope">The scope within which <paramref name="Name"/> is unique.</param>
/// <param name="Name">The name of the owner. Pending authorizations are limited for each scope and name.</param>
/// <param name="Id">Distinguishes the owner from an earlier one with the same name.</param>
public sealed record AuthorizationOwner(string Scope, string Name, string Id);
