using System.Collections.Concurrent;
using TokenOperator.Storage;
using TokenOperator.Tokens;

namespace TokenOperator.Refreshing;

/// <summary>
/// The rows as this process last saw them, so that a look at a fresh account costs no round trip. All rows are read in
/// one statement at the start of each term, after the schema has been
/// brought up to date; notices from Postgres and this process's own writes keep them up. What is
/// written is fenced by the row's generation, so a stale view can delay a refresh but not do one twice. A token that is
/// not committed yet stands over the row that it follows: nobody is given an older one, least of all to refresh with it.
/// </summary>
public sealed class AccountCache(ITokenStore store, IMigrator migrator, PendingCommits pending, IFence fence, TimeProvider time) : IDisposable
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
        var record = await store.FindAsync(key, ct);
        if (record is null)
            _records.TryRemove(key, out _);
        else
            record = Keep(pending.Find(key)?.Over(record) ?? record);
        return record;
    }

    /// <summary>Keeps what a write gave back.</summary>
    public AccountRecord Keep(AccountRecord record) => _records.AddOrUpdate(record.Key, _ => SeenNow(record), (_, known) => Again(known, record)).Record;

    /// <summary>Forgets a row that is gone.</summary>
    public void Forget(AccountKey key) => _records.TryRemove(key, out _);

    /// <summary>Reads all rows anew and says which differ from what was known.</summary>
    public async Task<IReadOnlyList<AccountKey>> ReloadAsync(CancellationToken ct)
    {
        var rows = (await store.ListAsync(ct)).Select(row => pending.Find(row.Key)?.Over(row) ?? row).ToList();
        var changed = rows.Where(row => Peek(row.Key) is not { } known || known.Generation != row.Generation || !SameNamespaces(known, row) || !known.DeniedNamespaces.SequenceEqual(row.DeniedNamespaces))
            .Select(row => row.Key)
            .Concat(_records.Keys.Except(rows.Select(row => row.Key)))
            .ToList();
        foreach (var key in _records.Keys.Except(rows.Select(row => row.Key)))
            _records.TryRemove(key, out _);
        foreach (var row in rows)
            _records.AddOrUpdate(row.Key, _ => SeenNow(row), (_, known) => known.Record.Generation > row.Generation ? known : Again(known, row));
        return changed;
    }

    /// <inheritdoc/>
    public void Dispose() => _loading.Dispose();

    private Seen SeenNow(AccountRecord record) => new(record, time.GetUtcNow(), time.GetTimestamp());

    /// <summary>The same tokens seen once more are as old as before, whatever the wall clock says by now.</summary>
    private Seen Again(Seen known, AccountRecord record) =>
        known.Record.Generation == record.Generation ? known with { Record = record } : SeenNow(record);

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

    private sealed record Seen(AccountRecord Record, DateTimeOffset At, long Timestamp);

    private sealed record Loaded(CancellationToken Term);
}
