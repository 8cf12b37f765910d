using KubeRuntime.Watching;
using Microsoft.Extensions.Hosting;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using TokenOperator.Publishing;
using TokenOperator.Refreshing;

namespace TokenOperator.Reconcile;

/// <summary>
/// Turns Ready to False when a token expires, independently of the workers and of the providers. A reconcile usually does it at the very
/// moment. This service does it a second later if no worker was free.
/// </summary>
public sealed class ExpiryWatcher(
    IResourceCache<V1Alpha1OAuthToken> entities, AccountRepository accounts, StatusPublisher statuses, ILeadershipGuard guard, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxSleep = TimeSpan.FromSeconds(10);

    /// <summary>Writes the status of every object whose token has expired and that is still Ready.</summary>
    /// <returns>How long nothing expires; 10 s at most.</returns>
    internal async Task<TimeSpan> CheckAsync(CancellationToken cancellationToken)
    {
        var sleep = MaxSleep;
        if (!guard.IsLeader)
            return sleep;
        foreach (var entity in entities.List().Where(IsReady))
        {
            var now = accounts.Now(new AccountKey(entity.Spec.Provider ?? "", entity.Spec.Account ?? ""));
            var left = Timestamps.Parse(entity.Status.ExpiresAt) + Grace - now;
            if (left <= TimeSpan.Zero)
                await statuses.PublishAsync(entity, StatusBuilder.Expire(entity.Status, now), cancellationToken);
            else if (left < sleep)
                sleep = left.Value;
        }

        return sleep;
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
                await Task.Delay(await TryCheckAsync(stoppingToken), time, stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host is stopping.
        }
    }

    private static bool IsReady(V1Alpha1OAuthToken entity) =>
        entity.Metadata.DeletionTimestamp is null && entity.Status is { ExpiresAt: not null } status && status.Find(ConditionTypes.Ready)?.IsTrue == true;

    private async Task<TimeSpan> TryCheckAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await CheckAsync(cancellationToken);
        }
        catch (Exception e) when (e is KubeRuntime.Client.ApiException or KubeRuntime.Client.ApiUnavailableException)
        {
            // The API server cannot be written to now. The next look is soon.
            return Grace;
        }
    }
}
