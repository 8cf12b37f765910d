using KubeRuntime.Client;
using KubeRuntime.Watching;
using Microsoft.Extensions.Logging;
using k8s;
using k8s.Models;

namespace KubeRuntime.Controllers;

/// <summary>How a reconcile ended, in the words of controller-runtime's metric.</summary>
internal enum Verdict
{
    Success,
    RequeueAfter,

    /// <summary>The entity was not as the cache had it: nothing is wrong, but it has to be looked at again.</summary>
    Requeue,
    Error,
}

/// <summary>What is to become of a key after its reconcile.</summary>
/// <param name="Verdict">How it ended.</param>
/// <param name="RequeueAfter">When to look again; null leaves it to the backoff, where one is due.</param>
internal readonly record struct Outcome(Verdict Verdict, TimeSpan? RequeueAfter = null);

/// <summary>Reconciles one key: finds out whether its entity is there, going or gone, and calls the one who is to deal with that.</summary>
internal sealed partial class EntityReconciler<TEntity>(
    IEntityController<TEntity> controller,
    EntityFinalizers<TEntity> finalizers,
    ResourceCache<TEntity> cache,
    DeletedEntities<TEntity> deleted,
    TimeSpan timeout,
    TimeProvider time,
    ILogger<EntityReconciler<TEntity>> logger)
    where TEntity : class, IKubernetesObject<V1ObjectMeta>
{
    private static readonly ResourceKind Kind = ResourceKind.Of<TEntity>();

    private static readonly Func<ILogger, string, string, Guid, IDisposable?> BeginScope =
        LoggerMessage.DefineScope<string, string, Guid>("{Namespace}/{Name} {ReconcileId}");

    /// <summary>Never throws but for the cancellation of <paramref name="cancellationToken"/>.</summary>
    public async Task<Outcome> ReconcileAsync(NamespacedName key, CancellationToken cancellationToken)
    {
        using var scope = BeginScope(logger, key.Namespace, key.Name, Guid.NewGuid());
        using var limit = new CancellationTokenSource(timeout, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        var started = time.GetTimestamp();
        var outcome = await TryAsync(key, both.Token, cancellationToken);
        var elapsed = time.GetElapsedTime(started);
        if (logger.IsEnabled(LogLevel.Debug)) LogReconciled(logger, Kind.Kind, key, outcome.Verdict, elapsed, outcome.RequeueAfter);
        return outcome;
    }

    private async Task<Outcome> TryAsync(NamespacedName key, CancellationToken limited, CancellationToken cancellationToken)
    {
        try
        {
            while (deleted.Peek(key) is { } gone)
            {
                if (Judge(key, await controller.DeletedAsync(gone, limited)) is { Verdict: Verdict.Error } failed) return failed;
                deleted.Remove(key);
            }

            if (cache.Get(key) is not { } entity) return new(Verdict.Success);
            if (entity.Metadata.DeletionTimestamp is not null) return Judge(key, await finalizers.FinalizeAsync(entity, limited));
            if (await finalizers.AdjustAsync(entity, limited) is not { } current)
            {
                LogConflict(logger, Kind.Kind, key);
                return new(Verdict.Requeue);
            }

            return Judge(key, await controller.ReconcileAsync(current, limited));
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw;
        }
        catch (OperationCanceledException) when (limited.IsCancellationRequested)
        {
            LogFailed(logger, Kind.Kind, key, $"not done within {timeout}");
            return new(Verdict.Error);
        }
        catch (Exception e) when (e is ApiException or ApiUnavailableException)
        {
            LogFailed(logger, Kind.Kind, key, e.Message);
            return new(Verdict.Error);
        }
#pragma warning disable CA1031 // A fault in one reconcile must not stop the worker for all the others.
        catch (Exception e)
        {
            LogThrew(logger, e, Kind.Kind, key);
            return new(Verdict.Error);
        }
#pragma warning restore CA1031
    }

    private Outcome Judge(NamespacedName key, ReconciliationResult<TEntity> result)
    {
        if (result.IsSuccess) return new(result.RequeueAfter is null ? Verdict.Success : Verdict.RequeueAfter, result.RequeueAfter);
        LogFailed(logger, Kind.Kind, key, result.ErrorMessage ?? result.Error?.Message ?? "");
        return new(Verdict.Error, result.RequeueAfter);
    }

    [LoggerMessage(EventId = 4001, Level = LogLevel.Debug, Message = "Reconciled {Kind} {Key}: {Verdict} in {Elapsed}, again after {RequeueAfter}", SkipEnabledCheck = true)]
    private static partial void LogReconciled(
        ILogger logger, string kind, NamespacedName key, Verdict verdict, TimeSpan elapsed, TimeSpan? requeueAfter);

    [LoggerMessage(EventId = 4002, Level = LogLevel.Warning, Message = "{Kind} {Key}: {Trouble}")]
    private static partial void LogFailed(ILogger logger, string kind, NamespacedName key, string trouble);

    [LoggerMessage(EventId = 4003, Level = LogLevel.Error, Message = "{Kind} {Key}: the reconcile threw")]
    private static partial void LogThrew(ILogger logger, Exception exception, string kind, NamespacedName key);

    [LoggerMessage(EventId = 4004, Level = LogLevel.Debug, Message = "{Kind} {Key} changed while its finalizers were adjusted, trying again")]
    private static partial void LogConflict(ILogger logger, string kind, NamespacedName key);
}
