// Storage knows rows and tokens, nothing of Kubernetes or providers.
using TokenOperator.Core.Tokens;

namespace TokenOperator.Postgres;

/// <summary>
/// The rows of <c>oauth_tokens</c>. Every method is one statement, so one round trip, but for those that replace a document which
/// they have not read: what an application keeps in it stays. A method throws
/// <see cref="StoreUnavailableException"/> when the database cannot be used now (away, read-only, full, too slow),
/// with a message that names host and database and never a password.
/// </summary>
public interface ITokenStore
{
    /// <summary>Every row.</summary>
    Task<IReadOnlyList<AccountRecord>> ListAsync(CancellationToken ct);

    /// <summary>One row, or null.</summary>
    Task<AccountRecord?> FindAsync(AccountKey key, CancellationToken ct);

    /// <summary>
    /// Takes the right to ask the provider. Null when the row is gone, its generation is no longer
    /// <paramref name="expectedGeneration"/>, or somebody else's claim is open. A claim is open until its time is up;
    /// one of the same scope and of no later term is taken over, since the scope's lease says that its holder is gone.
    /// The record is the row as it is under the claim.
    /// </summary>
    Task<AccountRecord?> ClaimAsync(AccountKey key, Claim claim, long expectedGeneration, CancellationToken ct);

    /// <summary>
    /// Writes the new tokens and ends the claim, if it still holds. A commit whose answer was lost may be sent again:
    /// it finds its own work done. Null when another claim or a newer generation stands there.
    /// </summary>
    Task<AccountRecord?> CommitAsync(AccountKey key, Guid claimId, long claimedGeneration, TokenSet token, DateTimeOffset refreshedAt, CancellationToken ct);

    /// <summary>
    /// Writes tokens that were handed out while no claim could be written, and makes the row's generation
    /// <paramref name="generation"/>: where it is still <paramref name="baseGeneration"/> and no claim of another scope is
    /// open, or where an earlier commit under the same <paramref name="claim"/> stands. May be sent again. Null when anything else stands there.
    /// </summary>
    Task<AccountRecord?> CommitUnclaimedAsync(
        AccountKey key, Claim claim, long baseGeneration, long generation, TokenSet token, DateTimeOffset refreshedAt, CancellationToken ct);

    /// <summary>Records a failure and ends the claim, if it still holds; null when it does not.</summary>
    Task<AccountRecord?> FailAsync(AccountKey key, Guid claimId, RefreshFailure failure, CancellationToken ct);

    /// <summary>Ends the claim and changes nothing else.</summary>
    Task ReleaseAsync(AccountKey key, Guid claimId, CancellationToken ct);

    /// <summary>
    /// Imports a seed: inserts the row, or, when <paramref name="replacesGeneration"/> is given, replaces the tokens of
    /// the row at just that generation and forgets its failures; what an application keeps beside them stays. Null when the row is there already (or is another by now).
    /// <paramref name="ns"/> is recorded on a row that belongs to no namespace.
    /// </summary>
    Task<AccountRecord?> ImportAsync(AccountKey key, TokenSet token, string? ns, string seedFingerprint, long? replacesGeneration, CancellationToken ct);

    /// <summary>
    /// Adds <paramref name="ns"/> to the namespaces that may use the account, and ends its denial; null when there is no such
    /// row. For an administrator. Idempotent.
    /// </summary>
    Task<AccountRecord?> AllowAsync(AccountKey key, string ns, CancellationToken ct);

    /// <summary>
    /// Gives a row that belongs to nobody to <paramref name="ns"/>, which has shown that it holds the same refresh token. Null when
    /// there is no such row, it belongs to somebody, or the namespace is denied.
    /// </summary>
    Task<AccountRecord?> AllowByProofAsync(AccountKey key, string ns, CancellationToken ct);

    /// <summary>
    /// Takes <paramref name="ns"/> off the namespaces that may use the account and remembers that it may not, also when it is not
    /// among them; null when there is no such row. Idempotent. A refresh under way goes on: its commit is not fenced by this.
    /// </summary>
    Task<AccountRecord?> DenyAsync(AccountKey key, string ns, CancellationToken ct);

    /// <summary>Takes the row from all its namespaces: it belongs to nobody. Denials stay. Null when there is no such row.</summary>
    Task<AccountRecord?> DisownAsync(AccountKey key, CancellationToken ct);

    /// <summary>Deletes the row that stands under this claim; false when another claim stands there, or the row is another by now or gone.</summary>
    Task<bool> DeleteAsync(AccountKey key, Guid claimId, CancellationToken ct);

    /// <summary>
    /// Says which accounts somebody else changed (LISTEN), as it happens; null means that the connection was made anew and
    /// any may have changed. Ends only with <paramref name="ct"/>; it reconnects by itself.
    /// </summary>
    IAsyncEnumerable<AccountKey?> WatchAsync(CancellationToken ct);
}

/// <summary>The right to ask a provider for one account.</summary>
/// <param name="Id">Of this claim alone.</param>
/// <param name="Scope">The lease under which the holder leads, or a name of its own when it leads without one.</param>
/// <param name="Holder">The process, for a human who looks at the row.</param>
/// <param name="Duration">How long it lasts unless ended: longer than a request to the provider can take.</param>
public sealed record Claim(Guid Id, string Scope, string Holder, TimeSpan Duration)
{
    /// <summary>Counts the leaders of the scope: the claim of a later one is not taken over by an earlier one that was paused and wakes up.</summary>
    public long Term { get; init; }
}

/// <summary>The database cannot be used now; trying again later can help.</summary>
public sealed class StoreUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
