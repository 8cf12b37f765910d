// Reports to the users of the cluster what happened. Writes Event objects through the client, always in the background.
using System.Net;
using System.Text;
using System.Threading.Channels;
using k8s;
using k8s.Models;
using KubeRuntime.Client;
using KubeRuntime.Observability;
using KubeRuntime.RateLimiting;
using Microsoft.Extensions.Logging;

namespace KubeRuntime.Events;

/// <summary>
/// Writes events (events.k8s.io/v1) in the background, at most 10 per second after a burst of 20. A repeated event increases a count.
/// Events beyond the limits are dropped and counted in a metric, so that events never delay a reconcile.
/// </summary>
public sealed partial class EventPublisher
{
    private const int MaxQueued = 1000;
    private const int MaxNote = 1024;
    private const int MaxInstance = 128;
    private const int MaxAttempts = 3;
    private static readonly ResourceKind Events = ResourceKind.Of<Eventsv1Event>();
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FlushTimeout = TimeSpan.FromSeconds(2);

    private readonly ResourceClient _client;
    private readonly string _controller;
    private readonly string _instance;
    private readonly TimeProvider _time;
    private readonly RuntimeMetrics _metrics;
    private readonly ILogger<EventPublisher> _logger;
    private readonly Channel<PendingEvent> _queue;
    private readonly EventSpamFilter _spam;
    private readonly EventCorrelator _correlator;
    private readonly TokenBucket _pace;
    private volatile bool _isFlushing;

    internal EventPublisher(
        ResourceClient client, string controller, string instance, TimeProvider time, Random random, RuntimeMetrics metrics, ILogger<EventPublisher> logger)
    {
        _client = client;
        _controller = controller;
        _instance = instance.Length <= MaxInstance ? instance : instance[..MaxInstance];
        _time = time;
        _metrics = metrics;
        _logger = logger;
        _spam = new EventSpamFilter(time);
        _correlator = new EventCorrelator(time, random);
        _pace = new TokenBucket(10, 20, time);
        _queue = Channel.CreateBounded<PendingEvent>(
            new BoundedChannelOptions(MaxQueued) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true },
            _ => _metrics.CountDroppedEvent("queue_full"));
    }

    /// <summary>Queues an event and returns immediately; never blocks and never fails.</summary>
    /// <param name="regarding">The object that the event is about.</param>
    /// <param name="type"><c>Normal</c> or <c>Warning</c>.</param>
    /// <param name="reason">Why it happened, as one CamelCase word for machines; at most 128 characters.</param>
    /// <param name="action">What was done or attempted, as one CamelCase word; at most 128 characters.</param>
    /// <param name="note">A message for people; truncated to 1 kB.</param>
    public void Publish(IKubernetesObject<V1ObjectMeta> regarding, string type, string reason, string action, string note)
    {
        var key = regarding.Key();
        var uid = regarding.Metadata?.Uid ?? "";
        if (!_spam.Allows(key, uid))
        {
            _metrics.CountDroppedEvent("spam");
            return;
        }

        var reference = new V1ObjectReference
        {
            ApiVersion = regarding.ApiVersion,
            Kind = regarding.Kind,
            Name = key.Name,
            NamespaceProperty = key.Namespace.Length == 0 ? null : key.Namespace,
            Uid = uid,
            ResourceVersion = regarding.Metadata?.ResourceVersion,
        };
        _queue.Writer.TryWrite(new(reference, type, reason, action, note, _time.GetUtcNow()));
    }

    /// <summary>Sends events until cancelled or until <see cref="FlushAsync"/>.</summary>
    internal async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var pending in _queue.Reader.ReadAllAsync(cancellationToken))
            {
                while (!_isFlushing && !_pace.TryTake())
                    await Task.Delay(_pace.TimeUntilNext, _time, cancellationToken);
                await SendAsync(pending, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            for (; _queue.Reader.TryRead(out _);)
                _metrics.CountDroppedEvent("shutdown");
        }
    }

    /// <summary>Accepts no more events and waits up to 2 s until the queued ones are sent.</summary>
    internal async Task FlushAsync(Task sender, CancellationTokenSource stopSender)
    {
        _isFlushing = true;
        _queue.Writer.TryComplete();
        await Task.WhenAny(sender, Task.Delay(FlushTimeout, _time));
        await stopSender.CancelAsync();
        await sender;
    }

    private async Task SendAsync(PendingEvent pending, CancellationToken cancellationToken)
    {
        var correlated = _correlator.Correlate(pending);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await WriteAsync(pending, correlated, cancellationToken);
                return;
            }
            catch (ApiUnavailableException) when (attempt < MaxAttempts)
            {
                await Task.Delay(RetryDelay, _time, cancellationToken);
            }
            catch (Exception e) when (e is ApiException or ApiUnavailableException)
            {
                _metrics.CountDroppedEvent("refused");
                LogRefused(_logger, e.Message);
                return;
            }
        }
    }

    private async Task WriteAsync(PendingEvent pending, CorrelatedEvent correlated, CancellationToken cancellationToken)
    {
        if (correlated.Count > 1 && await TryCountAsync(pending, correlated, cancellationToken))
            return;
        var reference = pending.Regarding;
        var body = new Eventsv1Event
        {
            ApiVersion = Events.ApiVersion,
            Kind = Events.Kind,
            Metadata = new V1ObjectMeta { Name = correlated.Name, NamespaceProperty = NamespaceOf(reference) },
            EventTime = MicroTime.From(pending.At),
            Regarding = reference,
            Type = pending.Type,
            Reason = pending.Reason,
            Action = pending.Action,
            Note = Truncate(correlated.Note),
            ReportingController = _controller,
            ReportingInstance = _instance,
        };
        await _client.CreateAsync(Events, body, cancellationToken);
    }

    /// <summary>False when the event whose count is to be increased has expired on the server.</summary>
    private async Task<bool> TryCountAsync(PendingEvent pending, CorrelatedEvent correlated, CancellationToken cancellationToken)
    {
        var series = new Eventsv1EventSeries { Count = correlated.Count, LastObservedTime = MicroTime.From(pending.At) };
        try
        {
            await _client.JsonPatchAsync<PartialObjectMetadata>(
                Events, new(NamespaceOf(pending.Regarding), correlated.Name), [new("add", "/series", series)], null, cancellationToken);
            return true;
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            return false;
        }
    }

    private static string Truncate(string note)
    {
        var bytes = Encoding.UTF8.GetBytes(note);
        if (bytes.Length <= MaxNote)
            return note;
        var end = MaxNote;
        while ((bytes[end] & 0xC0) == 0x80)
            end--;
        return Encoding.UTF8.GetString(bytes, 0, end);
    }

    // Events about cluster-scoped objects go to the namespace "default", as in client-go.
    private static string NamespaceOf(V1ObjectReference regarding) => regarding.NamespaceProperty ?? "default";

    [LoggerMessage(EventId = 5001, Level = LogLevel.Debug, Message = "An event was not written: {Trouble}")]
    private static partial void LogRefused(ILogger logger, string trouble);
}
