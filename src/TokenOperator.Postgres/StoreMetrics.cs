using System.Diagnostics.Metrics;

namespace TokenOperator.Postgres;

/// <summary>How the database answers.</summary>
public sealed class StoreMetrics : IDisposable
{
    /// <summary>The meter's name, for the exporter.</summary>
    public const string MeterName = "TokenOperator.Storage";

    /// <summary>What fails is tried again sooner than this, so an older failure is of something that nobody wants any more.</summary>
    private static readonly TimeSpan FailureCounts = TimeSpan.FromMinutes(2);

    private static readonly InstrumentAdvice<double> Buckets = new() { HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30] };

    private readonly TimeProvider _time;
    private readonly Meter _meter;
    private readonly Histogram<double> _duration;
    private long _errors;
    private long _failedAt;
    private volatile bool _failed;

    /// <summary>Makes the instruments.</summary>
    public StoreMetrics(TimeProvider time, IMeterFactory meters)
    {
        _time = time;
        _meter = meters.Create(MeterName);
        _duration = _meter.CreateHistogram("tokenoperator_store_statement_duration", "s", "Duration of a statement in Postgres, also of one that fails.", null, Buckets);
        _meter.CreateObservableCounter("tokenoperator_store_errors", () => Volatile.Read(ref _errors), null, "Failed statements and failed LISTEN connections.");
        _meter.CreateObservableGauge("tokenoperator_store_up", () => IsUp ? 1 : 0, null, "0 while requests to Postgres fail.");
    }

    /// <summary>False from a failure until something succeeds.</summary>
    public bool IsUp => !_failed || _time.GetElapsedTime(Volatile.Read(ref _failedAt)) > FailureCounts;

    /// <summary>Begins a statement.</summary>
    public long Begin() => _time.GetTimestamp();

    /// <summary>A statement that was begun at <paramref name="started"/> has its answer.</summary>
    public void Succeeded(long started)
    {
        _failed = false;
        _duration.Record(_time.GetElapsedTime(started).TotalSeconds);
    }

    /// <summary>A statement that was begun at <paramref name="started"/> failed because of the database.</summary>
    public void Failed(long started)
    {
        Count();
        _duration.Record(_time.GetElapsedTime(started).TotalSeconds);
    }

    /// <summary>The connection that notices come on was made, or could not be or broke.</summary>
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
