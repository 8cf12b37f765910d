using k8s;
using k8s.Models;
using KubeRuntime.Client;
using KubeRuntime.Watching;
using Microsoft.Extensions.Logging;

namespace KubeRuntime.Controllers;

/// <summary>How a reconcile ended, which decides when its key is processed again.</summary>
/// <param name="Label">The value of the label <c>result</c> of controller-runtime's metric.</param>
internal abstract record ReconcileOutcome(string Label)
{
    /// <summary>Nothing to do until something changes.</summary>
    public sealed record Success() : ReconcileOutcome("success");

    /// <summary>The reconcile succeeded and asks to run again after <paramref name="Delay"/>.</summary>
    public sealed record RequeueAfter(TimeSpan Delay) : ReconcileOutcome("requeue_after");

    /// <summary>The entity was no longer as the cache had it. Nothing is wrong; it is reconciled again with backoff.</summary>
    public sealed record Requeue() : ReconcileOutcome("requeue");

    /// <summary>The reconcile failed; it is retried after <paramref name="RetryAfter"/>, or with backoff when that is null.</summary>
    public sealed record Error(TimeSpan? RetryAfter = null) : ReconcileOutcome("error");
}

/// <summary>Reconciles one key: finds out whether its entity exists, is being deleted or is gone, and calls the controller or the finalizers.</summary>
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

    /// <summary>Never throws, except when <paramref name="cancellationToken"/> is cancelled.</summary>
    public async Task<ReconcileOutcome> ReconcileAsync(NamespacedName key, CancellationToken cancellationToken)
    {
        using var scope = BeginScope(logger, key.Namespace, key.Name, Guid.NewGuid());
        using var limit = new CancellationTokenSource(timeout, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        var started = time.GetTimestamp();
        var outcome = await TryAsync(key, both.Token, cancellationToken);
        var elapsed = time.GetElapsedTime(started);
        if (logger.IsEnabled(LogLevel.Debug))
            LogReconciled(logger, Kind.Kind, key, outcome.Label, elapsed);
        return outcome;
    }

    private async Task<ReconcileOutcome> TryAsync(NamespacedName key, CancellationToken limited, CancellationToken cancellationToken)
    {
        try
        {
            while (deleted.Peek(key) is { } gone)
            {
                if (ToOutcome(key, await controller.DeletedAsync(gone, limited)) is ReconcileOutcome.Error failed)
                    return failed;
                deleted.Remove(key);
            }

            if (cache.Get(key) is not { } entity)
                return new ReconcileOutcome.Success();
            if (entity.Metadata.DeletionTimestamp is not null)
                return ToOutcome(key, await finalizers.FinalizeAsync(entity, limited));
            if (await finalizers.AdjustAsync(entity, limited) is not { } current)
            {
                LogConflict(logger, Kind.Kind, key);
                return new ReconcileOutcome.Requeue();
            }

            return ToOutcome(key, await controller.ReconcileAsync(current, limited));
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw;
        }
        catch (OperationCanceledException) when (limited.IsCancellationRequested)
        {
            LogFailed(logger, Kind.Kind, key, $"not done within {timeout}");
            return new ReconcileOutcome.Error();
        }
        catch (Exception e) when (e is ApiException or ApiUnavailableException)
        {
            LogFailed(logger, Kind.Kind, key, e.Message);
            return new ReconcileOutcome.Error();
        }
#pragma warning disable CA1031 // A fault in one reconcile must not stop the worker, which serves all other entities.
        catch (Exception e)
        {
            LogThrew(logger, e, Kind.Kind, key);
            return new ReconcileOutcome.Error();
        }
#pragma warning restore CA1031
    }

    private ReconcileOutcome ToOutcome(NamespacedName key, ReconciliationResult<TEntity> result)
    {
        if (result.ErrorMessage is not { } message)
            return result.RequeueAfter is { } delay ? new ReconcileOutcome.RequeueAfter(delay) : new ReconcileOutcome.Success();
        LogFailed(logger, Kind.Kind, key, message);
        return new ReconcileOutcome.Error(result.RequeueAfter);
    }

    [LoggerMessage(EventId = 4001, Level = LogLevel.Debug, Message = "Reconciled {Kind} {Key} in {Elapsed}: {Result}", SkipEnabledCheck = true)]
    private static partial void LogReconciled(
        ILogger logger, string kind, NamespacedName key, string result, TimeSpan elapsed);

    [LoggerMessage(EventId = 4002, Level = LogLevel.Warning, Message = "{Kind} {Key}: {Trouble}")]
    private static partial void LogFailed(ILogger logger, string kind, NamespacedName key, string trouble);

    [LoggerMessage(EventId = 4003, Level = LogLevel.Error, Message = "{Kind} {Key}: the reconcile threw an exception")]
    private static partial void LogThrew(ILogger logger, Exception exception, string kind, NamespacedName key);

    [LoggerMessage(EventId = 4004, Level = LogLevel.Debug, Message = "{Kind} {Key} changed while its finalizers were adjusted; retrying")]
    private static partial void LogConflict(ILogger logger, string kind, NamespacedName key);
}
