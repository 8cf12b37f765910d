using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Npgsql;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres.Encryption;
using static TokenOperator.Postgres.SqlValue;

namespace TokenOperator.Postgres.Rows;

/// <summary>The rows in Postgres. Thread-safe. Every method is one statement of <see cref="AccountSql"/>.</summary>
internal sealed partial class PostgresTokenStore(
    StatementRunner statements, PostgresSettings settings, TokenCipher cipher, StoreMetrics metrics, TimeProvider time, ILogger<PostgresTokenStore> logger)
    : ITokenStore
{
    private readonly string _writer = Guid.NewGuid().ToString("N");

    // A commit must preserve what an application stores in the document next to the tokens. The claim has already read the
    // document, so it stays here until the claim ends: at most one for each account.
    private readonly ConcurrentDictionary<AccountKey, (Guid Claim, string Document)> _claimed = new();

    /// <inheritdoc/>
    public Task<IReadOnlyList<AccountRecord>> ListAsync(CancellationToken cancellationToken) => ListAsync(_ => true, cancellationToken);

    /// <inheritdoc/>
    public Task<IReadOnlyList<AccountRecord>> ListAsync(Func<AccountKey, bool> isWanted, CancellationToken cancellationToken) => statements.QueryAsync<IReadOnlyList<AccountRecord>>(
        AccountSql.List,
        async reader =>
        {
            var records = new List<AccountRecord>();
            while (await reader.ReadAsync(cancellationToken))
            {
                if (!isWanted(AccountRow.KeyOf(reader)))
                    continue;
                try
                {
                    records.Add(AccountRow.Read(reader, cipher).Record);
                }
                catch (UnreadableRowException e)
                {
                    LogUnreadable(e.Row, e.Problem);
                }
            }

            return records;
        },
        cancellationToken);

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
                _claimed[key] = (claim.Id, row.Document);
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
            ? claimed.Document
            : (await RowAsync(AccountSql.Find, key, cancellationToken))?.Document;
        var row = await RowAsync(
            AccountSql.Commit, key, cancellationToken,
            Document(key, token, previous, claimedGeneration + 1), Expiry(token), Of(claimId), Of(claimedGeneration), Of(refreshedAt));
        ForgetDocument(key, claimId);
        return row?.Record;
    }

    /// <inheritdoc/>
    public async Task<AccountRecord?> CommitUnclaimedAsync(
        AccountKey key, Claim claim, long baseGeneration, long generation, TokenSet token, DateTimeOffset refreshedAt, CancellationToken cancellationToken)
    {
        var previous = (await RowAsync(AccountSql.Find, key, cancellationToken))?.Document;
        var row = await RowAsync(
            AccountSql.CommitUnclaimed, key, cancellationToken,
            Document(key, token, previous, generation), Expiry(token), Of(claim.Id), Of(baseGeneration), Of(refreshedAt), Of(claim.Scope), Of(generation), Of(claim.Term));
        ForgetDocument(key, claim.Id);
        return row?.Record;
    }

    /// <inheritdoc/>
    public async Task<AccountRecord?> FailAsync(AccountKey key, Guid claimId, RefreshFailure failure, CancellationToken cancellationToken)
    {
        var row = await RowAsync(
            AccountSql.Fail, key, cancellationToken,
            Of(claimId), Of(failure.Count), Of(failure.Kind.ToString()), Of(failure.Detail),
            Of(failure.At), Of(failure.RetryAt), Of(failure.InputsFingerprint), Of(failure.Since));
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
        AccountKey key, TokenSet token, string? ns, string seedFingerprint, long? replacesGeneration, CancellationToken cancellationToken)
    {
        var previous = replacesGeneration is null ? null : await ReadableDocumentAsync(key, cancellationToken);
        NpgsqlParameter[] common = [Document(key, token, previous, replacesGeneration + 1 ?? 0, isNewGrant: true), Expiry(token), Of(ns), Of(seedFingerprint), Of(_writer)];
        var row = replacesGeneration is { } generation
            ? await RowAsync(AccountSql.Replace, key, cancellationToken, [.. common, Of(generation)])
            : await RowAsync(AccountSql.Insert, key, cancellationToken, common);
        return row?.Record;
    }

    /// <inheritdoc/>
    public async Task<AccountRecord?> AllowAsync(AccountKey key, string ns, CancellationToken cancellationToken) =>
        (await RowAsync(AccountSql.Allow, key, cancellationToken, Of(ns), Of(_writer)))?.Record;

    /// <inheritdoc/>
    public async Task<AccountRecord?> AllowByProofAsync(AccountKey key, string ns, CancellationToken cancellationToken) =>
        (await RowAsync(AccountSql.AllowByProof, key, cancellationToken, Of(ns), Of(_writer)))?.Record;

    /// <inheritdoc/>
    public async Task<AccountRecord?> DenyAsync(AccountKey key, string ns, CancellationToken cancellationToken) =>
        (await RowAsync(AccountSql.Deny, key, cancellationToken, Of(ns), Of(_writer)))?.Record;

    /// <inheritdoc/>
    public async Task<AccountRecord?> DisownAsync(AccountKey key, CancellationToken cancellationToken) => (await RowAsync(AccountSql.Disown, key, cancellationToken, Of(_writer)))?.Record;

    /// <inheritdoc/>
    public async Task<bool> DeleteAsync(AccountKey key, Guid claimId, CancellationToken cancellationToken)
    {
        var isDeleted = await statements.QueryAsync(AccountSql.Delete, reader => reader.ReadAsync(cancellationToken), cancellationToken, Keyed(key, Of(claimId), Of(_writer)));
        ForgetDocument(key, claimId);
        return isDeleted;
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<AccountKey?> WatchAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var listener = new AccountChangeListener(settings, _writer, metrics, time, logger);
        while (true)
        {
            foreach (var key in await listener.NextAsync(cancellationToken))
                yield return key;
        }
    }

    /// <summary>The document of the row; null also when it cannot be read, because a new seed repairs the row.</summary>
    private async Task<string?> ReadableDocumentAsync(AccountKey key, CancellationToken cancellationToken)
    {
        try
        {
            return (await RowAsync(AccountSql.Find, key, cancellationToken))?.Document;
        }
        catch (UnreadableRowException)
        {
            return null;
        }
    }

    private Task<AccountRow?> RowAsync(string sql, AccountKey key, CancellationToken cancellationToken, params NpgsqlParameter[] further) =>
        statements.QueryAsync(sql, async reader => await reader.ReadAsync(cancellationToken) ? AccountRow.Read(reader, cipher) : null, cancellationToken, Keyed(key, further));

    private void ForgetDocument(AccountKey key, Guid claimId)
    {
        if (_claimed.TryGetValue(key, out var claimed) && claimed.Claim == claimId)
            _claimed.TryRemove(new(key, claimed));
    }

    private static NpgsqlParameter[] Keyed(AccountKey key, params NpgsqlParameter[] further) => [Of(key.Provider), Of(key.Account), .. further];

    /// <summary>Applications select by it, and a token that never expires must not look expired.</summary>
    private static NpgsqlParameter Expiry(TokenSet token) => Of(token.NeverExpires ? AccountRow.MaxMoment : token.ExpiresAt);

    private NpgsqlParameter Document(AccountKey key, TokenSet token, string? previous, long generation, bool isNewGrant = false) =>
        Json(cipher.Seal(key, TokenDocument.Write(token, previous, isNewGrant), generation));

    [LoggerMessage(6005, LogLevel.Warning, "Row {Account} of table oauth_tokens is in plain text, and its next write encrypts it. Anyone who can write to the table could have written it. To refuse such rows, set Encryption=Required")]
    private partial void LogPlainRow(AccountKey account);

    [LoggerMessage(6000, LogLevel.Warning, "Row {Account} of table oauth_tokens is skipped: {Problem}")]
    private partial void LogUnreadable(string account, string problem);
}
