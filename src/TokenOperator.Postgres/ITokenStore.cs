// Postgres: the only project that knows SQL and Npgsql. It knows nothing of Kubernetes and of providers. This folder contains
// what other projects use, and no implementation. Migrations and Encryption use this folder; Rows uses it and Encryption.
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Postgres;

/// <summary>
/// The rows of the table <c>oauth_tokens</c>. Every method is one statement, so one round trip. A method that replaces a document
/// which it has not read yet needs a second one, to keep what an application stores in the document. So does a method that changes who
/// may use an account: it replaces only what it has read, and starts again when someone else was faster. A method throws
/// <see cref="StoreUnavailableException"/> when the database cannot be used now (unreachable, read-only, full, too slow), with a
/// message that contains host and database and never a password. A method that returns one row throws
/// <see cref="UnreadableRowException"/> when the row exists and cannot be read.
/// </summary>
public interface ITokenStore
{
    /// <summary>All rows that can be read. The others are logged and left out.</summary>
    Task<IReadOnlyList<AccountRecord>> ListAsync(CancellationToken cancellationToken);

    /// <summary>
    /// As <see cref="ListAsync(CancellationToken)"/>, but reads only the rows whose key <paramref name="isWanted"/> accepts, and hands them to
    /// <paramref name="row"/> one by one. Memory holds no other.
    /// </summary>
    Task ListAsync(Func<AccountKey, bool> isWanted, Action<AccountRecord> row, CancellationToken cancellationToken);

    /// <summary>How many rows <paramref name="ns"/> may use.</summary>
    Task<long> CountAsync(string ns, CancellationToken cancellationToken);

    /// <summary>One row, or null.</summary>
    Task<AccountRecord?> FindAsync(AccountKey key, CancellationToken cancellationToken);

    /// <summary>
    /// Claims the right to send the refresh token to the provider. Null when the row is gone, its generation is not
    /// <paramref name="expectedGeneration"/>, or another claim is open. A claim is open until it expires. A claim of the same scope
    /// and of no later term is taken over: the lease of that scope guarantees that its holder has stopped. The record is the row as
    /// it is under the claim.
    /// </summary>
    Task<AccountRecord?> ClaimAsync(AccountKey key, Claim claim, long expectedGeneration, CancellationToken cancellationToken);

    /// <summary>
    /// Writes new tokens and ends the claim, if it is still open. You may repeat a commit whose answer was lost: it recognizes its
    /// own work. Null when the row has another claim or a newer generation.
    /// </summary>
    Task<AccountRecord?> CommitAsync(AccountKey key, Guid claimId, long claimedGeneration, TokenSet token, DateTimeOffset refreshedAt, CancellationToken cancellationToken);

    /// <summary>
    /// Writes tokens that the provider issued while no claim could be written, and sets the generation of the row to
    /// <paramref name="generation"/>. The row must have the generation <paramref name="baseGeneration"/> and no open claim of another
    /// scope, or the result of an earlier commit under the same <paramref name="claim"/>. Null in all other cases. You may repeat it.
    /// </summary>
    Task<AccountRecord?> CommitUnclaimedAsync(
        AccountKey key, Claim claim, long baseGeneration, long generation, TokenSet token, DateTimeOffset refreshedAt, CancellationToken cancellationToken);

    /// <summary>Records a failed refresh and ends the claim, if it is still open; null when it is not.</summary>
    Task<AccountRecord?> FailAsync(AccountKey key, Guid claimId, RefreshFailure failure, CancellationToken cancellationToken);

    /// <summary>Ends the claim and changes nothing else.</summary>
    Task ReleaseAsync(AccountKey key, Guid claimId, CancellationToken cancellationToken);

    /// <summary>
    /// Imports a seed. Without <paramref name="replacesGeneration"/>, it inserts the row; null when the row exists. With it, it
    /// replaces the tokens of the row at exactly that generation and clears its failures; null when the row has another generation.
    /// What an application stores next to the tokens stays. <paramref name="user"/> is added to a row that no namespace may use yet.
    /// </summary>
    Task<AccountRecord?> ImportAsync(AccountKey key, TokenSet token, AccountUser? user, string seedFingerprint, long? replacesGeneration, CancellationToken cancellationToken);

