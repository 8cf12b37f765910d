// Keeps local copies of objects up to date: LIST, then watch, forever. Calls the API server; never waits for users of the copies.
using System.Net;
using k8s;
using k8s.Models;
using KubeRuntime.Client;
using KubeRuntime.RateLimiting;
using Microsoft.Extensions.Logging;

namespace KubeRuntime.Watching;

/// <summary>
/// One LIST and watch into a cache, as in client-go (tools/cache/reflector.go). After a watch ends, the next one continues from the
/// version that it reached. Everything is listed again when the server no longer has that version, when a watch ended immediately, and
/// every half hour, because a watch that missed an event looks like any other. Failures are retried after 800 ms, doubled up to 2 s, each
/// with up to as much again at random, so that many reflectors do not ask at once. client-go waits up to 30 s, but then an operator
/// would notice the return of the API server half a minute later than kubectl does.
/// </summary>
internal sealed partial class Reflector<TResource, TItem>(
    ResourceClient client,
    ResourceScope scope,
    Func<TResource, TItem?> project,
    ResourceCache<TItem> cache,
    TimeProvider time,
    Random random,
    ILogger logger)
    where TResource : class, IKubernetesObject<V1ObjectMeta>
    where TItem : class
{
    private const int MinWatchSeconds = 300;

    /// <summary>As a version in a request: whatever the server's cache holds.</summary>
    private const string AnyVersion = "0";

    private static readonly TimeSpan WatchdogGrace = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan ShortWatch = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RelistPeriod = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan RetryAbsent = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan BackoffReset = TimeSpan.FromMinutes(2);
    private static readonly ExponentialBackoff Backoff = new(TimeSpan.FromMilliseconds(800), TimeSpan.FromSeconds(2));

    private int _failures;
    private long? _failedAt;
    private bool _wasExpired;
    private string _version = AnyVersion;
    private bool _mustList = true;
    private long _listedAt;
    private bool _isAbsent;

    /// <summary>Runs until cancelled; no failure stops it.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            string trouble;
            Exception? fault = null;
            var isExpired = false;
            try
            {
                if (_mustList || time.GetElapsedTime(_listedAt) > RelistPeriod)
                    await ListAsync(cancellationToken);
                if (await WatchAsync(cancellationToken))
                    continue;
                trouble = "the watch ended immediately";
                _mustList = true;
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (ApiException e) when (cache.IsOptional && e.StatusCode is HttpStatusCode.Forbidden or HttpStatusCode.NotFound)
            {
                if (!await DoWithoutAsync(e.Message, cancellationToken))
                    return;
                continue;
            }
            catch (ApiException e)
            {
                trouble = e.Message;
                isExpired = e.IsExpired || e.IsResourceVersionTooLarge;
                ChooseVersionAfter(e, isExpired);
            }
            catch (ApiUnavailableException e)
            {
                trouble = e.Message;
            }
#pragma warning disable CA1031 // A cache that is never updated again would be worse than any failure of one round.
            catch (Exception e)
            {
                (trouble, fault) = (e.Message, e);
            }
#pragma warning restore CA1031

            var delay = NextDelay(isExpired);
            LogTrouble(logger, fault, scope, trouble, delay);
            if (!await SleepAsync(delay, cancellationToken))
                return;
        }
    }

    /// <summary>False when cancelled.</summary>
    private async Task<bool> SleepAsync(TimeSpan delay, CancellationToken cancellationToken)
    {
        await Task.Delay(delay, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return !cancellationToken.IsCancellationRequested;
    }

    /// <summary>An optional kind that is not there is no failure: it is reported once.</summary>
    private Task<bool> DoWithoutAsync(string reason, CancellationToken cancellationToken)
    {
        if (!_isAbsent)
            LogAbsent(logger, scope, reason);
        (_isAbsent, _mustList) = (true, true);
        cache.DoWithout(scope.Namespace);
        return SleepAsync(RetryAbsent, cancellationToken);
    }

    private async Task ListAsync(CancellationToken cancellationToken)
    {
        var (items, skipped) = (new List<TItem>(), new List<NamespacedName>());
        void Add(TResource resource)
        {
            // What has not changed is kept as it is, so that a relist needs no second copy of everything.
            if ((cache.Unchanged(resource.Key(), resource.Metadata.ResourceVersion) ?? Project(resource)) is { } item)
                items.Add(item);
        }

        void Skip(NamespacedName key)
        {
            LogUnreadable(logger, scope, key);
            skipped.Add(key);
        }

        // Everyone who can create objects determines how long the page from the server's cache is. If it is too long, or does not arrive in
        // time, smaller pages are read.
        string? listed = null;
        if (_version is { Length: > 0 } version)
        {
            _version = "";
            listed = await client.ListCachedAsync<TResource>(scope, version, Add, Skip, cancellationToken);
        }

        if (listed is null)
        {
            items.Clear();
            skipped.Clear();
            listed = await client.ListAsync<TResource>(scope, Add, Skip, cancellationToken);
        }

        cache.Replace(scope.Namespace, items, listed, skipped);
        _version = listed;
        (_mustList, _isAbsent) = (false, false);
        _listedAt = time.GetTimestamp();
        LogListed(logger, scope, items.Count, listed);
    }

    /// <summary>False when the watch ended so soon that something must be wrong.</summary>
    private async Task<bool> WatchAsync(CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var timeout = TimeSpan.FromSeconds(random.Next(MinWatchSeconds, 2 * MinWatchSeconds));
        var sawAny = false;
        // A connection can die silently, and a server can fail to end a watch: neither may leave the cache stale forever.
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
            throw ApiException.From($"watch {scope}", (HttpStatusCode)(change.Error?.Code ?? 500), change.Error);
        }

        var metadata = change.Resource?.Metadata ?? change.Metadata;
        if (metadata is null)
            return;
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

        if (!string.IsNullOrEmpty(metadata.ResourceVersion))
            _version = metadata.ResourceVersion;
    }

    private TItem? Project(TResource resource)
    {
        // The items of a list of a built-in kind have neither.
        if (string.IsNullOrEmpty(resource.Kind))
            (resource.ApiVersion, resource.Kind) = (scope.Kind.ApiVersion, scope.Kind.Kind);
        try
        {
            // A list is applied as a whole, so its items must be small before that.
            return project(resource) is { } item ? cache.Shrink(item) : null;
        }
#pragma warning disable CA1031 // One object that cannot be projected must not stop the watch for all others.
        catch (Exception e)
        {
            LogProjectionFailed(logger, e, scope, resource.Key());
            return null;
        }
#pragma warning restore CA1031
    }

    private TimeSpan NextDelay(bool isExpired)
    {
        // A server that no longer has a version answers again, so what failed before is over. If a list does not help, it is a failure.
        var isNews = isExpired && !_wasExpired;
        if (isNews || (_failedAt is { } last && time.GetElapsedTime(last) > BackoffReset))
            _failures = 0;
        _wasExpired = isExpired;
        _failedAt = time.GetTimestamp();
        return Backoff.DelayAfter(_failures++) * (1 + random.NextDouble());
    }

    private void ChooseVersionAfter(ApiException e, bool isExpired)
    {
        // After a rejection for another reason, no version is known to be good to continue from either.
        if (isExpired || ((int)e.StatusCode is >= 400 and < 500 && e.StatusCode != HttpStatusCode.TooManyRequests))
            _mustList = true;
        // The cache of the server that answers has another history.
        if (isExpired)
            _version = "";
    }

    [LoggerMessage(EventId = 2001, Level = LogLevel.Debug, Message = "Listed {Count} {Scope} at version {Version}")]
    private static partial void LogListed(ILogger logger, ResourceScope scope, int count, string version);

    [LoggerMessage(EventId = 2002, Level = LogLevel.Warning, Message = "Watching {Scope} failed; retrying in {Delay}: {Trouble}")]
    private static partial void LogTrouble(ILogger logger, Exception? fault, ResourceScope scope, string trouble, TimeSpan delay);

    [LoggerMessage(EventId = 2007, Level = LogLevel.Information, Message = "The operator works without {Scope}, and asks for them again every 2 minutes: {Reason}")]
    private static partial void LogAbsent(ILogger logger, ResourceScope scope, string reason);

    [LoggerMessage(EventId = 2003, Level = LogLevel.Debug, Message = "The watch of {Scope} did not end after {Timeout}; starting another one")]
    private static partial void LogWatchdog(ILogger logger, ResourceScope scope, TimeSpan timeout);

    [LoggerMessage(EventId = 2004, Level = LogLevel.Error, Message = "{Key} of {Scope} does not fit its class and is skipped")]
    private static partial void LogUnreadable(ILogger logger, ResourceScope scope, NamespacedName key);

    [LoggerMessage(EventId = 2005, Level = LogLevel.Error, Message = "{Key} of {Scope} cannot be projected and is skipped")]
    private static partial void LogProjectionFailed(ILogger logger, Exception exception, ResourceScope scope, NamespacedName key);
}

/// <summary>A cache together with what fills it.</summary>
internal interface IResourceWatch
{
    /// <summary>Completes when the cache holds everything that existed at the start.</summary>
    Task Synced { get; }

    /// <summary>Runs until cancelled.</summary>
    Task RunAsync(CancellationToken cancellationToken);
}

/// <summary>A cache and its reflectors, one for each namespace.</summary>
internal sealed class ResourceWatch<TResource, TItem>(
    ResourceCache<TItem> cache, IReadOnlyList<Reflector<TResource, TItem>> reflectors) : IResourceWatch
    where TResource : class, IKubernetesObject<V1ObjectMeta>
    where TItem : class
{
    public Task Synced => cache.Synced;

    public Task RunAsync(CancellationToken cancellationToken) => Task.WhenAll(reflectors.Select(r => r.RunAsync(cancellationToken)));
}
