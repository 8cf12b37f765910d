using KubeRuntime.Hosting;

namespace TokenOperator.Refreshing;

/// <summary>
/// Ends refreshing before another replica may lead: waits for the responses to requests that were sent, then commits the tokens that are
/// in memory only.
/// </summary>
public sealed class RefreshDrain(RefreshScheduler scheduler, AccountSynchronizer synchronizer) : IDrain
{
    /// <inheritdoc/>
    public async Task DrainAsync(CancellationToken cancellationToken)
    {
        await scheduler.DrainAsync(cancellationToken);
        await synchronizer.FlushAsync(cancellationToken);
    }
}
