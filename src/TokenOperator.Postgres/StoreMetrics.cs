using System.Diagnostics.Metrics;

namespace TokenOperator.Postgres;

/// <summary>Metrics of the statements in Postgres.</summary>
public sealed class StoreMetrics : IDisposable
{
    /// <summary>The name of the meter, for the exporter.</summary>
    public const string MeterName = "TokenOperator.Storage";

    /// <summary>Failed work is retried sooner than this. An older failure belongs to work that is no longer needed.</summary>
    private static readonly TimeSpan FailureLifetime = TimeSpan.FromMinutes(2);

    private static readonly InstrumentAdvice<double> Buckets = new() { HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30] };

    private readonly TimeProvider _time;
    private readonly Meter _meter;
    private readonly Histogram<double> _duration;
    private long _errors;
    private long _failedAt;
    private volatile bool _failed;

    /// <summary>Creates the instruments.</summary>
    public StoreMetrics(TimeProvider time, IMeterFactory meters)
    {
        _time = time;
        _meter = meters.Create(MeterName);
        _duration = _meter.CreateHistogram("tokenoperator_store_statement_duration", "s", "Duration of a statement in Postgres, whether it succeeds or fails.", null, Buckets);
        _meter.CreateObservableCounter("tokenoperator_store_errors", () => Volatile.Read(ref _errors), null, "Failed statements and failed LISTEN connections.");
        _meter.CreateObservableGauge("tokenoperator_store_up", () => IsUp ? 1 : 0, null, "0 while requests to Postgres fail.");
    }

    /// <summary>False from a failure to the next success, or for 2 minutes.</summary>
    public bool IsUp => !_failed || _time.GetElapsedTime(Volatile.Read(ref _failedAt)) > FailureLifetime;

    /// <summary>Starts a statement and returns its timestamp.</summary>
    public long Begin() => _time.GetTimestamp();

    /// <summary>Records that the statement that began at <paramref name="started"/> succeeded.</summary>
    public void Succeeded(long started)
    {
        _failed = false;
        _duration.Record(_time.GetElapsedTime(started).TotalSeconds);
    }

    /// <summary>Records that the statement that began at <paramref name="started"/> failed because of the database.</summary>
    public void Failed(long started)
    {
        Count();
        _duration.Record(_time.GetElapsedTime(started).TotalSeconds);
    }

    /// <summary>Records that the LISTEN connection was established, or that it failed.</summary>
    public void Listening(bool good)
    {
        if (good)
            _failed = false;
        else
            Count();
    }

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    private void Count()
    {
        Interlocked.Increment(ref _errors);
        Volatile.Write(ref _failedAt, _time.GetTimestamp());
        _failed = true;
    }
}
