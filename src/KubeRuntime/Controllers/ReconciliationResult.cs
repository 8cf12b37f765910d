using System.Diagnostics.CodeAnalysis;
using k8s;
using k8s.Models;

namespace KubeRuntime.Controllers;

/// <summary>The result of one reconcile.</summary>
/// <typeparam name="TEntity">The kind of object.</typeparam>
[SuppressMessage("Design", "CA1000", Justification = "The shape of KubeOps.")]
public sealed record ReconciliationResult<TEntity>
    where TEntity : IKubernetesObject<V1ObjectMeta>
{
    private ReconciliationResult()
    {
    }

    /// <summary>Whether the actual state is as the entity asks, or on its way there.</summary>
    public bool IsSuccess => ErrorMessage is null;

    /// <summary>What went wrong; null after a success.</summary>
    public string? ErrorMessage { get; private init; }

    /// <summary>The exception behind a failure, if there was one.</summary>
    public Exception? Error { get; private init; }

    /// <summary>
    /// When to reconcile again. Null means only when something changes (success) or after a growing delay (failure).
    /// </summary>
    public TimeSpan? RequeueAfter { get; private init; }

    /// <summary>The reconcile succeeded; the entity is reconciled again after <paramref name="requeueAfter"/>, if given.</summary>
    /// <param name="entity">The entity that was reconciled, as in KubeOps.</param>
    /// <param name="requeueAfter">When to reconcile again.</param>
    [SuppressMessage("Style", "IDE0060", Justification = "The signature of KubeOps.")]
    public static ReconciliationResult<TEntity> Success(TEntity entity, TimeSpan? requeueAfter = null) => new() { RequeueAfter = requeueAfter };

    /// <summary>
    /// The reconcile failed. Without <paramref name="requeueAfter"/> it is retried after 5 ms, doubled at each failure in a row up to
    /// <c>OperatorOptions.MaxBackoff</c>.
    /// </summary>
    /// <param name="entity">The entity that was reconciled, as in KubeOps.</param>
    /// <param name="message">What went wrong.</param>
    /// <param name="error">The exception behind the failure.</param>
    /// <param name="requeueAfter">When to reconcile again.</param>
    [SuppressMessage("Style", "IDE0060", Justification = "The signature of KubeOps.")]
    public static ReconciliationResult<TEntity> Failure(
        TEntity entity, string message, Exception? error = null, TimeSpan? requeueAfter = null) =>
        new() { ErrorMessage = message, Error = error, RequeueAfter = requeueAfter };
}
