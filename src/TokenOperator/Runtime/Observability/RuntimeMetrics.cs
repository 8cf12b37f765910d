// What the runtime tells monitoring and probes.
using System.Diagnostics.Metrics;
using TokenOperator.Runtime.Controllers;
using TokenOperator.Runtime.Queues;

namespace TokenOperator.Runtime.Observability;

/// <summary>
/// The metrics of controller-runtime and client-go under their own names, so that their dashboards and alerts fit. The Prometheus
/// exporter appends <c>_total</c> to counters and the unit to the rest.
/// </summary>
public sealed class RuntimeMetrics : IDisposable
{
    /// <summary>The meter's name, for the exporter.</summary>
    public const string MeterName = "TokenOperator.Runtime";

    private static readonly InstrumentAdvice<double> ReconcileBuckets = new()
    {
        HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120],
    };

    private static readonly InstrumentAdvice<double> QueueBuckets = new()
    {
        HistogramBucketBoundaries = [0.00001, 0.0001, 0.001, 0.01, 0.1, 1, 10, 60, 600],
    };

    private readonly Meter meter;
    private readonly Counter<long> requests;
    private readonly Counter<long> reconciles;
    private readonly Counter<long> reconcileErrors;
    private readonly Histogram<double> reconcileTime;
    private readonly UpDownCounter<long> activeWorkers;
    private readonly Counter<long> adds;
    private readonly Counter<long> retries;
    private readonly Histogram<double> queueDuration;
    private readonly Histogram<double> workDuration;
    private readonly Counter<long> droppedEvents;

    /// <summary>Makes the instruments.</summary>
    public RuntimeMetrics(IMeterFactory factory)
    {
        meter = factory.Create(MeterName);
        requests = meter.CreateCounter<long>("rest_client_requests", null, "Requests to the API server.");
        reconciles = meter.CreateCounter<long>("controller_runtime_reconcile", null, "Reconciles by result.");
        reconcileErrors = meter.CreateCounter<long>("controller_runtime_reconcile_errors", null, "Reconciles that failed.");
        reconcileTime = meter.CreateHistogram("controller_runtime_reconcile_time", "s", "Time of a reconcile.", null, ReconcileBuckets);
        activeWorkers = meter.CreateUpDownCounter<long>("controller_runtime_active_workers", null, "Workers that reconcile now.");
        adds = meter.CreateCounter<long>("workqueue_adds", null, "Keys added to the queue.");
        retries = meter.CreateCounter<long>("workqueue_retries", null, "Keys added again after a failure.");
        queueDuration = meter.CreateHistogram("workqueue_queue_duration", "s", "Time from added to taken.", null, QueueBuckets);
        workDuration = meter.CreateHistogram("workqueue_work_duration", "s", "Time from taken to done.", null, QueueBuckets);
        droppedEvents = meter.CreateCounter<long>("events_dropped", null, "Kubernetes events that were not written.");
    }

    /// <inheritdoc/>
    public void Dispose() => meter.Dispose();

    internal void CountRequest(string code, string method, string host) =>
        requests.Add(1, new("code", code), new("method", method), new KeyValuePair<string, object?>("host", host));

    internal void CountDroppedEvent(string why) => droppedEvents.Add(1, new KeyValuePair<string, object?>("reason", why));

    internal void ReconcileStarted(string controller) => activeWorkers.Add(1, new KeyValuePair<string, object?>("controller", controller));

    internal void ReconcileEnded(string controller, Verdict verdict, TimeSpan elapsed)
    {
        var tag = new KeyValuePair<string, object?>("controller", controller);
        activeWorkers.Add(-1, tag);
        reconciles.Add(1, tag, new("result", ResultOf(verdict)));
        reconcileTime.Record(elapsed.TotalSeconds, tag);
        if (verdict == Verdict.Error) reconcileErrors.Add(1, tag);
    }

    private static string ResultOf(Verdict verdict) => verdict switch
    {
        Verdict.Success => "success",
        Verdict.RequeueAfter => "requeue_after",
        Verdict.Requeue => "requeue",
        _ => "error",
    };

    internal void QueueAdded(string queue) => adds.Add(1, new KeyValuePair<string, object?>("name", queue));

    internal void QueueRetried(string queue) => retries.Add(1, new KeyValuePair<string, object?>("name", queue));

    internal void QueueTaken(string queue, TimeSpan waited) =>
        queueDuration.Record(waited.TotalSeconds, new KeyValuePair<string, object?>("name", queue));

    internal void QueueDone(string queue, TimeSpan worked) =>
        workDuration.Record(worked.TotalSeconds, new KeyValuePair<string, object?>("name", queue));

    internal void Watch(WorkQueue queue)
    {
        var tags = new[] { new KeyValuePair<string, object?>("name", queue.Name) };
        meter.CreateObservableGauge("workqueue_depth", () => new Measurement<long>(queue.Depth, tags), null, "Keys that wait.");
        meter.CreateObservableGauge(
            "workqueue_unfinished_work", () => new Measurement<double>(queue.UnfinishedWork.TotalSeconds, tags), "s", "Work so far of all keys in work.");
        meter.CreateObservableGauge(
            "workqueue_longest_running_processor", () => new Measurement<double>(queue.LongestRunning.TotalSeconds, tags), "s", "The longest of them.");
    }

    internal void WatchLeadership(string lease, Func<bool> isLeading)
    {
        var tags = new[] { new KeyValuePair<string, object?>("name", lease) };
        meter.CreateObservableGauge(
            "leader_election_master_status", () => new Measurement<int>(isLeading() ? 1 : 0, tags), null, "1 while this process leads.");
    }
}
