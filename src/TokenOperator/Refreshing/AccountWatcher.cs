using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;

namespace TokenOperator.Refreshing;

/// <summary>Listens for what others change in Postgres, such as an import by the command line, and says which accounts to look at again.</summary>
public sealed partial class AccountWatcher(
    ITokenStore store, AccountCache cache, PendingCommits pending, IAccountQueue queue, TimeProvider time, ILogger<AccountWatcher> log) : BackgroundService
{
    private static readonly TimeSpan RetryWait = TimeSpan.FromSeconds(5);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        pending.Settled += OnSettled;
        try
        {
            await foreach (var key in store.WatchAsync(stoppingToken))
                await FollowAsync(key, stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host is stopping.
        }
        finally
        {
            pending.Settled -= OnSettled;
        }
    }

    private async Task FollowAsync(AccountKey? key, CancellationToken ct)
    {
        while (true)
        {
            try
            {
                if (key is { } one)
                    await cache.ReadAsync(one, ct);
                foreach (var account in key is { } only ? [only] : await cache.ReloadAsync(ct))
                    queue.Enqueue(account);
                return;
            }
            catch (UnreadableRowException e)
            {
                LogUnreadable(e.Message);
                return;
            }
            catch (StoreUnavailableException e)
            {
                LogBehind(e.Message);
                await Task.Delay(RetryWait, time, ct);
            }
        }
    }

    private void OnSettled(AccountKey key, AccountRecord? record)
    {
        if (record is null)
            cache.Forget(key);
        else
            cache.Keep(record);
        queue.Enqueue(key);
    }

    [LoggerMessage(131, LogLevel.Warning, "What changed in Postgres could not be read, tried again in 5 s: {Error}")]
    private partial void LogBehind(string error);

    [LoggerMessage(132, LogLevel.Warning, "{Error}")]
    private partial void LogUnreadable(string error);
}