    /// <summary>
    /// Allows <paramref name="ns"/> to use the account and ends its denial; null when there is no such row. Forgets the UID of the namespace, so
    /// that the next use records it. Idempotent. For an administrator.
    /// </summary>
    Task<AccountRecord?> AllowAsync(AccountKey key, string ns, CancellationToken cancellationToken);

    /// <summary>
    /// Allows <paramref name="user"/>, which has proved that it holds the same refresh token, to use an account that no namespace may use yet,
    /// or that belonged to an earlier namespace of its name. Null when there is no such row, another namespace may use it, or this one is denied.
    /// </summary>
    Task<AccountRecord?> AllowByProofAsync(AccountKey key, AccountUser user, CancellationToken cancellationToken);

    /// <summary>Records the UID of a namespace that may use the account; null when it may not, or one is recorded.</summary>
    Task<AccountRecord?> RecordUidAsync(AccountKey key, AccountUser user, CancellationToken cancellationToken);

    /// <summary>
    /// Writes the access list of the account as <paramref name="known"/> says, because the row says what it said before a change that this process
    /// has seen. Null when the row says it by now, or a later state.
    /// </summary>
    Task<AccountRecord?> RestoreAccessAsync(AccountRecord known, CancellationToken cancellationToken);

    /// <summary>
    /// Denies the account to <paramref name="ns"/>, also when the namespace was not allowed to use it; null when there is no such row.
    /// Idempotent. A refresh that is in progress continues and may commit.
    /// </summary>
    Task<AccountRecord?> DenyAsync(AccountKey key, string ns, CancellationToken cancellationToken);

    /// <summary>Removes the account from all its namespaces. Denials stay. Null when there is no such row.</summary>
    Task<AccountRecord?> DisownAsync(AccountKey key, CancellationToken cancellationToken);

    /// <summary>Deletes the row under this claim; false when the claim is not open, or the row is gone or is a new one.</summary>
    Task<bool> DeleteAsync(AccountKey key, Guid claimId, CancellationToken cancellationToken);

    /// <summary>
    /// The accounts that other processes change, as they change (LISTEN). Null means that any account may have changed, because the
    /// connection is new. The stream starts when the database has been migrated. Until then, it waits. It reconnects automatically
    /// and ends only with <paramref name="cancellationToken"/>.
    /// </summary>
    IAsyncEnumerable<AccountKey?> WatchAsync(CancellationToken cancellationToken);
}

/// <summary>The right to send the refresh token of one account to its provider.</summary>
/// <param name="Id">Identifies this claim.</param>
/// <param name="Scope">The lease under which the holder leads; without one, a name of the holder's own.</param>
/// <param name="Holder">The process, for a person who reads the row.</param>
/// <param name="Duration">The time after which the claim expires; longer than a request to the provider can take, and at most 1 hour.</param>
public sealed record Claim(Guid Id, string Scope, string Holder, TimeSpan Duration)
{
    /// <summary>Counts the leaders of the scope. An earlier leader that was paused cannot take over the claim of a later one.</summary>
    public long Term { get; init; }
}

/// <summary>The database cannot be used now. A later attempt can succeed.</summary>
public sealed class StoreUnavailableException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>A row exists and does not contain what the row of an account contains. It was left unchanged.</summary>
/// <param name="key">The row.</param>
/// <param name="problem">What was found and what was expected, without any content of the row.</param>
/// <param name="advice">What to do.</param>
public sealed class UnreadableRowException(AccountKey key, string problem, string advice = "Fix it, or delete it and import a token file.")
    : Exception($"The row {Shown(key)} of table oauth_tokens cannot be read: {problem} The row was not changed. {advice}")
{
    private const int MaxRowLength = 330;

    /// <summary>The row.</summary>
    public AccountKey Key { get; } = key;

    /// <summary>The name of the row, for messages. Anyone with access to the table can write it.</summary>
    public string Row => Shown(Key);

    /// <summary>What is wrong with the row.</summary>
    public string Problem { get; } = problem;

    /// <summary>The readable part of the row, without tokens, such as its namespaces; null when it cannot be read either.</summary>
    public AccountRecord? Rest { get; private init; }

    /// <summary>A copy of this exception with the readable part of the row.</summary>
    public UnreadableRowException With(AccountRecord rest) => new(Key, Problem, advice) { Rest = rest };

    private static string Shown(AccountKey key) => DisplayText.Of(key.ToString(), MaxRowLength);
}
