using KubeRuntime;
using Microsoft.Extensions.Logging.Abstractions;
using TokenOperator.Core.Tokens;
using TokenOperator.Refreshing;
using TokenOperator.Tests.Providers;

namespace TokenOperator.Tests.Refreshing;

/// <summary>The refreshing services on a row in memory and a scripted provider.</summary>
internal sealed class RefreshingFixture : IDisposable
{
    /// <summary>How many requests wait for the provider at once.</summary>
    public const int Concurrency = 16;

    /// <summary>How many accounts a namespace may have.</summary>
    public const int MaxAccounts = 100;

    private readonly TimeProvider _time;

    public RefreshingFixture(AccountRecord row, TimeProvider time, RequestRate? rate = null, int concurrency = Concurrency)
    {
        _time = time;
        Store = new MemoryStore(row);
        Provider = new ScriptedProvider(rate);
        Accounts = NewRepository();
        Rejected = new RejectedClients(Queue, time);
        Synchronizer = new AccountSynchronizer(Store, Store, Accounts, Queue, time, NullLogger<AccountSynchronizer>.Instance);
        Refresher = new AccountRefresher(Store, Accounts, Rejected, Leadership, time, new Random(1), NullLogger<AccountRefresher>.Instance);
        Scheduler = new RefreshScheduler(
            Refresher, TestRegistry.Of(Provider), Queue, Leadership, concurrency, time, new Meters(), NullLogger<RefreshScheduler>.Instance);
    }

    public MemoryStore Store { get; }

    public ScriptedProvider Provider { get; }

    public SwitchableLeadership Leadership { get; } = new();

    public RejectedClients Rejected { get; }

    public CalledAccounts Queue { get; } = new();

    public AccountRepository Accounts { get; }

    public AccountSynchronizer Synchronizer { get; }

    public AccountRefresher Refresher { get; }

    public RefreshScheduler Scheduler { get; }

    /// <summary>A repository that knows nothing yet, as after a restart.</summary>
    public AccountRepository NewRepository() => new(Store, new AccountLocks(), Leadership, Queue, MaxAccounts, _time, NullLogger<AccountRepository>.Instance);

    public Task<RefreshOutcome> RefreshAsync(AccountRecord seen, OAuthClient client, bool isRequested = false) =>
        Refresher.RefreshAsync(
            Provider, new RefreshRequest(new NamespacedName("mail", "marcus"), seen, client, "inputs", default) { IsRequested = isRequested }, CancellationToken.None);

    public void Dispose()
    {
        Leadership.Dispose();
        Synchronizer.Dispose();
        Scheduler.Dispose();
    }
}

internal static class RefreshOutcomes
{
    /// <summary>The row after an attempt that found or made one.</summary>
    public static AccountRecord? Record(this RefreshOutcome outcome) => outcome switch
    {
        RefreshOutcome.Asked { Record: var record } => record,
        RefreshOutcome.Superseded { Record: var record } => record,
        _ => throw new InvalidOperationException($"The refresh ended with {outcome}."),
    };
}
