using System.Collections.Concurrent;
using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TokenOperator.Storage;
using TokenOperator.Tokens;

namespace TokenOperator.Refreshing;

/// <summary>A token that the provider handed out and Postgres does not have yet.</summary>
/// <param name="Claimed">The row under the claim.</param>
/// <param name="ClaimId">The claim.</param>
/// <param name="Token">The new tokens.</param>
/// <param name="RefreshedAt">When they were handed out.</param>
public sealed record PendingCommit(AccountRecord Claimed, Guid ClaimId, TokenSet Token, DateTimeOffset RefreshedAt)
{
    /// <summary>The row as it will be.</summary>
    public AccountRecord Record => Claimed with { Token = Token, Generation = Claimed.Generation + 1, LastRefreshAt = RefreshedAt, Failure = null };
}

/// <summary>
/// Holds what could not be committed and tries until it is, 1 s apart at first and 15 s at most. When the process stops,
/// <see cref="FlushAsync"/> goes on trying after the workers have ended, while no other process may lead yet.
/// </summary>
public sealed partial class PendingCommits(ITokenStore store, TimeProvider time, ILogger<PendingCommits> log) : BackgroundService
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(15);

    private readonly ConcurrentDictionary<AccountKey, PendingCommit> _pending = new();
    private readonly Channel<bool> _added = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>Told when a token has been committed, or was found to be overtaken by a newer row.</summary>
    public event Action<AccountKey, AccountRecord?>? Settled;

    /// <summary>How many tokens are in memory only.</summary>
    public int Count => _pending.Count;

    /// <summary>True while the account's newest token is in memory only.</summary>
    public bool Contains(AccountKey key) => _pending.ContainsKey(key);

    /// <summary>Takes over a token.</summary>
    public void Add(PendingCommit commit)
    {
        _pending[commit.Claimed.Key] = commit;
        _added.Writer.TryWrite(true);
    }

    /// <summary>Tries until nothing is left or <paramref name="ct"/> is cancelled; for the end of the process, after the workers.</summary>
    public async Task FlushAsync(CancellationToken ct)
    {
        for (var wait = FirstWait; !_pending.IsEmpty && !ct.IsCancellationRequested; wait = Longer(wait))
        {
            await TryAllAsync(ct);
            if (!_pending.IsEmpty)
                await Task.Delay(wait, time, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        foreach (var commit in _pending.Values)
            LogLost(commit.Claimed.Key.Provider, commit.Claimed.Key.Account);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var wait = FirstWait;
        while (await WaitForWorkAsync(stoppingToken))
        {
            await Task.Delay(wait, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await TryAllAsync(stoppingToken);
            wait = _pending.IsEmpty ? FirstWait : Longer(wait);
        }
    }

    private async Task<bool> WaitForWorkAsync(CancellationToken ct)
    {
        if (!_pending.IsEmpty)
            return !ct.IsCancellationRequested;
        try
        {
            return await _added.Reader.ReadAsync(ct) || !ct.IsCancellationRequested;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async Task TryAllAsync(CancellationToken ct)
    {
        foreach (var commit in _pending.Values)
        {
            var key = commit.Claimed.Key;
            try
            {
                var record = await store.CommitAsync(key, commit.ClaimId, commit.Claimed.Generation, commit.Token, commit.RefreshedAt, ct);
                _pending.TryRemove(KeyValuePair.Create(key, commit));
                if (record is null)
                    LogOvertaken(key.Provider, key.Account);
                else
                    LogCommitted(key.Provider, key.Account);
                Settled?.Invoke(key, record);
            }
            catch (Exception e) when (e is StoreUnavailableException or OperationCanceledException)
            {
                LogStillPending(_pending.Count, e.Message);
                return;
            }
        }
    }

    private static TimeSpan Longer(TimeSpan wait) => wait * 2 < LongestWait ? wait * 2 : LongestWait;

    [LoggerMessage(111, LogLevel.Information, "The token of {Provider}/{Account} that was held in memory is committed")]
    private partial void LogCommitted(string provider, string account);

    [LoggerMessage(112, LogLevel.Warning, "The token of {Provider}/{Account} that was held in memory is dropped: its row holds a newer one, or is gone")]
    private partial void LogOvertaken(string provider, string account);

    [LoggerMessage(113, LogLevel.Warning, "{Count} tokens are still held in memory only: {Error}")]
    private partial void LogStillPending(int count, string error);

    [LoggerMessage(114, LogLevel.Critical, "Stopped before the new token of {Provider}/{Account} could be committed; if the provider rotates refresh tokens, the account must be seeded again")]
    private partial void LogLost(string provider, string account);
}
