using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;

namespace TokenOperator.Refreshing;

/// <summary>
/// Keeps the repository and Postgres in step. It migrates the tables at the start and at the beginning of each term, and then reads all
/// rows. It follows what others write, such as an import on the command line. It commits pending tokens, 1 s apart at first and 15 s at
/// most, and again at the end of the process, while no other process may lead yet.
/// </summary>
public sealed partial class AccountSynchronizer(
    ITokenStore store, IMigrator migrator, AccountRepository accounts, IAccountQueue queue, TimeProvider time, ILogger<AccountSynchronizer> logger)
    : BackgroundService
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan MinCommitDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxCommitDelay = TimeSpan.FromSeconds(15);

    private readonly TaskCompletionSource _migrated = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Commits pending tokens, once at least, until none is left or <paramref name="cancellationToken"/> is cancelled.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        // The first attempt has no limit but that of Postgres: a provider that answered late must not cost the token.
        await accounts.CommitAllAsync(CancellationToken.None);
        for (var delay = MinCommitDelay; accounts.PendingCount > 0 && !cancellationToken.IsCancellationRequested; delay = Longer(delay))
        {
            await Task.Delay(delay, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await accounts.CommitAllAsync(cancellationToken);
        }

        accounts.LogLostTokens();
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await Task.WhenAll(KeepAsync(LoadTermsAsync, stoppingToken), KeepAsync(FollowAsync, stoppingToken), KeepAsync(CommitAsync, stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host is stopping.
        }
    }

    /// <summary>Migrates the tables and reads all rows.</summary>
    /// <returns>Null, or why it could not be done.</returns>
    internal async Task<AccountLookup?> LoadAsync(CancellationToken cancellationToken)
    {
        var failure = await MigrateAsync(cancellationToken);
        return await accounts.LoadAsync(failure, cancellationToken);
    }

    private async Task<AccountLookup?> MigrateAsync(CancellationToken cancellationToken)
    {
        var result = await AccountRepository.GuardAsync(async () =>
        {
            await migrator.UpAsync(cancellationToken);
            return null;
        });
        if (result is not AccountLookup.Absent)
            return result;
        _migrated.TrySetResult();
        return null;
    }

    /// <summary>Runs <paramref name="loop"/> again after a fault: a token that is in memory only would be lost with the process.</summary>
    private async Task KeepAsync(Func<CancellationToken, Task> loop, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await loop(cancellationToken);
            }
#pragma warning disable CA1031 // The log has the details.
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                LogThrew(e);
                await Task.Delay(RetryDelay, time, cancellationToken);
            }
#pragma warning restore CA1031
        }
    }

    private async Task LoadTermsAsync(CancellationToken cancellationToken)
    {
        AccountLookup? reported = null;
        while (true)
        {
            var failure = accounts.IsLoadDue ? await LoadAsync(cancellationToken)
                : _migrated.Task.IsCompleted ? null
                : await MigrateAsync(cancellationToken);
            if (failure is not null && failure != reported)
                LogNotReady(failure.Explanation);
            reported = failure;

            // A term can begin without an object that looks up its account: look for one as often as after a failure.
            using var retry = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            await Task.WhenAny(accounts.WaitForTermAsync(retry.Token), Task.Delay(RetryDelay, time, retry.Token));
            await retry.CancelAsync();
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    private async Task FollowAsync(CancellationToken cancellationToken)
    {
        await _migrated.Task.WaitAsync(cancellationToken);
        await foreach (var key in store.WatchAsync(cancellationToken))
            await ReadChangeAsync(key, cancellationToken);
    }

    private async Task ReadChangeAsync(AccountKey? key, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                if (key is { } other && !accounts.IsNeeded(other))
                {
                    accounts.Forget(other);
                    return;
                }

                if (key is { } one)
                    await accounts.ReadAsync(one, cancellationToken);
                foreach (var account in key is { } only ? [only] : await accounts.ReloadAsync(cancellationToken))
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
                await Task.Delay(RetryDelay, time, cancellationToken);
            }
        }
    }

    private async Task CommitAsync(CancellationToken cancellationToken)
    {
        var delay = MinCommitDelay;
        while (true)
        {
            await accounts.WaitForPendingAsync(cancellationToken);
            await Task.Delay(delay, time, cancellationToken);
            await accounts.CommitAllAsync(cancellationToken);
            delay = accounts.PendingCount == 0 ? MinCommitDelay : Longer(delay);
        }
    }

    private static TimeSpan Longer(TimeSpan delay) => delay * 2 < MaxCommitDelay ? delay * 2 : MaxCommitDelay;

    [LoggerMessage(131, LogLevel.Warning, "A change in Postgres could not be read; the operator retries in 5 s: {Error}")]
    private partial void LogBehind(string error);

    [LoggerMessage(132, LogLevel.Warning, "{Error}")]
    private partial void LogUnreadable(string error);

    [LoggerMessage(134, LogLevel.Error, "Keeping memory and Postgres in step threw an exception; the operator retries in 5 s")]
    private partial void LogThrew(Exception exception);

    [LoggerMessage(133, LogLevel.Warning, "The tables could not be migrated or read; the operator retries every 5 s: {Error}")]
    private partial void LogNotReady(string error);
}
