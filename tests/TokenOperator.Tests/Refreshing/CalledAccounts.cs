using System.Diagnostics.Metrics;
using KubeRuntime;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;
using TokenOperator.Refreshing;

namespace TokenOperator.Tests.Refreshing;

/// <summary>Records the accounts that were queued.</summary>
internal sealed class CalledAccounts : IAccountQueue
{
    public List<AccountKey> Called { get; } = [];

    public List<NamespacedName> Owners { get; } = [];

    public void Enqueue(AccountKey key) => Called.Add(key);

    public void Enqueue(NamespacedName owner) => Owners.Add(owner);
}

/// <summary>Meters that belong to one test.</summary>
internal sealed class Meters : IMeterFactory
{
    /// <summary>Store metrics that no test reads.</summary>
    public static StoreMetrics OfStore { get; } = new(TimeProvider.System, new Meters());

    public Meter Create(MeterOptions options) => new(options.Name, options.Version, options.Tags, this);

    public void Dispose()
    {
        // Each meter is disposed of by its owner.
    }
}
