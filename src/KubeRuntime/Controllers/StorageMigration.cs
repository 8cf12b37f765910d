using System.Net;
using k8s;
using k8s.Models;
using KubeRuntime.Client;
using KubeRuntime.RateLimiting;
using Microsoft.Extensions.Logging;

namespace KubeRuntime.Controllers;

/// <summary>
/// Moves the stored objects of a custom resource to its storage version, so that a later version of the CustomResourceDefinition can drop the
/// earlier ones (Kubernetes documentation, "Upgrade existing objects to a new stored version"). Writes each object without a change: the API
/// server skips such a write only if the stored bytes would stay the same. Then removes the earlier versions from
/// <c>status.storedVersions</c>. If there are none, it costs one GET for each term.
/// </summary>
internal sealed partial class StorageMigration<TEntity>(ResourceClient client, TimeProvider time, ILogger logger) : IControllerRunner, IDisposable
    where TEntity : class, IKubernetesObject<V1ObjectMeta>
{
    /// <summary>How long to wait after a failure.</summary>
    internal static readonly TimeSpan RetryPeriod = TimeSpan.FromMinutes(10);

    /// <summary>How long an API server may take to notice a change of the definition. Until then, it stores objects in the earlier version.</summary>
    internal static readonly TimeSpan SettleTime = TimeSpan.FromSeconds(5);

    private const int WritesPerSecond = 10;
    private static readonly ResourceKind Definitions = ResourceKind.Of<CustomResourceDefinition>();
    private static readonly ResourceKind Kind = ResourceKind.Of<TEntity>();

    private readonly HashSet<NamespacedName> _written = [];
    private readonly TokenBucket _bucket = new(WritesPerSecond, burst: 1, time);
    private string? _writtenVersion;
    private CancellationTokenSource? _stop;
    private Task _work = Task.CompletedTask;

    public bool IsAlive => !_work.IsFaulted;

    public void Start(CancellationToken term)
    {
        _stop = CancellationTokenSource.CreateLinkedTokenSource(term);
        _work = RunAsync(_stop.Token);
    }

    public async Task<bool> DrainAsync(TimeSpan timeout)
    {
        if (_stop is not null)
            await _stop.CancelAsync();
        await Task.WhenAny(_work, Task.Delay(timeout, time));
        return _work.IsCompleted;
    }

    public void Dispose() => _stop?.Dispose();

    /// <summary>Completes when there is nothing to do until the next start.</summary>
    internal async Task RunAsync(CancellationToken stop)
    {
        // Frees the caller's thread, which starts the workers.
        await Task.Yield();
        try
        {
            while (!await TryMigrateAsync(stop))
                await Task.Delay(RetryPeriod, time, stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The next leader continues.
        }
    }

    /// <summary>Returns false if it is to be tried again later.</summary>
    private async Task<bool> TryMigrateAsync(CancellationToken stop)
    {
        try
        {
            // Null for a kind that is not a custom resource.
            while (await client.GetAsync<CustomResourceDefinition>(Definitions, new("", Kind.ToString()), stop) is { StorageVersion: { } version } definition
                && definition.EarlierVersions.Any())
            {
                await Task.Delay(SettleTime, time, stop);
                if (!await WriteAllAsync(version, string.Join(", ", definition.EarlierVersions), stop))
                    return false;
                if (await FinishAsync(definition, version.Name, stop))
                    return true;
            }

            return true;
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Forbidden)
        {
            LogDenied(logger, Kind, e.Message);
            return true;
        }
        catch (Exception e) when (e is ApiException or ApiUnavailableException)
        {
            LogFailed(logger, Kind, RetryPeriod.TotalMinutes, e.Message);
            return false;
        }
    }

    /// <summary>Writes all objects that have not been written in this version yet. Returns false if some could not be written.</summary>
    private async Task<bool> WriteAllAsync(CustomResourceDefinition.VersionSpec version, string earlier, CancellationToken stop)
    {
        if (version.Name != _writtenVersion)
            _written.Clear();
        _writtenVersion = version.Name;
        // Not from the cache, which lacks objects that do not fit their class, and can be optional.
        var left = (await client.ListAsync<PartialObjectMetadata>(Kind, ns: "", labelSelector: null, stop)).Select(item => item.Key()).Where(key => !_written.Contains(key)).ToList();
        LogStarted(logger, Kind, left.Count, earlier, version.Name);
        var (failed, error) = (0, "");
        foreach (var key in left)
        {
            try
            {
                await WriteAsync(key, version.Subresources?.Status is null ? null : "status", stop);
                _written.Add(key);
            }
            catch (ApiException e) when (e.StatusCode != HttpStatusCode.Forbidden)
            {
                // Such as an object that a stricter schema no longer allows. The others move.
                (failed, error) = (failed + 1, e.Message);
            }
        }

        if (failed > 0)
            LogFailed(logger, Kind, RetryPeriod.TotalMinutes, $"{failed} of {left.Count} objects could not be written. The last error: {error}");
        return failed == 0;
    }

    /// <summary>Writes an object as it is. Through its status, if that has its own address, so that its generation cannot change.</summary>
    private async Task WriteAsync(NamespacedName key, string? subresource, CancellationToken stop)
    {
        while (true)
        {
            while (!_bucket.TryTake())
                await Task.Delay(_bucket.TimeUntilNext, time, stop);
            try
            {
                await client.JsonPatchAsync<PartialObjectMetadata>(Kind, key, [], subresource, stop);
                return;
            }
            catch (ApiException e) when (e.StatusCode == HttpStatusCode.NotFound)
            {
                return;
            }
            catch (ApiException e) when (e.StatusCode == HttpStatusCode.Conflict)
            {
                // Someone else wrote it at the same time.
            }
        }
    }

    /// <summary>Returns false if the definition has changed since it was read.</summary>
    private async Task<bool> FinishAsync(CustomResourceDefinition definition, string version, CancellationToken stop)
    {
        JsonPatchOperation[] patch =
        [
            // A 409 if it differs. A failed test would be a 422, as an error of any other kind is.
            new("replace", "/metadata/resourceVersion", definition.Metadata.ResourceVersion),
            new("replace", "/status/storedVersions", new List<string> { version }),
        ];
        try
        {
            await client.JsonPatchAsync<CustomResourceDefinition>(Definitions, definition.Key(), patch, "status", stop);
            LogFinished(logger, Kind, version);
            return true;
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Conflict)
        {
            return false;
        }
    }

    [LoggerMessage(EventId = 2301, Level = LogLevel.Information, Message = "Some {Kind} can still be stored as {Earlier}: writing {Count} of them as {Version}, without a change")]
    private static partial void LogStarted(ILogger logger, ResourceKind kind, int count, string earlier, string version);

    [LoggerMessage(EventId = 2302, Level = LogLevel.Information, Message = "All {Kind} are stored as {Version}")]
    private static partial void LogFinished(ILogger logger, ResourceKind kind, string version);

    [LoggerMessage(EventId = 2303, Level = LogLevel.Information, Message = "Objects of {Kind} that are stored in an earlier version stay as they are, because the operator may not move them. It works without this right, and looks again at its next start: {Reason}")]
    private static partial void LogDenied(ILogger logger, ResourceKind kind, string reason);

    [LoggerMessage(EventId = 2304, Level = LogLevel.Warning, Message = "Moving the stored objects of {Kind} to the current version failed; retrying in {Minutes} min: {Reason}")]
    private static partial void LogFailed(ILogger logger, ResourceKind kind, double minutes, string reason);
}
