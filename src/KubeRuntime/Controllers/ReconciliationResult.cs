using System.Diagnostics.CodeAnalysis;
using k8s;
using k8s.Models;

namespace KubeRuntime.Controllers;

/// <summary>What came of one reconcile.</summary>
/// <typeparam name="TEntity">The kind of object.</typeparam>
[SuppressMessage("Design", "CA1000", Justification = "The shape that KubeOps gave it.")]
public sealed record ReconciliationResult<TEntity>
    where TEntity : IKubernetesObject<V1ObjectMeta>
{
    private ReconciliationResult(TEntity entity, bool isSuccess, string? errorMessage, Exception? error, TimeSpan? requeueAfter)
    {
        Entity = entity;
        IsSuccess = isSuccess;
        ErrorMessage = errorMessage;
        Error = error;
        RequeueAfter = requeueAfter;
    }

    /// <summary>The entity that was reconciled.</summary>
    public TEntity Entity { get; }

    /// <summary>Whether the world is as the entity asks, or on its way.</summary>
    public bool IsSuccess { get; }

    /// <summary>What went wrong; null after a success.</summary>
    public string? ErrorMessage { get; }

    /// <summary>The exception behind a failure, if there was one.</summary>
    public Exception? Error { get; }

    /// <summary>When to look again; null means only when something changes (success) or after a growing delay (failure).</summary>
    public TimeSpan? RequeueAfter { get; }

    /// <summary>All is well; look again after <paramref name="requeueAfter"/>, if given.</summary>
    public static ReconciliationResult<TEntity> Success(TEntity entity, TimeSpan? requeueAfter = null) =>
        new(entity, true, null, null, requeueAfter);

    /// <summary>
    /// It did not work. Without <paramref name="requeueAfter"/> it is tried again after 5 ms, doubled at each failure in a row up to
    /// <see cref="Hosting.OperatorOptions.MaxBackoff"/>.
    /// </summary>
    public static ReconciliationResult<TEntity> Failure(
        TEntity entity, string message, Exception? error = null, TimeSpan? requeueAfter = null) =>
        new(entity, false, message, error, requeueAfter);
}
