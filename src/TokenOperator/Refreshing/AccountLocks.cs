using TokenOperator.Core.Tokens;

namespace TokenOperator.Refreshing;

/// <summary>One lock per account in this process. A lock that nobody holds or waits for takes no memory.</summary>
public sealed class AccountLocks
{
    private readonly Dictionary<AccountKey, Entry> _entries = [];

    /// <summary>Waits for the lock. Dispose the result to release it.</summary>
    public async Task<IDisposable> AcquireAsync(AccountKey key, CancellationToken cancellationToken)
    {
        var entry = Join(key);
        try
        {
            await entry.Gate.WaitAsync(cancellationToken);
        }
        catch
        {
            Leave(key, entry);
            throw;
        }

        return new Holder(this, key, entry);
    }

    /// <summary>Takes the lock if it is free, without waiting; null if it is not.</summary>
    public IDisposable? TryAcquire(AccountKey key)
    {
        var entry = Join(key);
        if (entry.Gate.Wait(0))
            return new Holder(this, key, entry);
        Leave(key, entry);
        return null;
    }

    private Entry Join(AccountKey key)
    {
        lock (_entries)
        {
            var entry = _entries.TryGetValue(key, out var found) ? found : _entries[key] = new Entry();
            entry.Users++;
            return entry;
        }
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
