using System.Diagnostics.Metrics;
using TokenOperator.Postgres;

namespace TokenOperator.Tests;

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
