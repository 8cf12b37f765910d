// The reconcile: gather, decide, act. It may use everything, each through the folder that owns it.
using KubeRuntime;
using KubeRuntime.Controllers;
using Microsoft.Extensions.Logging;
using TokenOperator.Api;

namespace TokenOperator.Reconcile;

/// <summary>Reconciles the Secret and the status of each OAuthToken.</summary>
public sealed partial class OAuthTokenController(
    ReconcileInputGatherer gatherer, ReconcileActor actor, ReconcileSchedule schedule, ILogger<OAuthTokenController> logger) : IEntityController<V1Beta1OAuthToken>
{
    private static readonly Func<ILogger, string, IDisposable?> BeginScope = LoggerMessage.DefineScope<string>("{Provider}");

    /// <inheritdoc/>
    public async Task<ReconciliationResult<V1Beta1OAuthToken>> ReconcileAsync(V1Beta1OAuthToken entity, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(entity);
        if (entity.Metadata.DeletionTimestamp is not null)
            return ReconciliationResult<V1Beta1OAuthToken>.Success(entity);
        schedule.Record(entity.Key(), ReconcilePolicy.MaxReconcileDuration);

        var input = await gatherer.GatherAsync(entity, cancellationToken);
        using var scope = BeginScope(logger, input.Request.Key.Provider);
        var decision = ReconcilePolicy.Decide(input);
        var requeueAfter = await actor.ActAsync(entity, input, decision, cancellationToken);

        schedule.Record(entity.Key(), requeueAfter);
        return ReconciliationResult<V1Beta1OAuthToken>.Success(entity, requeueAfter);
    }

    /// <inheritdoc/>
    public Task<ReconciliationResult<V1Beta1OAuthToken>> DeletedAsync(V1Beta1OAuthToken entity, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(entity);
        schedule.Remove(entity.Key());
        actor.Forget(entity);
        // The garbage collector deletes the Secret by its owner reference, and the finalizer deletes the row.
        LogDeleted(entity.Metadata.NamespaceProperty, entity.Metadata.Name);
        return Task.FromResult(ReconciliationResult<V1Beta1OAuthToken>.Success(entity));
    }

    [LoggerMessage(201, LogLevel.Information, "OAuthToken {Namespace}/{Name} was deleted")]
    private partial void LogDeleted(string @namespace, string name);
}
