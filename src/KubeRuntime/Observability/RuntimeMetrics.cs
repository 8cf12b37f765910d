// What the runtime reports to monitoring. Knows instruments only; the other parts of the runtime call it.
using System.Diagnostics.Metrics;

namespace KubeRuntime.Observability;

/// <summary>
/// The metrics of controller-runtime and client-go under their own names, so that existing dashboards and alerts work. The Prometheus
/// exporter appends <c>_total</c> to counters and the unit to other instruments.
/// </summary>
public sealed class RuntimeMetrics : IDisposable
{
    /// <summary>The name of the meter, to enable it in an exporter.</summary>
    public const string MeterName = "KubeRuntime";

    private static readonly InstrumentAdvice<double> ReconcileBuckets = new()
    {
        HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120],
    };

    private static readonly InstrumentAdvice<double> QueueBuckets = new()
    {
        HistogramBucketBoundaries = [0.00001, 0.0001, 0.001, 0.01, 0.1, 1, 10, 60, 600],
    };

    private readonly List<WatchedQueue> _queues = [];
    private readonly Meter _meter;
    private readonly Counter<long> _requests;
    private readonly Counter<long> _reconciles;
    private readonly Counter<long> _reconcileErrors;
    private readonly Histogram<double> _reconcileTime;
    private readonly UpDownCounter<long> _activeWorkers;
    private readonly Counter<long> _adds;
    private readonly Counter<long> _retries;
    private readonly Histogram<double> _queueDuration;
    private readonly Histogram<double> _workDuration;
    private readonly Counter<long> _droppedEvents;

    /// <summary>Creates the instruments.</summary>
    /// <param name="factory">Creates the meter.</param>
    /// <param name="prefix">Comes before the names that controller-runtime and client-go do not have.</param>
    public RuntimeMetrics(IMeterFactory factory, string prefix = "")
    {
        _meter = factory.Create(MeterName);
        _requests = _meter.CreateCounter<long>("rest_client_requests", null, "Requests to the API server.");
        _reconciles = _meter.CreateCounter<long>("controller_runtime_reconcile", null, "Reconciles by result.");
        _reconcileErrors = _meter.CreateCounter<long>("controller_runtime_reconcile_errors", null, "Reconciles that failed.");
        _reconcileTime = _meter.CreateHistogram("controller_runtime_reconcile_time", "s", "Duration of a reconcile.", null, ReconcileBuckets);
        _activeWorkers = _meter.CreateUpDownCounter<long>("controller_runtime_active_workers", null, "Workers that are reconciling now.");
        _adds = _meter.CreateCounter<long>("workqueue_adds", null, "Keys added to the queue.");
        _retries = _meter.CreateCounter<long>("workqueue_retries", null, "Keys added again after a failure.");
        _queueDuration = _meter.CreateHistogram("workqueue_queue_duration", "s", "Time from adding a key to taking it.", null, QueueBuckets);
        _workDuration = _meter.CreateHistogram("workqueue_work_duration", "s", "Time from taking a key to finishing it.", null, QueueBuckets);
        _droppedEvents = _meter.CreateCounter<long>($"{prefix}events_dropped", null, "Kubernetes events that were not written. The reason is queue_full, spam (too many about one object), refused (by the API server) or shutdown.");
    }

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    internal void CountRequest(string code, string method, string host) =>
        _requests.Add(1, new("code", code), new("method", method), new KeyValuePair<string, object?>("host", host));

    internal void CountDroppedEvent(string why) => _droppedEvents.Add(1, new KeyValuePair<string, object?>("reason", why));

    internal void ReconcileStarted(string controller) => _activeWorkers.Add(1, new KeyValuePair<string, object?>("controller", controller));

    /// <param name="controller">The name of the controller.</param>
    /// <param name="result">The result in the terms of controller-runtime, such as <c>requeue_after</c>.</param>
    /// <param name="isError">Whether the reconcile failed.</param>
    /// <param name="elapsed">How long it took.</param>
    internal void ReconcileEnded(string controller, string result, bool isError, TimeSpan elapsed)
    {
        var tag = new KeyValuePair<string, object?>("controller", controller);
        _activeWorkers.Add(-1, tag);
        _reconciles.Add(1, tag, new("result", result));
        _reconcileTime.Record(elapsed.TotalSeconds, tag);
        if (isError)
            _reconcileErrors.Add(1, tag);
    }

    internal void QueueAdded(string queue) => _adds.Add(1, new KeyValuePair<string, object?>("name", queue));

    internal void QueueRetried(string queue) => _retries.Add(1, new KeyValuePair<string, object?>("name", queue));

    internal void QueueTaken(string queue, TimeSpan waited) =>
        _queueDuration.Record(waited.TotalSeconds, new KeyValuePair<string, object?>("name", queue));

    internal void QueueDone(string queue, TimeSpan worked) =>
        _workDuration.Record(worked.TotalSeconds, new KeyValuePair<string, object?>("name", queue));

    internal void WatchQueue(string queue, Func<long> depth, Func<TimeSpan> unfinishedWork, Func<TimeSpan> longestRunning)
    {
        // One gauge for all queues: of two with the same name, an exporter shows only one.
        lock (_queues)
        {
            _queues.Add(new WatchedQueue(new("name", queue), depth, unfinishedWork, longestRunning));
            if (_queues.Count > 1)
                return;
        }

        _meter.CreateObservableGauge("workqueue_depth", () => Measure(watched => watched.Depth()), null, "Keys that wait for a worker.");
        _meter.CreateObservableGauge(
            "workqueue_unfinished_work", () => Measure(watched => watched.UnfinishedWork().TotalSeconds), "s", "Sum of the time that the keys in work have taken so far.");
        _meter.CreateObservableGauge(
            "workqueue_longest_running_processor", () => Measure(watched => watched.LongestRunning().TotalSeconds), "s", "Time that the oldest key in work has taken so far.");
    }

    internal void WatchLeadership(string lease, Func<bool> isLeading)
    {
        var tags = new[] { new KeyValuePair<string, object?>("name", lease) };
        _meter.CreateObservableGauge(
            "leader_election_master_status", () => new Measurement<int>(isLeading() ? 1 : 0, tags), null, "1 while this process leads.");
    }

    private List<Measurement<T>> Measure<T>(Func<WatchedQueue, T> value)
        where T : struct
    {
        lock (_queues)
            return [.. _queues.Select(watched => new Measurement<T>(value(watched), watched.Name))];
    }

    private sealed record WatchedQueue(KeyValuePair<string, object?> Name, Func<long> Depth, Func<TimeSpan> UnfinishedWork, Func<TimeSpan> LongestRunning);
}
