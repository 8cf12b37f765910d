namespace KubeRuntime.Hosting;

/// <summary>
/// What must be finished while this process still leads, once its workers have stopped: the lease is released only after it.
/// Register one as a service for each.
/// </summary>
public interface IDrain
{
    /// <summary>Finishes; gives up when <paramref name="cancellationToken"/> is cancelled, without throwing.</summary>
    Task DrainAsync(CancellationToken cancellationToken);
}
