using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Npgsql;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres.Encryption;
using static TokenOperator.Postgres.SqlValue;

namespace TokenOperator.Postgres.Rows;

/// <summary>The rows in Postgres. Thread-safe. The methods are statements of <see cref="AccountSql"/>.</summary>
internal sealed partial class PostgresTokenStore(
    StatementRunner statements, PostgresSettings settings, TokenCipher cipher, AccessWriter access, StoreMetrics metrics, TimeProvider time,
    ILogger<PostgresTokenStore> logger)
    : ITokenStore
{
    // A commit must preserve what an application stores in the document next to the tokens. The claim has already read the
    // document, so it stays here until the claim ends: at most one for each account.
    private readonly ConcurrentDictionary<AccountKey, (Guid Claim, PreviousRow Row)> _claimed = new();

    /// <inheritdoc/>
    public async Task<IReadOnlyList<AccountRecord>> ListAsync(CancellationToken cancellationToken)
    {
        var records = new List<AccountRecord>();
        await ListAsync(_ => true, records.Add, cancellationToken);
        return records;
    }

    /// <inheritdoc/>
    public Task ListAsync(Func<AccountKey, bool> isWanted, Action<AccountRecord> row, CancellationToken cancellationToken)
    {
        var sentAt = time.GetUtcNow();
        return statements.QueryAsync(
            AccountSql.List,
            async reader =>
            {
                while (await reader.ReadAsync(cancellationToken))
                {
                    if (!isWanted(AccountRow.KeyOf(reader)))
                        continue;
                    try
                    {
                        row(AccountRow.Read(reader, cipher, sentAt).Record);
                    }
                    catch (UnreadableRowException e)
                    {
                        LogUnreadable(e.Row, e.Problem);
                    }
                }

                return true;
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public Task<long> CountAsync(string ns, CancellationToken cancellationToken) => statements.QueryAsync(
        AccountSql.Count, async reader => await reader.ReadAsync(cancellationToken) ? reader.GetInt64(0) : 0, cancellationToken, Of(ns));

    /// <inheritdoc/>
    public async Task<AccountRecord?> FindAsync(AccountKey key, CancellationToken cancellationToken) => (await RowAsync(AccountSql.Find, key, cancellationToken))?.Record;

    /// <inheritdoc/>
    public async Task<AccountRecord?> ClaimAsync(AccountKey key, Claim claim, long expectedGeneration, CancellationToken cancellationToken)
    {
        try
        {
            var row = await RowAsync(AccountSql.Claim, key, cancellationToken, Of(expectedGeneration), Of(claim.Id), Of(claim.Scope), Of(claim.Holder), Of(claim.Duration), Of(claim.Term));
            if (row is not null)
                _claimed[key] = (claim.Id, PreviousRow.Of(row));
            if (row is { IsPlainText: true } && cipher.CurrentKeyId is not null)
                LogPlainRow(key);
            return row?.Record;
        }
        catch (UnreadableRowException)
        {
            // The statement has written the claim, and the caller cannot end it.
            await ReleaseAsync(key, claim.Id, cancellationToken);
            throw;
        }
    }

    /// <inheritdoc/>
    public async Task<AccountRecord?> CommitAsync(
        AccountKey key, Guid claimId, long claimedGeneration, TokenSet token, DateTimeOffset refreshedAt, CancellationToken cancellationToken)
    {
        // The document is read only for a claim of another instance, or after an earlier commit.
        var previous = _claimed.TryGetValue(key, out var claimed) && claimed.Claim == claimId
            ? claimed.Row
            : PreviousRow.Of(await RowAsync(AccountSql.Find, key, cancellationToken));
        var row = await RowAsync(
            AccountSql.Commit, key, cancellationToken,
            Document(key, token, previous, claimedGeneration + 1), Expiry(token), Of(claimId), Of(claimedGeneration), Of(refreshedAt), Of(previous.Seal));
        ForgetDocument(key, claimId);
        return row?.Record;
    }

    /// <inheritdoc/>
    public async Task<AccountRecord?> CommitUnclaimedAsync(
        AccountKey key, Claim claim, long baseGeneration, long generation, TokenSet token, DateTimeOffset refreshedAt, CancellationToken cancellationToken)
    {
        var previous = PreviousRow.Of(await RowAsync(AccountSql.Find, key, cancellationToken));
        var row = await RowAsync(
            AccountSql.CommitUnclaimed, key, cancellationToken,
            Document(key, token, previous, generation), Expiry(token), Of(claim.Id), Of(baseGeneration), Of(refreshedAt), Of(claim.Scope), Of(generation), Of(claim.Term), Of(previous.Seal));
        ForgetDocument(key, claim.Id);
        return row?.Record;
    }

    /// <inheritdoc/>
    public async Task<AccountRecord?> FailAsync(AccountKey key, Guid claimId, RefreshFailure failure, CancellationToken cancellationToken)
    {
        var row = await RowAsync(
            AccountSql.Fail, key, cancellationToken,
            Of(claimId), Of(failure.Count), Of(failure.Kind.ToString()), Of(failure.Detail),
            Of(failure.At), Of(failure.RetryAt), Of(failure.InputsFingerprint), Of(failure.Since), Of(failure.UnansweredSince));
        ForgetDocument(key, claimId);
        return row?.Record;
    }

    /// <inheritdoc/>
    public async Task ReleaseAsync(AccountKey key, Guid claimId, CancellationToken cancellationToken)
    {
        await statements.ExecuteAsync(AccountSql.Release, cancellationToken, Keyed(key, Of(claimId)));
        ForgetDocument(key, claimId);
    }

    /// <inheritdoc/>
    public async Task<AccountRecord?> ImportAsync(
        AccountKey key, TokenSet token, AccountUser? user, string seedFingerprint, long? replacesGeneration, CancellationToken cancellationToken)
    {
        if (replacesGeneration is { } generation)
            return await ReplaceAsync(key, token, user, seedFingerprint, generation, cancellationToken);
        var first = AccountAccess.None.Import(user);
        return (await RowAsync(AccountSql.Insert, key, cancellationToken, Imported(key, token, new PreviousRow(null, NewVersion(null)), 0, first, seedFingerprint)))?.Record;
    }

    /// <inheritdoc/>
    public Task<AccountRecord?> AllowAsync(AccountKey key, string ns, CancellationToken cancellationToken) =>
        RecordAsync(access.ChangeAsync(key, (current, _) => current.Allow(ns), cancellationToken));

    /// <inheritdoc/>
    public Task<AccountRecord?> AllowByProofAsync(AccountKey key, AccountUser user, CancellationToken cancellationToken) =>
        RecordAsync(access.ChangeAsync(key, (current, _) => current.AllowByProof(user), cancellationToken));

    /// <inheritdoc/>
    public Task<AccountRecord?> RecordUidAsync(AccountKey key, AccountUser user, CancellationToken cancellationToken) =>
        RecordAsync(access.ChangeAsync(key, (current, _) => current.Record(user), cancellationToken));

    /// <inheritdoc/>
    public Task<AccountRecord?> DenyAsync(AccountKey key, string ns, CancellationToken cancellationToken) =>
        RecordAsync(access.ChangeAsync(key, (current, _) => current.Deny(ns), cancellationToken));

    /// <inheritdoc/>
    public Task<AccountRecord?> DisownAsync(AccountKey key, CancellationToken cancellationToken) =>
        RecordAsync(access.ReduceAsync(key, current => current.Release(), cancellationToken));

    /// <inheritdoc/>
    public Task<AccountRecord?> RestoreAccessAsync(AccountRecord known, CancellationToken cancellationToken) =>
        RecordAsync(access.ChangeAsync(known.Key, (_, version) => (version ?? 0) < known.AccessVersion ? AccountAccess.Of(known) : null, cancellationToken));

    /// <inheritdoc/>
    public async Task<bool> DeleteAsync(AccountKey key, Guid claimId, CancellationToken cancellationToken)
    {
        var isDeleted = await statements.QueryAsync(AccountSql.Delete, reader => reader.ReadAsync(cancellationToken), cancellationToken, Keyed(key, Of(claimId), Of(access.Writer)));
        ForgetDocument(key, claimId);
        return isDeleted;
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<AccountKey?> WatchAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var listener = new AccountChangeListener(settings, access.Writer, metrics, time, logger);
        while (true)
        {
            foreach (var key in await listener.NextAsync(cancellationToken))
                yield return key;
        }
    }

    /// <summary>A row that cannot be read can be replaced, too, because a new seed repairs it. It then belongs to the namespace of the seed.</summary>
    private async Task<AccountRecord?> ReplaceAsync(AccountKey key, TokenSet token, AccountUser? user, string seedFingerprint, long generation, CancellationToken cancellationToken)
    {
        while (await access.FindAsync(key, cancellationToken) is { } stored && stored.Generation == generation)
        {
            AccountAccess wanted;
            try
            {
                stored.Check(cipher);
                wanted = stored.Access.Import(user);
            }
            catch (UnreadableRowException)
            {
                wanted = stored.Access.Release().Import(user);
            }

            var previous = new PreviousRow(stored.Document(cipher)?.Text, NewVersion(access.VersionOf(stored)));
            var row = await RowAsync(
                AccountSql.Replace, key, cancellationToken,
                [.. Imported(key, token, previous, generation + 1, wanted, seedFingerprint), Of(wanted.Denied), Of(stored.Version), Of(generation)]);
            if (row is not null)
                return row.Record;
        }

        return null;
    }

    private NpgsqlParameter[] Imported(AccountKey key, TokenSet token, PreviousRow row, long generation, AccountAccess wanted, string seedFingerprint) =>
    [
        Document(key, token, row, generation, isNewGrant: true), Expiry(token), Of(wanted.Namespaces), Of(seedFingerprint), Of(access.Writer),
        Of(wanted.Uids), Of(row.AccessVersion is { } version ? cipher.SealAccess(key, wanted, version) : null),
    ];

    /// <summary>The version of an access that is written now; null where access is not sealed.</summary>
    private long? NewVersion(long? current) => cipher.CurrentKeyId is null ? null : TokenCipher.NextAccessVersion(current, time.GetUtcNow());

    private static async Task<AccountRecord?> RecordAsync(Task<AccountRow?> row) => (await row)?.Record;

    private Task<AccountRow?> RowAsync(string sql, AccountKey key, CancellationToken cancellationToken, params NpgsqlParameter[] further)
    {
        var sentAt = time.GetUtcNow();
        return statements.QueryAsync(sql, async reader => await reader.ReadAsync(cancellationToken) ? AccountRow.Read(reader, cipher, sentAt) : null, cancellationToken, Keyed(key, further));
    }

    private void ForgetDocument(AccountKey key, Guid claimId)
    {
        if (_claimed.TryGetValue(key, out var claimed) && claimed.Claim == claimId)
            _claimed.TryRemove(new(key, claimed));
    }

    private static NpgsqlParameter[] Keyed(AccountKey key, params NpgsqlParameter[] further) => [Of(key.Provider), Of(key.Account), .. further];

    /// <summary>Applications select by it, and a token that never expires must not look expired.</summary>
    private static NpgsqlParameter Expiry(TokenSet token) => Of(token.NeverExpires ? AccountRow.MaxMoment : token.ExpiresAt);

    private NpgsqlParameter Document(AccountKey key, TokenSet token, PreviousRow previous, long generation, bool isNewGrant = false) =>
        Json(cipher.Seal(key, TokenDocument.Write(token, previous.Document, isNewGrant), generation, previous.AccessVersion));

    /// <summary>What a new document takes over from the row.</summary>
    /// <param name="Document">The document, or null.</param>
    /// <param name="AccessVersion">The version of the access; null if it is not sealed.</param>
    private readonly record struct PreviousRow(string? Document, long? AccessVersion)
    {
        /// <summary>The seal of that access.</summary>
        public string? Seal { get; private init; }

        public static PreviousRow Of(AccountRow? row) =>
            row is null ? default : new(row.Document, row.Record.AccessVersion) { Seal = row.Record.AccessVersion is null ? null : row.Seal };
    }

    [LoggerMessage(6005, LogLevel.Warning, "Row {Account} of table oauth_tokens is in plain text, and its next write encrypts it. Anyone who can write to the table could have written it. To refuse such rows, set Encryption=Required")]
    private partial void LogPlainRow(AccountKey account);

    [LoggerMessage(6000, LogLevel.Warning, "Row {Account} of table oauth_tokens is skipped: {Problem}")]
    private partial void LogUnreadable(string account, string problem);
}
