using System.Collections.Concurrent;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;

namespace TokenOperator.Refreshing;

/// <summary>
/// The rows as this process last saw them, so that a look at a fresh account costs no round trip. All rows are read in
/// one statement at the start of each term, after the schema has been brought up to date; notices from Postgres and this
/// process's own writes keep them up. What is written is fenced by the row's generation, so a stale view can delay a refresh
/// but not do one twice. A token that is not committed yet stands over the row that it follows: nobody is given an older
/// one, least of all to refresh with it.
/// </summary>
public sealed class AccountCache(ITokenStore store, IMigrator migrator, PendingCommits pending, ILeadershipGuard fence, TimeProvider time) : IDisposable
{
    private readonly ConcurrentDictionary<AccountKey, Seen> _records = new();
    private readonly SemaphoreSlim _loading = new(1, 1);
    private volatile Loaded? _loaded;

    /// <summary>The row, from memory if possible; null when there is none.</summary>
    /// <exception cref="StoreUnavailableException">It is not in memory, and Postgres cannot be asked.</exception>
    public async Task<AccountRecord?> GetAsync(AccountKey key, CancellationToken ct)
    {
        if (_loaded?.Term != fence.Term)
            await LoadAsync(ct);
        return Peek(key) ?? await ReadAsync(key, ct);
    }

    /// <summary>The row as it was last seen, or null; never asks Postgres.</summary>
    public AccountRecord? Peek(AccountKey key) => _records.GetValueOrDefault(key)?.Record;

    /// <summary>
    /// The time of day by which this account's moments are judged: the wall clock, but never less than what it was when the
    /// row came here plus the time that has passed since. A clock that is set back makes no token live longer.
    /// </summary>
    public DateTimeOffset Now(AccountKey key)
    {
        var wall = time.GetUtcNow();
        return _records.GetValueOrDefault(key) is { } seen && seen.At + time.GetElapsedTime(seen.Timestamp) is var steady && steady > wall ? steady : wall;
    }

    /// <summary>Reads the row from Postgres; null when there is none.</summary>
    public async Task<AccountRecord?> ReadAsync(AccountKey key, CancellationToken ct)
    {
        var known = _records.GetValueOrDefault(key);
        if (await store.FindAsync(key, ct) is { } row)
            return Take(row, known);
        _records.TryRemove(key, out _);
        return null;
    }

    /// <summary>Keeps what a write gave back.</summary>
    public AccountRecord Keep(AccountRecord row) => Keep(row, row);

    /// <summary>Keeps what is known and not in Postgres yet.</summary>
    public AccountRecord Hold(AccountRecord record) => Keep(record, _records.GetValueOrDefault(record.Key)?.Row);

    /// <summary>Forgets a row that is gone.</summary>
    public void Forget(AccountKey key) => _records.TryRemove(key, out _);

    /// <summary>Reads all rows anew and says which differ from what was known.</summary>
    public async Task<IReadOnlyList<AccountKey>> ReloadAsync(CancellationToken ct)
    {
        var before = _records.ToDictionary();
        var rows = await store.ListAsync(ct);
        var gone = _records.Keys.Except(rows.Select(row => row.Key)).ToList();
        var changed = new List<AccountKey>(gone);
        foreach (var key in gone)
            _records.TryRemove(key, out _);
        foreach (var row in rows)
        {
            var known = before.GetValueOrDefault(row.Key);
            var record = Take(row, known);
            if (known is null || known.Record.Generation != record.Generation || !SameNamespaces(known.Record, record) || !known.Record.DeniedNamespaces.SequenceEqual(record.DeniedNamespaces))
                changed.Add(row.Key);
        }

        return changed;
    }

    /// <inheritdoc/>
    public void Dispose() => _loading.Dispose();

    /// <summary>
    /// Takes what was read. A row that is older than what Postgres had acknowledged before it was asked is what a failover or a
    /// backup has left: refreshing with it would use a refresh token twice, so what is known to be newer goes back into it first.
    /// </summary>
    /// <param name="row">As read.</param>
    /// <param name="known">What was known before the statement was sent.</param>
    private AccountRecord Take(AccountRecord row, Seen? known)
    {
        if (known?.Row is { } acknowledged && row.IsEarlierThan(acknowledged) && fence.Holds)
            pending.AddForgotten(row, acknowledged, fence.NewClaim(TimeSpan.Zero));
        // What this process has written since the statement was sent is newer than what that saw.
        else if (_records.GetValueOrDefault(row.Key) is { Row: { } latest } seen && row.IsEarlierThan(latest))
            return seen.Record;
        return Keep(pending.Find(row.Key)?.Over(row) ?? row, row);
    }

    private AccountRecord Keep(AccountRecord record, AccountRecord? row) =>
        _records.AddOrUpdate(record.Key, _ => SeenNow(record, row), (_, known) => Again(known, record, row)).Record;

    private Seen SeenNow(AccountRecord record, AccountRecord? row) => new(record, row, time.GetUtcNow(), time.GetTimestamp());

    /// <summary>The same tokens seen once more are as old as before, whatever the wall clock says by now.</summary>
    private Seen Again(Seen known, AccountRecord record, AccountRecord? row) =>
        known.Record.Generation == record.Generation ? known with { Record = record, Row = row } : SeenNow(record, row);

    private static bool SameNamespaces(AccountRecord a, AccountRecord b) =>
        (a.Namespaces, b.Namespaces) is (null, null) || (a.Namespaces is { } x && b.Namespaces is { } y && x.SequenceEqual(y));

    private async Task LoadAsync(CancellationToken ct)
    {
        await _loading.WaitAsync(ct);
        try
        {
            var term = fence.Term;
            if (_loaded?.Term == term)
                return;
            await migrator.UpAsync(ct);
            await ReloadAsync(ct);
            _loaded = new Loaded(term);
        }
        finally
        {
            _loading.Release();
        }
    }

    /// <summary>What is known of an account.</summary>
    /// <param name="Record">With what is not in Postgres yet.</param>
    /// <param name="Row">As Postgres gave it; null when it has not.</param>
    /// <param name="At">When these tokens came here.</param>
    /// <param name="Timestamp">The same on the monotonic clock.</param>
    private sealed record Seen(AccountRecord Record, AccountRecord? Row, DateTimeOffset At, long Timestamp);

    private sealed record Loaded(CancellationToken Term);
}
