using TokenOperator.Core.Tokens;

namespace TokenOperator.Refreshing;

/// <summary>One at a time for each account, in this process. A lock that nobody waits for takes no memory.</summary>
public sealed class AccountLocks
{
    private readonly Dictionary<AccountKey, Entry> _entries = [];

    /// <summary>Waits for the account; dispose the answer to let the next one in.</summary>
    public async Task<IDisposable> AcquireAsync(AccountKey key, CancellationToken ct)
    {
        Entry entry;
        lock (_entries)
        {
            entry = _entries.TryGetValue(key, out var found) ? found : _entries[key] = new Entry();
            entry.Users++;
        }

        try
        {
            await entry.Gate.WaitAsync(ct);
        }
        catch
        {
            Leave(key, entry);
            throw;
        }

        return new Holder(this, key, entry);
    }

    private void Leave(AccountKey key, Entry entry)
    {
        lock (_entries)
        {
            if (--entry.Users > 0)
                return;
            _entries.Remove(key);
            entry.Gate.Dispose();
        }
    }

    private sealed class Entry
    {
        public SemaphoreSlim Gate { get; } = new(1, 1);

        public int Users { get; set; }
    }

    private sealed class Holder(AccountLocks locks, AccountKey key, Entry entry) : IDisposable
    {
        private int _disposed;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) != 0)
                return;
            entry.Gate.Release();
            locks.Leave(key, entry);
        }
    }
}
