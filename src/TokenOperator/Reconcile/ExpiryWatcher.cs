using KubeRuntime;
using KubeRuntime.Client;
using KubeRuntime.Watching;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using TokenOperator.Publishing;
using TokenOperator.Refreshing;

namespace TokenOperator.Reconcile;

/// <summary>
/// Turns Ready to False when a token expires, independently of the workers and of the providers. A reconcile usually does it at the very
/// moment. This service does it a second later if no worker was free.
/// </summary>
public sealed partial class ExpiryWatcher(
    IResourceCache<V1Beta1OAuthToken> entities, AccountRepository accounts, StatusPublisher statuses, ILeadershipGuard guard, TimeProvider time,
    ILogger<ExpiryWatcher> logger) : BackgroundService
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan MaxSleep = TimeSpan.FromSeconds(10);

    /// <summary>Writes the status of every object whose token has expired and that is still Ready.</summary>
    /// <returns>How long nothing expires; 10 s at most. 5 s if a status could not be written.</returns>
    internal async Task<TimeSpan> CheckAsync(CancellationToken cancellationToken)
    {
        var sleep = MaxSleep;
        if (!guard.IsLeader)
            return sleep;
        var failures = new List<(NamespacedName Key, Exception Error)>();
        foreach (var entity in entities.List().Where(IsReady))
        {
            var now = accounts.Now(new AccountKey(entity.Spec.Provider ?? "", entity.Spec.Account ?? ""));
            var left = Timestamps.Parse(entity.Status.ExpiresAt) + Grace - now;
            if (left > TimeSpan.Zero && left < sleep)
                sleep = left.Value;
            if (left > TimeSpan.Zero || await ExpireAsync(entity, now, cancellationToken) is not { } error)
                continue;
            failures.Add((entity.Key(), error));
            // A rejected write says nothing about the others. An API server that cannot be reached fails them all.
            if (error is ApiUnavailableException)
                break;
        }

        if (failures.Count == 0)
            return sleep;
        LogNotWritten(failures.Count, failures[0].Key, failures[0].Error.Message);
        return sleep < RetryDelay ? sleep : RetryDelay;
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
                await Task.Delay(await CheckAsync(stoppingToken), time, stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host is stopping.
        }
    }

    private static bool IsReady(V1Beta1OAuthToken entity) =>
        entity.Metadata.DeletionTimestamp is null && entity.Status is { ExpiresAt: not null } status && status.Find(ConditionTypes.Ready)?.IsTrue == true;

    /// <summary>Writes the status of one object.</summary>
    /// <returns>Null, or why it could not be written.</returns>
    private async Task<Exception?> ExpireAsync(V1Beta1OAuthToken entity, DateTimeOffset now, CancellationToken cancellationToken)
    {
        try
        {
            await statuses.PublishAsync(entity, StatusBuilder.Expire(entity.Status, now), cancellationToken);
            return null;
        }
        catch (Exception e) when (e is ApiException or ApiUnavailableException)
        {
            return e;
        }
    }

    [LoggerMessage(213, LogLevel.Warning, "The status of {Count} OAuthTokens whose token has expired could not be written, among them {First}; the operator retries every 5 s: {Error}")]
    private partial void LogNotWritten(int count, NamespacedName first, string error);
}
