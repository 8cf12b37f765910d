using System.Diagnostics.Metrics;
using TokenOperator.Core.Cli;

namespace TokenOperator.Monitoring;

/// <summary>Says which program runs, as <c>kubernetes_build_info</c> does: a gauge that is always 1, with the version in its labels.</summary>
public sealed class BuildMetrics : IDisposable
{
    private readonly Meter _meter;

    /// <summary>Creates the gauge.</summary>
    public BuildMetrics(IMeterFactory factory)
    {
        KeyValuePair<string, object?>[] labels = [new("version", BuildInfo.Version.Split('+')[0]), new("revision", BuildInfo.Revision ?? "")];
        _meter = factory.Create("TokenOperator.Build");
        _meter.CreateObservableGauge("tokenoperator_build_info", () => new Measurement<int>(1, labels), null, "Always 1. The labels are the version of the program and the commit that it was built from.");
    }

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();
}
