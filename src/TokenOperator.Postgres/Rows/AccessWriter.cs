using TokenOperator.Core.Tokens;
using TokenOperator.Postgres.Encryption;
using static TokenOperator.Postgres.SqlValue;

namespace TokenOperator.Postgres.Rows;

/// <summary>
/// Changes the access list of an account: reads the row, and writes the new lists with their seal if the row is still the same. When someone else was
/// faster, it starts again.
/// </summary>
internal sealed class AccessWriter(StatementRunner statements, TokenCipher cipher, TimeProvider time)
{
    private const int MaxAttempts = 20;

    /// <summary>Names this process in its notifications.</summary>
    public string Writer { get; } = Guid.NewGuid().ToString("N");

    /// <summary>Reads the access list; null when there is no such row.</summary>
    public Task<StoredAccess?> FindAsync(AccountKey key, CancellationToken cancellationToken) => statements.QueryAsync(
        AccountSql.FindAccess, async reader => await reader.ReadAsync(cancellationToken) ? StoredAccess.Read(reader, key) : null,
        cancellationToken, Of(key.Provider), Of(key.Account));

    /// <summary>Changes the access of a row whose access is as an operator wrote it.</summary>
    /// <param name="key">The account.</param>
    /// <param name="change">Returns the new access for the current one and its version, or null to change nothing.</param>
    /// <param name="cancellationToken">Cancels the attempts.</param>
    /// <returns>The row; null when there is none, or nothing was changed.</returns>
    /// <exception cref="UnreadableRowException">Someone without the keys changed the access, or the row cannot be read.</exception>
    public Task<AccountRow?> ChangeAsync(AccountKey key, Func<AccountAccess, long?, AccountAccess?> change, CancellationToken cancellationToken) =>
        WriteAsync(key, stored => stored.Check(cipher) is var version && change(stored.Access, version) is { } wanted ? (wanted, version) : null, cancellationToken);

    /// <summary>As <see cref="ChangeAsync"/>, no matter who wrote the current access: what results gives nobody more than they have.</summary>
    public Task<AccountRow?> ReduceAsync(AccountKey key, Func<AccountAccess, AccountAccess> change, CancellationToken cancellationToken) =>
        WriteAsync(key, stored => (change(stored.Access), VersionOf(stored)), cancellationToken);

    /// <summary>The version of the access, as far as the keys confirm it.</summary>
    public long? VersionOf(StoredAccess stored)
    {
        try
        {
            return stored.Check(cipher);
        }
        catch (UnreadableRowException)
        {
            return stored.Document(cipher)?.AccessVersion;
        }
    }

    private async Task<AccountRow?> WriteAsync(AccountKey key, Func<StoredAccess, (AccountAccess Wanted, long? Version)?> decide, CancellationToken cancellationToken)
    {
        for (var attempt = 1; attempt <= MaxAttempts; attempt++)
        {
            if (await FindAsync(key, cancellationToken) is not { } stored || decide(stored) is not { } decided)
                return null;
            var (wanted, current) = decided;
            var now = time.GetUtcNow();
            var version = TokenCipher.NextAccessVersion(current, now);
            // The tokens are bound to the new version, so that the lists of an earlier one do not suit them.
            var document = stored.TokenData is null ? null : cipher.Rebind(key, stored.TokenData, stored.Generation, stored.IsNewDatabase, version);
            var row = await statements.QueryAsync(
                AccountSql.SetAccess, async reader => await reader.ReadAsync(cancellationToken) ? AccountRow.Read(reader, cipher, now) : null, cancellationToken,
                Of(key.Provider), Of(key.Account), Of(wanted.Namespaces), Of(wanted.Denied), Of(wanted.Uids), Of(cipher.SealAccess(key, wanted, version)),
                JsonOrNull(document), Of(stored.Version), Of(Writer));
            if (row is not null)
                return row;
        }

        throw new StoreUnavailableException($"The row {key} changed {MaxAttempts} times while it was to be written. Try again.");
    }
}
