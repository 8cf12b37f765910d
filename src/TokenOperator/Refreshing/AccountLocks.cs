using TokenOperator.Core.Tokens;

namespace TokenOperator.Refreshing;

/// <summary>One lock per account in this process. A lock that nobody holds or waits for takes no memory.</summary>
public sealed class AccountLocks
{
    private readonly Dictionary<AccountKey, CountedLock> _locks = [];

    /// <summary>Waits for the lock. Dispose the result to release it.</summary>
    public async Task<IDisposable> AcquireAsync(AccountKey key, CancellationToken cancellationToken)
    {
        var counted = Join(key);
        try
        {
            await counted.Gate.WaitAsync(cancellationToken);
        }
        catch
        {
            Leave(key, counted);
            throw;
        }

        return new Holder(this, key, counted);
    }

    /// <summary>Takes the lock if it is free, without waiting; null if it is not.</summary>
    public IDisposable? TryAcquire(AccountKey key)
    {
        var counted = Join(key);
        if (counted.Gate.Wait(0))
            return new Holder(this, key, counted);
        Leave(key, counted);
        return null;
    }

    private CountedLock Join(AccountKey key)
    {
        lock (_locks)
        {
            var counted = _locks.TryGetValue(key, out var found) ? found : _locks[key] = new CountedLock();
            counted.Users++;
            return counted;
        }
    }

    private void Leave(AccountKey key, CountedLock counted)
    {
        lock (_locks)
        {
            if (--counted.Users > 0)
                return;
            _locks.Remove(key);
            counted.Gate.Dispose();
        }
    }

    private sealed class CountedLock
    {
        public SemaphoreSlim Gate { get; } = new(1, 1);

        public int Users { get; set; }
    }

    private sealed class Holder(AccountLocks locks, AccountKey key, CountedLock counted) : IDisposable
    {
        private int _disposed;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) != 0)
                return;
            counted.Gate.Release();
            locks.Leave(key, counted);
        }
    }
}
