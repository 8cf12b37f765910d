using KubeRuntime.Hosting;

namespace TokenOperator.Refreshing;

/// <summary>
/// Ends refreshing before another replica may lead: waits for the responses to requests that were sent, then commits the tokens that are
/// in memory only.
/// </summary>
public sealed class RefreshDrain(RefreshScheduler scheduler, AccountSynchronizer synchronizer, TimeProvider time) : IDrain
{
    /// <inheritdoc/>
    public void Close() => scheduler.Close();

    /// <inheritdoc/>
    public async Task<bool> DrainAsync(TimeSpan timeout)
    {
        using var limit = new CancellationTokenSource(timeout, time);
        var isIdle = await scheduler.DrainAsync(limit.Token);
        await synchronizer.FlushAsync(limit.Token);
        return isIdle;
    }
}
