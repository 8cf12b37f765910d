using KubeRuntime;
using KubeRuntime.Controllers;
using KubeRuntime.Events;
using Microsoft.Extensions.Logging;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using TokenOperator.Publishing;

namespace TokenOperator.Reconcile;

/// <summary>
/// Says in the status of an OAuthToken that is being deleted what it waits for, because a namespace that is being deleted accepts no events. After
/// <paramref name="limit"/>, it lets the object be deleted and keeps the row, so that the namespace can be deleted.
/// </summary>
public sealed partial class DeletionReporter(StatusPublisher statuses, EventPublisher events, TimeSpan limit, TimeProvider time, ILogger<DeletionReporter> logger)
{
    /// <summary>The start of a revocation, for <see cref="IsOver"/>.</summary>
    public long Begin() => time.GetTimestamp();

    /// <summary>True if the object has waited for its revocation for as long as it may.</summary>
    /// <param name="entity">The object.</param>
    /// <param name="startedAt">What <see cref="Begin"/> returned when the revocation started.</param>
    public bool IsOver(V1Beta1OAuthToken entity, long startedAt)
    {
        ArgumentNullException.ThrowIfNull(entity);
        var now = time.GetUtcNow();
        // If the operator did not run when the object was deleted, the revocation still gets the time of a slow refresh.
        return ReconcilePolicy.IsCleanupOver(DeletedAt(entity, now), limit, now) && time.GetElapsedTime(startedAt) >= ReconcilePolicy.MaxRefreshDuration;
    }

    /// <summary>Publishes an event about the deletion.</summary>
    public void Announce(V1Beta1OAuthToken entity, string reason, string message) => events.Publish(entity, reason, message);

    /// <summary>The row may be deleted only after the provider has answered.</summary>
    public async Task<ReconciliationResult<V1Beta1OAuthToken>> WaitAsync(V1Beta1OAuthToken entity, TokenRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(entity);
        await ReportAsync(entity, new Problem(Reasons.Deleting, ConditionMessages.WaitsForRevocation(request)), cancellationToken);
        var now = time.GetUtcNow();
        var left = DeletedAt(entity, now) + limit - now;
        return ReconciliationResult<V1Beta1OAuthToken>.Success(entity, left > TimeSpan.Zero ? Sooner(ReconcilePolicy.MaxRefreshDuration, left) : ReconcilePolicy.MaxRefreshDuration);
    }

    /// <summary>The policy could not be carried out.</summary>
    /// <param name="entity">The object.</param>
    /// <param name="request">What it asked for.</param>
    /// <param name="cause">Why, in a sentence.</param>
    /// <param name="retry">When to try again.</param>
    /// <param name="cancellationToken">Cancels the write of the status.</param>
    public async Task<ReconciliationResult<V1Beta1OAuthToken>> FailAsync(
        V1Beta1OAuthToken entity, TokenRequest request, string cause, TimeSpan retry, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(entity);
        ArgumentNullException.ThrowIfNull(request);
        var now = time.GetUtcNow();
        var deletedAt = DeletedAt(entity, now);
        var policy = entity.Spec.DeletionPolicy ?? "";
        if (ReconcilePolicy.IsCleanupOver(deletedAt, limit, now))
        {
            LogAbandoned(request.Owner, policy, limit, request.Key.Provider, request.Key.Account, cause);
            events.Publish(entity, Reasons.CleanupAbandoned, ConditionMessages.CleanupAbandoned(request, policy, cause));
            return ReconciliationResult<V1Beta1OAuthToken>.Success(entity);
        }

        var message = ConditionMessages.CleanupFailed(request, policy, cause, Timestamps.Format(deletedAt + limit));
        await ReportAsync(entity, new Problem(Reasons.CleanupFailed, message), cancellationToken);
        return ReconciliationResult<V1Beta1OAuthToken>.Failure(entity, message, requeueAfter: Sooner(retry, deletedAt + limit - now));
    }

    private static DateTimeOffset DeletedAt(V1Beta1OAuthToken entity, DateTimeOffset now) =>
        entity.Metadata.DeletionTimestamp is { } deleted ? new DateTimeOffset(deleted.ToUniversalTime()) : now;

    private static TimeSpan Sooner(TimeSpan one, TimeSpan other) => one < other ? one : other;

    private Task<StatusWrite> ReportAsync(V1Beta1OAuthToken entity, Problem problem, CancellationToken cancellationToken) =>
        statuses.PublishAsync(entity, StatusBuilder.Delete(entity.Status, problem, entity.Metadata.Generation, time.GetUtcNow()), cancellationToken);

    [LoggerMessage(241, LogLevel.Warning, "OAuthToken {Owner} is deleted although its deletionPolicy {Policy} could not be carried out within {Limit}. The row of {Provider}/{Account} is kept, and its grant may still be valid at the provider: {Cause}")]
    private partial void LogAbandoned(NamespacedName owner, string policy, TimeSpan limit, string provider, string account, string cause);
}
