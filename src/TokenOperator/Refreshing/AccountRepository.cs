using System.Collections.Concurrent;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;

namespace TokenOperator.Refreshing;

/// <summary>
/// Owns the rows: what Postgres holds, what this process remembers of it, and the tokens that are not committed yet. Memory answers
/// most reads, so a look at a fresh account costs no round trip. Writes are fenced by the row's generation, so a stale view can delay
/// a refresh but cannot cause a second one. A token that is not committed yet hides the row that it follows: nobody receives the older
/// token, and nobody refreshes with it.
/// </summary>
public sealed partial class AccountRepository(
    ITokenStore store, AccountLocks locks, ILeadershipGuard guard, IAccountQueue queue, int maxAccountsPerNamespace, TimeProvider time,
    ILogger<AccountRepository> logger)
{
    /// <summary>How long a failed write of an account is reported before it is tried again.</summary>
    internal static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<AccountKey, KnownAccount> _entries = new();
    private readonly RowReserve _reserve = new();

    /// <summary>By account and namespace: what one namespace may not write, such as an account too many, another one may.</summary>
    private readonly ConcurrentDictionary<(AccountKey Key, string Namespace), WriteFailure> _failures = new();

    private readonly ConcurrentDictionary<AccountKey, PendingCommit> _pending = new();
    private readonly Channel<bool> _added = NewSignal();
    private readonly Channel<bool> _wanted = NewSignal();
    private TermLoad _load = new(CancellationToken.None);

    /// <summary>How many tokens are in memory only.</summary>
    public int PendingCount => _pending.Count;

    /// <summary>True while the account's newest token is in memory only.</summary>
    public bool IsPending(AccountKey key) => _pending.ContainsKey(key);

    /// <summary>The uncommitted token of the account, or null.</summary>
    public PendingCommit? FindPending(AccountKey key) => _pending.GetValueOrDefault(key);

    /// <summary>The row as memory has it, or null. Never asks Postgres.</summary>
    public AccountSnapshot? TryGet(AccountKey key) => _entries.GetValueOrDefault(key) is { } entry ? new AccountSnapshot(entry.Record, entry.At, entry.Timestamp) : null;

    /// <summary>The time of day by which moments of this account are judged: see <see cref="AccountSnapshot.Now"/>. The wall clock if the account is not known.</summary>
    public DateTimeOffset Now(AccountKey key) => TryGet(key)?.Now(time) ?? time.GetUtcNow();

    /// <summary>Looks up the account, in memory if possible. Waits until the rows of this term have been read.</summary>
    /// <param name="key">The account.</param>
    /// <param name="ns">The namespace that asks: it gets the failure of a write of its own.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    public async Task<AccountLookup> FindAsync(AccountKey key, string ns, CancellationToken cancellationToken)
    {
        if (await LoadOfThisTerm().Ended.Task.WaitAsync(cancellationToken) is { } failure)
            return failure;
        // A write that failed just now would fail again.
        if (_failures.TryGetValue((key, ns), out var failed))
        {
            if (time.GetElapsedTime(failed.At) < RetryDelay)
                return failed.Result;
            _failures.TryRemove(KeyValuePair.Create((key, ns), failed));
        }

        if (TryGet(key) is { } known)
            return new AccountLookup.Found(known.Record);
        return _reserve.Take(key) is { } row
            ? new AccountLookup.Found(_entries.GetOrAdd(key, _ => NewEntry(row, row)).Record)
            : await GuardAsync(async () => await ReadAsync(key, cancellationToken));
    }

    /// <summary>Reads the row from Postgres; null if there is none.</summary>
    /// <exception cref="StoreUnavailableException">Postgres cannot be used.</exception>
    /// <exception cref="UnreadableRowException">The row is not that of an account.</exception>
    public async Task<AccountRecord?> ReadAsync(AccountKey key, CancellationToken cancellationToken)
    {
        var known = _entries.GetValueOrDefault(key);
        _reserve.Remove(key);
        if (await store.FindAsync(key, cancellationToken) is { } row)
            return Merge(await RestoreAccessAsync(row, known, cancellationToken), known);
        _entries.TryRemove(key, out _);
        return null;
    }

    /// <summary>
    /// True if memory holds the account's row: an object names it, or its newest token is nowhere else. Rows stay when their objects are deleted, and
    /// there can be any number of them, so memory has only a <see cref="RowReserve"/> of the others.
    /// </summary>
    public bool IsNeeded(AccountKey key) => queue.IsNamed(key) || IsPending(key);

    /// <summary>Forgets a row that is no longer needed.</summary>
    public void Forget(AccountKey key)
    {
        _reserve.Remove(key);
        if (!IsNeeded(key))
            _entries.TryRemove(key, out _);
    }

    /// <summary>Reads all rows again that are needed, and returns the accounts that differ from what memory had.</summary>
    public async Task<IReadOnlyList<AccountKey>> ReloadAsync(CancellationToken cancellationToken)
    {
        var (before, reserve, rows) = (_entries.ToDictionary(), _reserve.Begin(), new List<AccountRecord>());
        await store.ListAsync(
            key => !reserve.IsFull || IsNeeded(key),
            row =>
            {
                if (IsNeeded(row.Key))
                    rows.Add(row);
                else
                    reserve.Add(row);
            },
            cancellationToken);
        _reserve.Replace(reserve);
        var changed = _entries.Keys.Except(rows.Select(row => row.Key)).ToList();
        foreach (var key in changed)
            _entries.TryRemove(key, out _);
        foreach (var row in rows)
        {
            var known = before.GetValueOrDefault(row.Key);
            var record = Merge(await RestoreAccessAsync(row, known, cancellationToken), known);
            if (known is null || IsOtherForReaders(known.Record, record))
                changed.Add(row.Key);
        }

        return changed;
    }

    /// <summary>Remembers a row as a write returned it.</summary>
    public AccountRecord Set(AccountRecord row) => Remember(row, row);

    /// <summary>True if the row has the access list as it was before a change that this process has seen.</summary>
    public bool HasForgottenAccess(AccountRecord row) => _entries.GetValueOrDefault(row.Key)?.Row is { } acknowledged && row.HasEarlierAccessThan(acknowledged);

    /// <summary>Remembers what is known and not in Postgres yet.</summary>
    public AccountRecord SetUncommitted(AccountRecord record) => Remember(record, _entries.GetValueOrDefault(record.Key)?.Row);

    /// <summary>Takes over a token that could not be committed. <see cref="AccountSynchronizer"/> retries until it is.</summary>
    public void AddPending(PendingCommit commit)
    {
        _pending[commit.Claimed.Key] = commit;
        _added.Writer.TryWrite(true);
    }

    /// <summary>Takes the account's lock. Dispose the result to release it.</summary>
    public Task<IDisposable> LockAsync(AccountKey key, CancellationToken cancellationToken) => locks.AcquireAsync(key, cancellationToken);

    /// <summary>Takes the account's lock if it is free, without waiting; null if it is not.</summary>
    public IDisposable? TryLock(AccountKey key) => locks.TryAcquire(key);

    /// <summary>Imports <paramref name="seed"/> and returns the row that stands there in the end, no matter who wrote it. Waits for the account's lock.</summary>
    /// <exception cref="StoreUnavailableException">Postgres cannot be used.</exception>
    public async Task<AccountRecord?> ImportAsync(AccountKey key, Seed seed, AccountUser user, AccountRecord? replaces, CancellationToken cancellationToken)
    {
        using var turn = await locks.AcquireAsync(key, cancellationToken);
        return await ImportLockedAsync(key, seed, user, replaces, cancellationToken);
    }

    /// <summary>Imports <paramref name="seed"/>. <see cref="FindAsync"/> returns the result, also a failure.</summary>
    /// <returns>False if a refresh or another write of the account is running or pending, so that nothing was written.</returns>
    public async Task<bool> TryImportAsync(AccountKey key, Seed seed, AccountUser user, AccountRecord? replaces, CancellationToken cancellationToken)
    {
        // A seed replaces a row that stands in Postgres, and the newest one of this account does not yet.
        if (IsPending(key))
            return false;
        if (replaces is not null || await CheckQuotaAsync(user.Namespace, cancellationToken) is not { } refusal)
            return await WriteAsync(key, user.Namespace, () => ImportLockedAsync(key, seed, user, replaces, cancellationToken));
        _failures[(key, user.Namespace)] = new WriteFailure(refusal, time.GetTimestamp());
        return true;
    }

    /// <summary>Creates the account for <paramref name="user"/>, without tokens. <see cref="FindAsync"/> returns the result, also a failure.</summary>
    /// <returns>False if another write of the account is running, so that nothing was written.</returns>
    public Task<bool> TryCreateAsync(AccountKey key, AccountUser user, CancellationToken cancellationToken) =>
        TryImportAsync(key, new Seed(new TokenSet(), ClientId: null), user, replaces: null, cancellationToken);

    /// <summary>Gives an account to <paramref name="user"/>, which holds the same refresh token. <see cref="FindAsync"/> returns the result, also a failure.</summary>
    /// <returns>False if a refresh or another write of the account is running, so that nothing was written.</returns>
    public Task<bool> TryAllowAsync(AccountKey key, AccountUser user, CancellationToken cancellationToken) => WriteAsync(key, user.Namespace, async () =>
    {
        if (await store.AllowByProofAsync(key, user, cancellationToken) is not { } allowed)
            return await ReadAsync(key, cancellationToken);
        LogAllowed(key.Provider, key.Account, user.Namespace);
        return Written(allowed);
    });

    /// <summary>Records which namespace of its name uses the account. <see cref="FindAsync"/> returns the result, also a failure.</summary>
    /// <returns>False if a refresh or another write of the account is running, so that nothing was written.</returns>
    public Task<bool> TryRecordUidAsync(AccountKey key, AccountUser user, CancellationToken cancellationToken) => WriteAsync(key, user.Namespace, async () =>
        await store.RecordUidAsync(key, user, cancellationToken) is { } recorded ? Written(recorded) : await ReadAsync(key, cancellationToken));

    /// <summary>Deletes the row that stands under the claim. False if another claim stands there, or the row is gone.</summary>
    public async Task<bool> DeleteAsync(AccountKey key, Claim claim, CancellationToken cancellationToken)
    {
        if (!await store.DeleteAsync(key, claim.Id, cancellationToken))
            return false;
        _reserve.Remove(key);
        _entries.TryRemove(key, out _);
        LogDeleted(key.Provider, key.Account);
        return true;
    }

    /// <summary>Commits the token now. Returns the row that stands there then; null if that is another one by now, or gone.</summary>
    /// <exception cref="StoreUnavailableException">The token is still pending.</exception>
    public async Task<AccountRecord?> CommitAsync(PendingCommit commit, CancellationToken cancellationToken)
    {
        var key = commit.Claimed.Key;
        var record = commit.Unwritten is { } claim
            ? await store.CommitUnclaimedAsync(key, claim, commit.Claimed.Generation, commit.Generation, commit.Token, commit.RefreshedAt, cancellationToken)
            : await store.CommitAsync(key, commit.ClaimId, commit.Claimed.Generation, commit.Token, commit.RefreshedAt, cancellationToken);
        // A newer token can have taken its place in the meantime. That one is committed later.
        if (!_pending.TryRemove(KeyValuePair.Create(key, commit)))
            return record;
        if (record is null)
        {
            LogOvertaken(key.Provider, key.Account);
            _reserve.Remove(key);
            _entries.TryRemove(key, out _);
        }
        else
        {
            LogCommitted(key.Provider, key.Account);
            Set(record);
        }

        queue.Enqueue(key);
        return record;
    }

    /// <summary>Tries to commit every pending token once, those first that exist nowhere else.</summary>
    public async Task CommitAllAsync(CancellationToken cancellationToken)
    {
        foreach (var commit in _pending.Values.OrderByDescending(commit => commit.HoldsNewRefreshToken))
        {
            try
            {
                await CommitAsync(commit, cancellationToken);
            }
            catch (Exception e) when (e is StoreUnavailableException or OperationCanceledException)
            {
                LogStillPending(_pending.Count, e.Message);
                return;
            }
            catch (UnreadableRowException e)
            {
                // Someone edited the row by hand. The token stays here until they have fixed it.
                LogStillPending(_pending.Count, e.Message);
            }
#pragma warning disable CA1031 // A pending token can exist nowhere else: no fault of one commit may end the attempts of all.
            catch (Exception e)
            {
                LogThrew(e, commit.Claimed.Key.Provider, commit.Claimed.Key.Account);
            }
#pragma warning restore CA1031
        }
    }

    /// <summary>Logs the tokens that are lost because the process ends.</summary>
    public void LogLostTokens()
    {
        foreach (var commit in _pending.Values)
            LogLost(commit.Claimed.Key.Provider, commit.Claimed.Key.Account);
    }

    /// <summary>Waits until a token is pending.</summary>
    internal async Task WaitForPendingAsync(CancellationToken cancellationToken)
    {
        if (_pending.IsEmpty)
            await _added.Reader.ReadAsync(cancellationToken);
    }

    /// <summary>Waits until someone looks up an account in a term whose rows have not been read.</summary>
    internal async Task WaitForTermAsync(CancellationToken cancellationToken) => await _wanted.Reader.ReadAsync(cancellationToken);

    /// <summary>True while this process leads, knows which rows are needed, and has not read them in this term.</summary>
    internal bool IsLoadDue => queue.KnowsAll && !guard.Term.IsCancellationRequested && !(LoadOfThisTerm().Ended.Task is { IsCompletedSuccessfully: true, Result: null });

    /// <summary>Reads all rows at the beginning of a term, and lets those who wait for it continue.</summary>
    /// <param name="obstacle">Why the rows cannot be read, or null.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Why the rows could not be read, or null.</returns>
    internal async Task<AccountLookup?> LoadAsync(AccountLookup? obstacle, CancellationToken cancellationToken)
    {
        var load = LoadOfThisTerm();
        var result = obstacle ?? await GuardAsync(async () =>
        {
            await ReloadAsync(cancellationToken);
            return null;
        });
        var failure = result is AccountLookup.Absent ? null : result;
        if (!load.Ended.TrySetResult(failure) && failure is null)
        {
            // An earlier attempt of this term failed.
            var loaded = new TermLoad(load.Term);
            loaded.Ended.SetResult(null);
            Interlocked.CompareExchange(ref _load, loaded, load);
        }

        return failure;
    }

    /// <summary>Turns what the store throws into a lookup.</summary>
    internal static async Task<AccountLookup> GuardAsync(Func<Task<AccountRecord?>> use)
    {
        try
        {
            return await use() is { } record ? new AccountLookup.Found(record) : new AccountLookup.Absent();
        }
        catch (StoreUnavailableException e)
        {
            return new AccountLookup.Unavailable(e.Message);
        }
        catch (SchemaException e)
        {
            return new AccountLookup.WrongSchema(e.Message);
        }
        catch (UnreadableRowException e)
        {
            return new AccountLookup.Unreadable(e.Message, e.Rest);
        }
    }

    private static Channel<bool> NewSignal() => Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private static bool IsOtherForReaders(AccountRecord known, AccountRecord now) =>
        known.Generation != now.Generation
        || !known.NamespaceUids.SequenceEqual(now.NamespaceUids)
        || !(known.Namespaces ?? [""]).SequenceEqual(now.Namespaces ?? [""])
        || !known.DeniedNamespaces.SequenceEqual(now.DeniedNamespaces);

    private TermLoad LoadOfThisTerm()
    {
        while (true)
        {
            var (load, term) = (Volatile.Read(ref _load), guard.Term);
            if (load.Term == term)
                return load;
            if (Interlocked.CompareExchange(ref _load, new TermLoad(term), load) == load)
                _wanted.Writer.TryWrite(true);
        }
    }

    /// <summary>Null if <paramref name="ns"/> may have one more account. Imports that run at the same time can exceed the limit by a few.</summary>
    private async Task<AccountLookup?> CheckQuotaAsync(string ns, CancellationToken cancellationToken)
    {
        long count = 0;
        var result = await GuardAsync(async () =>
        {
            count = await store.CountAsync(ns, cancellationToken);
            return null;
        });
        return result is not AccountLookup.Absent ? result
            : count >= maxAccountsPerNamespace ? new AccountLookup.OverQuota(ns, count, maxAccountsPerNamespace)
            : null;
    }

    private async Task<AccountRecord?> ImportLockedAsync(AccountKey key, Seed seed, AccountUser user, AccountRecord? replaces, CancellationToken cancellationToken)
    {
        if (await store.ImportAsync(key, seed.Token, user, seed.Fingerprint, replaces?.Generation, cancellationToken) is not { } imported)
            return await ReadAsync(key, cancellationToken);
        if (seed.Token.RefreshToken is null)
            LogCreated(key.Provider, key.Account, user.Namespace);
        else
            LogImported(key.Provider, key.Account, user.Namespace, replaces is null ? "a new account" : "in place of a dead token");
        return Set(imported);
    }

    private async Task<bool> WriteAsync(AccountKey key, string ns, Func<Task<AccountRecord?>> write)
    {
        // A refresh holds the lock while it waits for its provider: a worker must not wait with it.
        using var turn = locks.TryAcquire(key);
        if (turn is null)
            return false;
        var result = await GuardAsync(write);
        if (result is AccountLookup.Found or AccountLookup.Absent)
            _failures.TryRemove((key, ns), out _);
        else
            _failures[(key, ns)] = new WriteFailure(result, time.GetTimestamp());
        return true;
    }

    /// <summary>
    /// Merges a row that was read into memory. A row that is older than what Postgres had acknowledged before the statement was sent is
    /// the result of a failover or a restored backup. A refresh with it would use a refresh token twice, so the newer row becomes pending.
    /// </summary>
    /// <param name="row">The row as read.</param>
    /// <param name="known">What was known before the statement was sent.</param>
    private AccountRecord Merge(AccountRecord row, KnownAccount? known)
    {
        var isForgotten = known?.Row is { } acknowledged && row.IsEarlierThan(acknowledged) && guard.IsLeader;
        if (isForgotten)
            RestoreForgotten(row, known!.Row!);
        var record = FindPending(row.Key)?.ApplyTo(row) ?? row;
        // What this process wrote after the statement was sent is newer than what the statement saw.
        return _entries.AddOrUpdate(
            row.Key,
            _ => NewEntry(record, row),
            (_, seen) => !isForgotten && seen.Row is { } latest && row.IsEarlierThan(latest) ? seen : UpdatedEntry(seen, record, row)).Record;
    }

    /// <summary>
    /// Writes the access list of the account again, if the row says what it said before a change that Postgres had acknowledged: someone put it back,
    /// or Postgres failed over or was restored. A namespace that lost the account must not get it back that way.
    /// </summary>
    private async Task<AccountRecord> RestoreAccessAsync(AccountRecord row, KnownAccount? known, CancellationToken cancellationToken)
    {
        if (known?.Row is not { } acknowledged || !row.HasEarlierAccessThan(acknowledged) || !guard.IsLeader)
            return row;
        LogAccessForgotten(row.Key.Provider, row.Key.Account);
        return await store.RestoreAccessAsync(acknowledged, cancellationToken) ?? await store.FindAsync(row.Key, cancellationToken) ?? row;
    }

    /// <summary>Remembers a row whose access was written. A token that is not committed yet stays newer than the one in it.</summary>
    private AccountRecord Written(AccountRecord row) => Remember(FindPending(row.Key)?.ApplyTo(row) ?? row, row);

    /// <summary>Makes a token pending that Postgres acknowledged and forgot. A token that is already pending is newer still, and stays.</summary>
    private void RestoreForgotten(AccountRecord row, AccountRecord forgotten)
    {
        LogForgotten(row.Key.Provider, row.Key.Account, row.Generation, forgotten.Generation);
        var claim = guard.NewClaim(TimeSpan.Zero);
        var held = FindPending(row.Key)
            ?? new PendingCommit(row, claim.Id, forgotten.Token, forgotten.LastRefreshAt ?? time.GetUtcNow()) { Generation = forgotten.Generation };
        AddPending(held with { Claimed = row, ClaimId = claim.Id, Unwritten = claim });
    }

    private AccountRecord Remember(AccountRecord record, AccountRecord? row) =>
        _entries.AddOrUpdate(record.Key, _ => NewEntry(record, row), (_, known) => UpdatedEntry(known, record, row)).Record;

    private KnownAccount NewEntry(AccountRecord record, AccountRecord? row) => new(record, row, time.GetUtcNow(), time.GetTimestamp());

    /// <summary>Tokens that are read again are as old as before, whatever the wall clock says by now.</summary>
    private KnownAccount UpdatedEntry(KnownAccount known, AccountRecord record, AccountRecord? row) =>
        known.Record.Generation == record.Generation ? known with { Record = record, Row = row } : NewEntry(record, row);

    /// <summary>What is known of an account.</summary>
    /// <param name="Record">The row, with what is not in Postgres yet.</param>
    /// <param name="Row">The row as Postgres returned it; null if it has not.</param>
    /// <param name="At">When these tokens arrived here.</param>
    /// <param name="Timestamp">The same on the monotonic clock.</param>
    private sealed record KnownAccount(AccountRecord Record, AccountRecord? Row, DateTimeOffset At, long Timestamp);

    private sealed record WriteFailure(AccountLookup Result, long At);

    /// <summary>The load of one term. It ends with the reason why the rows could not be read, or null.</summary>
    private sealed record TermLoad(CancellationToken Term)
    {
        public TaskCompletionSource<AccountLookup?> Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    [LoggerMessage(111, LogLevel.Information, "Committed the token of {Provider}/{Account} that was in memory only")]
    private partial void LogCommitted(string provider, string account);

    [LoggerMessage(112, LogLevel.Warning, "Dropped the token of {Provider}/{Account} that was in memory only: its row holds a newer one, or is gone")]
    private partial void LogOvertaken(string provider, string account);

    [LoggerMessage(113, LogLevel.Warning, "{Count} tokens are still in memory only: {Error}")]
    private partial void LogStillPending(int count, string error);

    [LoggerMessage(114, LogLevel.Critical, "The operator stopped before it could commit the new token of {Provider}/{Account}. If the provider rotates refresh tokens, import a new seed")]
    private partial void LogLost(string provider, string account);

    [LoggerMessage(115, LogLevel.Error, "Committing the token of {Provider}/{Account} that is in memory only threw an exception; the operator retries")]
    private partial void LogThrew(Exception exception, string provider, string account);

    [LoggerMessage(116, LogLevel.Error, "Postgres has an older {Provider}/{Account} (generation {Found}, but it acknowledged {Acknowledged}): it failed over to a standby that lagged behind, or a backup was restored. The operator writes the newer token again")]
    private partial void LogForgotten(string provider, string account, long found, long acknowledged);

    [LoggerMessage(117, LogLevel.Error, "Postgres has an earlier list of the namespaces that may use {Provider}/{Account} than it acknowledged: someone put an old row back, it failed over to a standby that lagged behind, or a backup was restored. The operator writes the newer list again. If nobody restored a backup, find out who writes to the table")]
    private partial void LogAccessForgotten(string provider, string account);

    [LoggerMessage(121, LogLevel.Information, "Imported a refresh token for {Provider}/{Account} from namespace {Namespace}: {What}")]
    private partial void LogImported(string provider, string account, string @namespace, string what);

    [LoggerMessage(122, LogLevel.Information, "Gave {Provider}/{Account} to namespace {Namespace}, which holds the same refresh token")]
    private partial void LogAllowed(string provider, string account, string @namespace);

    [LoggerMessage(124, LogLevel.Information, "Created {Provider}/{Account} for namespace {Namespace}. Its grant needs no refresh token")]
    private partial void LogCreated(string provider, string account, string @namespace);

    [LoggerMessage(123, LogLevel.Information, "Deleted the row of {Provider}/{Account}")]
    private partial void LogDeleted(string provider, string account);
}
