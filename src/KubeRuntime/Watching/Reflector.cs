// Keeps local copies of objects true: LIST, then watch, for ever. Calls the API server; never waits for those who use the copies.
using System.Net;
using KubeRuntime.Client;
using Microsoft.Extensions.Logging;
using k8s;
using k8s.Models;

namespace KubeRuntime.Watching;

/// <summary>
/// One LIST and watch into a cache, as client-go does it (tools/cache/reflector.go). A watch that ends goes on from the version that it
/// had come to; everything is listed again when the server has forgotten that version, when a watch ended at once, and after half an
/// hour in any case: a watch that left out an event looks like any other.
/// </summary>
internal sealed partial class Reflector<TResource, TItem>(
    ResourceClient client,
    ResourceScope scope,
    Func<TResource, TItem?> project,
    ResourceCache<TItem> cache,
    TimeProvider time,
    ILogger logger)
    where TResource : class, IKubernetesObject<V1ObjectMeta>
    where TItem : class
{
    private const int MinWatchSeconds = 300;
    private static readonly TimeSpan WatchdogGrace = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan ShortWatch = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RelistPeriod = TimeSpan.FromMinutes(30);

    private readonly ReflectorBackoff _backoff = new(time);
    private string _version = "0";
    private bool _mustList = true;
    private long _listedAt;

    /// <summary>Runs until cancelled; no failure ends it.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            string trouble;
            Exception? fault = null;
            try
            {
                if (_mustList || time.GetElapsedTime(_listedAt) > RelistPeriod) await ListAsync(cancellationToken);
                if (await WatchAsync(cancellationToken)) continue;
                trouble = "the watch ended at once";
                _mustList = true;
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (ApiException e)
            {
                trouble = e.Message;
                ChooseVersionAfter(e);
            }
            catch (ApiUnavailableException e)
            {
                trouble = e.Message;
            }
#pragma warning disable CA1031 // A cache that stopped for ever would be worse than any failure of one round.
            catch (Exception e)
            {
                (trouble, fault) = (e.Message, e);
            }
#pragma warning restore CA1031

            var delay = _backoff.Next();
            LogTrouble(logger, fault, scope, trouble, delay);
            try
            {
                await Task.Delay(delay, time, cancellationToken);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task ListAsync(CancellationToken cancellationToken)
    {
        var (items, passedOver) = (new List<TItem>(), new List<NamespacedName>());
        var listed = await client.ListAsync<TResource>(
            scope,
            _version,
            page =>
            {
                foreach (var resource in page)
                {
                    if (Project(resource) is { } item) items.Add(item);
                }
            },
            key =>
            {
                LogUnreadable(logger, scope, key);
                passedOver.Add(key);
            },
            cancellationToken);
        cache.Replace(scope.Namespace, items, listed, passedOver);
        _version = listed;
        _mustList = false;
        _listedAt = time.GetTimestamp();
        LogListed(logger, scope, items.Count, listed);
    }

    /// <summary>False when the watch ended so soon that something must be wrong.</summary>
    private async Task<bool> WatchAsync(CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var timeout = TimeSpan.FromSeconds(Random.Shared.Next(MinWatchSeconds, 2 * MinWatchSeconds));
        var sawAny = false;
        // A connection can die without a word, and a server can forget to end a watch: neither may leave the cache stale for ever.
        using var watchdog = new CancellationTokenSource(timeout + WatchdogGrace, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, watchdog.Token);
        try
        {
            await foreach (var change in client.WatchAsync<TResource>(scope, _version, timeout, either.Token))
            {
                sawAny = true;
                Apply(change);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            LogWatchdog(logger, scope, timeout);
            return true;
        }

        return sawAny || time.GetElapsedTime(started) >= ShortWatch;
    }

    private void Apply(WatchEvent<TResource> change)
    {
        if (change.Type == WatchEventKind.Error)
        {
            var code = (HttpStatusCode)(change.Error?.Code ?? 500);
            throw new ApiException(code, change.Error?.Reason ?? "", $"watch {scope}: {(int)code} {change.Error?.Reason}: {change.Error?.Message}");
        }

        var metadata = change.Resource?.Metadata ?? change.Metadata;
        if (metadata is null) return;
        var key = new NamespacedName(metadata.NamespaceProperty ?? "", metadata.Name ?? "");
        switch (change.Type)
        {
            case WatchEventKind.Bookmark:
                cache.Bookmark(scope.Namespace, metadata.ResourceVersion);
                break;
            case WatchEventKind.Unreadable:
                LogUnreadable(logger, scope, key);
                break;
            case WatchEventKind.Deleted:
                cache.Apply(scope.Namespace, key, null, metadata.ResourceVersion);
                break;
            default:
                cache.Apply(scope.Namespace, key, Project(change.Resource!), metadata.ResourceVersion);
                break;
        }

        if (!string.IsNullOrEmpty(metadata.ResourceVersion)) _version = metadata.ResourceVersion;
    }

    private TItem? Project(TResource resource)
    {
        // The items of a list of a built-in kind come without these two.
        if (string.IsNullOrEmpty(resource.Kind)) (resource.ApiVersion, resource.Kind) = (scope.Kind.ApiVersion, scope.Kind.Kind);
        try
        {
            return project(resource);
        }
#pragma warning disable CA1031 // One object that cannot be projected must not blind the operator for all others.
        catch (Exception e)
        {
            LogProjectionFailed(logger, e, scope, resource.Key());
            return null;
        }
#pragma warning restore CA1031
    }

    private void ChooseVersionAfter(ApiException e)
    {
        if (e.StatusCode == HttpStatusCode.Gone || e.Reason is "Expired" or "Gone"
            || e.Message.Contains("Too large resource version", StringComparison.Ordinal))
        {
            _mustList = true;
            _version = "";
        }
        else if ((int)e.StatusCode is >= 400 and < 500 && e.StatusCode != HttpStatusCode.TooManyRequests)
        {
            // Refused for another reason: the watch has no version to go on from that is known to be good.
            _mustList = true;
        }
    }

    [LoggerMessage(EventId = 2001, Level = LogLevel.Debug, Message = "Listed {Count} {Scope} at version {Version}")]
    private static partial void LogListed(ILogger logger, ResourceScope scope, int count, string version);

    [LoggerMessage(EventId = 2002, Level = LogLevel.Warning, Message = "Watching {Scope} failed, trying again in {Delay}: {Trouble}")]
    private static partial void LogTrouble(ILogger logger, Exception? fault, ResourceScope scope, string trouble, TimeSpan delay);

    [LoggerMessage(EventId = 2003, Level = LogLevel.Debug, Message = "The watch of {Scope} did not end after {Timeout}, starting another")]
    private static partial void LogWatchdog(ILogger logger, ResourceScope scope, TimeSpan timeout);

    [LoggerMessage(EventId = 2004, Level = LogLevel.Error, Message = "{Key} of {Scope} does not fit its class and is passed over")]
    private static partial void LogUnreadable(ILogger logger, ResourceScope scope, NamespacedName key);

    [LoggerMessage(EventId = 2005, Level = LogLevel.Error, Message = "{Key} of {Scope} cannot be projected and is passed over")]
    private static partial void LogProjectionFailed(ILogger logger, Exception exception, ResourceScope scope, NamespacedName key);
}
