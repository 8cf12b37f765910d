using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres.Encryption;

namespace TokenOperator.Postgres;

/// <summary>The rows in Postgres. Safe for parallel use; every method is one statement of <see cref="AccountSql"/>.</summary>
internal sealed class PostgresTokenStore(
    NpgsqlDataSource pool, PostgresSettings settings, TokenCipher cipher, StoreMetrics metrics, TimeProvider clock, ILogger<PostgresTokenStore> logger)
    : ITokenStore
{
    private readonly string _writer = Guid.NewGuid().ToString("N");

    // What an application keeps in the document beside the tokens has to survive a commit. The claim has read it already,
    // so it is held until the claim ends: one for each account at most.
    private readonly ConcurrentDictionary<AccountKey, (Guid Claim, string Document)> _claimed = new();

    /// <inheritdoc/>
    public Task<IReadOnlyList<AccountRecord>> ListAsync(CancellationToken ct) => RunAsync<IReadOnlyList<AccountRecord>>(
        AccountSql.List,
        async reader =>
        {
            var records = new List<AccountRecord>();
            while (await reader.ReadAsync(ct))
            {
                try
                {
                    records.Add(AccountRow.Read(reader, cipher).Record);
                }
                catch (UnreadableRowException e)
                {
                    logger.RowLeftOut(e.Key, e.Problem);
                }
            }

            return records;
        },
        ct);

    /// <inheritdoc/>
    public async Task<AccountRecord?> FindAsync(AccountKey key, CancellationToken ct) => (await RowAsync(AccountSql.Find, key, ct))?.Record;

    /// <inheritdoc/>
    public async Task<AccountRecord?> ClaimAsync(AccountKey key, Claim claim, long expectedGeneration, CancellationToken ct)
    {
        try
        {
            var row = await RowAsync(AccountSql.Claim, key, ct, Of(expectedGeneration), Of(claim.Id), Of(claim.Scope), Of(claim.Holder), Of(claim.Duration), Of(claim.Term));
            if (row is not null)
                _claimed[key] = (claim.Id, row.Document);
            return row?.Record;
        }
        catch (UnreadableRowException)
        {
            // The claim was taken by then, and nobody would end it.
            await ReleaseAsync(key, claim.Id, ct);
            throw;
        }
    }

    /// <inheritdoc/>
    public async Task<AccountRecord?> CommitAsync(
        AccountKey key, Guid claimId, long claimedGeneration, TokenSet token, DateTimeOffset refreshedAt, CancellationToken ct)
    {
        // Read only for a claim that another instance took, or one whose commit was answered already.
        var previous = _claimed.TryGetValue(key, out var claimed) && claimed.Claim == claimId
            ? claimed.Document
            : (await RowAsync(AccountSql.Find, key, ct))?.Document;
        var row = await RowAsync(
            AccountSql.Commit, key, ct,
            Document(key, token, previous), Of(token.ExpiresAt), Of(claimId), Of(claimedGeneration), Of(refreshedAt));
        Forget(key, claimId);
        return row?.Record;
    }

    /// <inheritdoc/>
    public async Task<AccountRecord?> CommitUnclaimedAsync(
        AccountKey key, Claim claim, long baseGeneration, long generation, TokenSet token, DateTimeOffset refreshedAt, CancellationToken ct)
    {
        var previous = (await RowAsync(AccountSql.Find, key, ct))?.Document;
        var row = await RowAsync(
            AccountSql.CommitUnclaimed, key, ct,
            Document(key, token, previous), Of(token.ExpiresAt), Of(claim.Id), Of(baseGeneration), Of(refreshedAt), Of(claim.Scope), Of(generation), Of(claim.Term));
        Forget(key, claim.Id);
        return row?.Record;
    }

    /// <inheritdoc/>
    public async Task<AccountRecord?> FailAsync(AccountKey key, Guid claimId, RefreshFailure failure, CancellationToken ct)
    {
        var row = await RowAsync(
            AccountSql.Fail, key, ct,
            Of(claimId), new NpgsqlParameter<int> { TypedValue = failure.Count }, Of(failure.Kind.ToString()), Of(failure.Detail),
            Of(failure.At), Of(failure.RetryAt), Of(failure.InputsFingerprint));
        Forget(key, claimId);
        return row?.Record;
    }

    /// <inheritdoc/>
    public async Task ReleaseAsync(AccountKey key, Guid claimId, CancellationToken ct)
    {
        await RunAsync(AccountSql.Release, _ => Task.FromResult(true), ct, Keyed(key, Of(claimId)));
        Forget(key, claimId);
    }

    /// <inheritdoc/>
    public async Task<AccountRecord?> ImportAsync(
        AccountKey key, TokenSet token, string? ns, string seedFingerprint, long? replacesGeneration, CancellationToken ct)
    {
        var previous = replacesGeneration is null ? null : await ReadableDocumentAsync(key, ct);
        NpgsqlParameter[] common = [Document(key, token, previous, isNewGrant: true), Of(token.ExpiresAt), Of(ns), Of(seedFingerprint), Of(_writer)];
        var row = replacesGeneration is { } generation
            ? await RowAsync(AccountSql.Replace, key, ct, [.. common, Of(generation)])
            : await RowAsync(AccountSql.Insert, key, ct, common);
        return row?.Record;
    }

    /// <inheritdoc/>
    public async Task<AccountRecord?> AllowAsync(AccountKey key, string ns, CancellationToken ct) =>
        (await RowAsync(AccountSql.Allow, key, ct, Of(ns), Of(_writer)))?.Record;

    /// <inheritdoc/>
    public async Task<AccountRecord?> AllowByProofAsync(AccountKey key, string ns, CancellationToken ct) =>
        (await RowAsync(AccountSql.AllowByProof, key, ct, Of(ns), Of(_writer)))?.Record;

    /// <inheritdoc/>
    public async Task<AccountRecord?> DenyAsync(AccountKey key, string ns, CancellationToken ct) =>
        (await RowAsync(AccountSql.Deny, key, ct, Of(ns), Of(_writer)))?.Record;

    /// <inheritdoc/>
    public async Task<AccountRecord?> DisownAsync(AccountKey key, CancellationToken ct) => (await RowAsync(AccountSql.Disown, key, ct, Of(_writer)))?.Record;

    /// <inheritdoc/>
    public async Task<bool> DeleteAsync(AccountKey key, Guid claimId, CancellationToken ct)
    {
        var isDeleted = await RunAsync(AccountSql.Delete, reader => reader.ReadAsync(ct), ct, Keyed(key, Of(claimId), Of(_writer)));
        Forget(key, claimId);
        return isDeleted;
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<AccountKey?> WatchAsync([EnumeratorCancellation] CancellationToken ct)
    {
        await using var notices = new AccountChangeListener(settings, _writer, metrics, clock, logger);
        while (true)
        {
            foreach (var key in await notices.NextAsync(ct))
                yield return key;
        }
    }

    /// <summary>What stands in the row; null also for what nobody can read, since a new seed mends it.</summary>
    private async Task<string?> ReadableDocumentAsync(AccountKey key, CancellationToken ct)
    {
        try
        {
            return (await RowAsync(AccountSql.Find, key, ct))?.Document;
        }
        catch (UnreadableRowException)
        {
            return null;
        }
    }

    private Task<AccountRow?> RowAsync(string sql, AccountKey key, CancellationToken ct, params NpgsqlParameter[] further) =>
        RunAsync(sql, async reader => await reader.ReadAsync(ct) ? AccountRow.Read(reader, cipher) : null, ct, Keyed(key, further));

    private async Task<T> RunAsync<T>(string sql, Func<NpgsqlDataReader, Task<T>> read, CancellationToken ct, params NpgsqlParameter[] parameters)
    {
        var started = metrics.Begin();
        try
        {
            await using var command = pool.CreateCommand(sql);
            command.Parameters.AddRange(parameters);
            await using var reader = await command.ExecuteReaderAsync(ct);
            var result = await read(reader);
            metrics.Succeeded(started);
            return result;
        }
        catch (Exception e) when (PostgresErrors.IsOfDatabase(e))
        {
            metrics.Failed(started);
            throw PostgresErrors.Translate(e, settings);
        }
    }

    private void Forget(AccountKey key, Guid claimId)
    {
        if (_claimed.TryGetValue(key, out var claimed) && claimed.Claim == claimId)
            _claimed.TryRemove(new(key, claimed));
    }

    private static NpgsqlParameter[] Keyed(AccountKey key, params NpgsqlParameter[] further) => [Of(key.Provider), Of(key.Account), .. further];

    // Of no declared type: the server takes it as the column's, json or jsonb.
    internal static NpgsqlParameter<string> Json(string text) => new() { TypedValue = text, NpgsqlDbType = NpgsqlDbType.Unknown };

    private NpgsqlParameter<string> Document(AccountKey key, TokenSet token, string? previous, bool isNewGrant = false) =>
        Json(cipher.Seal(key, TokenDocument.Write(token, previous, isNewGrant)));

    private static NpgsqlParameter<long> Of(long value) => new() { TypedValue = value };

    private static NpgsqlParameter<Guid> Of(Guid value) => new() { TypedValue = value };

    private static NpgsqlParameter<TimeSpan> Of(TimeSpan value) => new() { TypedValue = value };

    private static NpgsqlParameter Of(string? value) => new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text };

    private static NpgsqlParameter Of(DateTimeOffset? value) =>
        new() { Value = (object?)value?.ToUniversalTime() ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz };
}
