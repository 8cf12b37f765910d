using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers;

/// <summary>How a provider has answered lately.</summary>
/// <param name="LastSuccess">When it last issued a token; null if it has not since this program started.</param>
/// <param name="LastFailure">When a refresh last failed; null if none has.</param>
/// <param name="Failure">What that failure means.</param>
public sealed record ProviderHealth(DateTimeOffset? LastSuccess, DateTimeOffset? LastFailure, FailureKind? Failure);

/// <summary>The providers' responses to refreshes. The result is <c>Refreshed</c> or the name of a <see cref="FailureKind"/>; each is exported as 0 from the start.</summary>
public sealed class ProviderMetrics : IDisposable
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "TokenOperator.Providers";

    private const string Success = "Refreshed";

    private static readonly InstrumentAdvice<double> Buckets = new() { HistogramBucketBoundaries = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] };

    private readonly ConcurrentDictionary<(string Provider, string Result), long> _results = new();
    private readonly ConcurrentDictionary<string, ProviderHealth> _health = new(StringComparer.Ordinal);
    private readonly TimeProvider _time;
    private readonly Meter _meter;
    private readonly Histogram<double> _duration;

    /// <summary>Creates the instruments.</summary>
    public ProviderMetrics(IMeterFactory meters, TimeProvider time)
    {
        _time = time;
        _meter = meters.Create(MeterName);
        _duration = _meter.CreateHistogram("tokenoperator_provider_refresh_duration", "s", "Time until the response of the provider.", null, Buckets);
        _meter.CreateObservableCounter(
            "tokenoperator_provider_refreshes",
            () => _results.Select(result => new Measurement<long>(result.Value, new("provider", result.Key.Provider), new KeyValuePair<string, object?>("result", result.Key.Result))),
            null,
            "Refreshes requested from the provider; result is Refreshed or the kind of failure.");
    }

    /// <summary>Exports the provider's results as 0 until its first refresh.</summary>
    public void Add(string provider)
    {
        foreach (var result in Enum.GetNames<FailureKind>().Append(Success))
            _results.TryAdd((provider, result), 0);
    }

    /// <summary>Counts one refresh; <paramref name="failure"/> is null if it brought a token.</summary>
    public void Record(string provider, FailureKind? failure, TimeSpan elapsed)
    {
        _results.AddOrUpdate((provider, failure?.ToString() ?? Success), 1, (_, count) => count + 1);
        var now = _time.GetUtcNow();
        _health.AddOrUpdate(
            provider,
            (_, latest) => failure is null ? new ProviderHealth(latest, null, null) : new ProviderHealth(null, latest, failure),
            (_, known, latest) => failure is null ? known with { LastSuccess = latest } : known with { LastFailure = latest, Failure = failure },
            now);
        _duration.Record(elapsed.TotalSeconds, new KeyValuePair<string, object?>("provider", provider));
    }

    /// <summary>How the provider has answered since this program started; null if it was not asked.</summary>
    public ProviderHealth? FindHealth(string provider) => _health.GetValueOrDefault(provider);

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();
}
