using Microsoft.Extensions.Logging.Abstractions;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers;
using TokenOperator.Refreshing;

namespace TokenOperator.Tests.Refreshing;

/// <summary>The refreshing services on a row in memory and a scripted provider.</summary>
internal sealed class RefreshingFixture : IDisposable
{
    public RefreshingFixture(AccountRecord row, TimeProvider time, RequestRate? rate = null)
    {
        Store = new MemoryStore(row);
        Provider = new ScriptedProvider(rate);
        var providers = new ProviderRegistry([Provider]);
        Pending = new PendingCommits(Store, time, NullLogger<PendingCommits>.Instance);
        Cache = new AccountCache(Store, Store, Pending, Fence, time);
        Limits = new RateLimits(providers, Queue, time, new Meters());
        Refresher = new AccountRefresher(
            Store, providers, Cache, new AccountLocks(), Pending, Rejected, Limits, Fence, time, new Random(1), NullLogger<AccountRefresher>.Instance);
    }

    public MemoryStore Store { get; }

    public ScriptedProvider Provider { get; }

    public SwitchableFence Fence { get; } = new();

    public RejectedClients Rejected { get; } = new();

    public CalledAccounts Queue { get; } = new();

    public AccountCache Cache { get; }

    public PendingCommits Pending { get; }

    public RateLimits Limits { get; }

    public AccountRefresher Refresher { get; }

    public void Dispose()
    {
        Fence.Dispose();
        Cache.Dispose();
        Pending.Dispose();
        Limits.Dispose();
    }
}
