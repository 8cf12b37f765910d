using System.Collections.Concurrent;
using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;

namespace TokenOperator.Refreshing;

/// <summary>A token that the provider handed out and Postgres does not have yet.</summary>
/// <param name="Claimed">The row in Postgres that it follows.</param>
/// <param name="ClaimId">The claim, or what stands for it when none could be written.</param>
/// <param name="Token">The new tokens.</param>
/// <param name="RefreshedAt">When they were handed out.</param>
public sealed record PendingCommit(AccountRecord Claimed, Guid ClaimId, TokenSet Token, DateTimeOffset RefreshedAt)
{
    /// <summary>The claim if it could not be written, else null.</summary>
    public Claim? Unwritten { get; init; }

    /// <summary>The generation that the row will have: one more for each answer since <see cref="Claimed"/>.</summary>
    public long Generation { get; init; } = Claimed.Generation + 1;

    /// <summary>The row as it will be.</summary>
    public AccountRecord Record => Over(Claimed);

    /// <summary>True when losing it loses a refresh token that is nowhere else.</summary>
    public bool HoldsNewRefreshToken => Token.RefreshToken is { } held && !held.Equals(Claimed.Token.RefreshToken);

    /// <summary><paramref name="row"/>, read from Postgres, as it will be after this commit; itself when it is not the one that this follows.</summary>
    public AccountRecord Over(AccountRecord row) => row.Generation != Claimed.Generation
        ? row
        : row with { Token = Token, Generation = Generation, LastRefreshAt = RefreshedAt, Failure = null, OpenClaim = null };
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

    /// <summary>What is held for the account, or null.</summary>
    public PendingCommit? Find(AccountKey key) => _pending.GetValueOrDefault(key);

    /// <summary>Takes over a token.</summary>
    public void Add(PendingCommit commit)
    {
        _pending[commit.Claimed.Key] = commit;
        _added.Writer.TryWrite(true);
    }

    /// <summary>
    /// Takes over a token that Postgres has acknowledged and forgotten: it failed over to a standby that lagged behind, or a backup was
    /// restored. What is held for the account already is newer still, and stays.
    /// </summary>
    /// <param name="row">What stands there now.</param>
    /// <param name="forgotten">What stood there.</param>
    /// <param name="claim">Of this process, which leads.</param>
    public void AddForgotten(AccountRecord row, AccountRecord forgotten, Claim claim)
    {
        LogForgotten(row.Key.Provider, row.Key.Account, row.Generation, forgotten.Generation);
        var held = Find(row.Key) ?? new PendingCommit(row, claim.Id, forgotten.Token, forgotten.LastRefreshAt ?? time.GetUtcNow()) { Generation = forgotten.Generation };
        Add(held with { Claimed = row, ClaimId = claim.Id, Unwritten = claim });
    }

    /// <summary>Tries the account's commit now; the row that stands there then, or null when that is another by now or gone.</summary>
    /// <exception cref="StoreUnavailableException">It is still held.</exception>
    public async Task<AccountRecord?> CommitAsync(PendingCommit commit, CancellationToken ct)
    {
        var key = commit.Claimed.Key;
        var record = commit.Unwritten is { } claim
            ? await store.CommitUnclaimedAsync(key, claim, commit.Claimed.Generation, commit.Generation, commit.Token, commit.RefreshedAt, ct)
            : await store.CommitAsync(key, commit.ClaimId, commit.Claimed.Generation, commit.Token, commit.RefreshedAt, ct);
        // Unless a newer token has taken its place meanwhile, which speaks for itself.
        if (!_pending.TryRemove(KeyValuePair.Create(key, commit)))
            return record;
        if (record is null)
            LogOvertaken(key.Provider, key.Account);
        else
            LogCommitted(key.Provider, key.Account);
        Settled?.Invoke(key, record);
        return record;
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
        // First what exists nowhere else.
        foreach (var commit in _pending.Values.OrderByDescending(commit => commit.HoldsNewRefreshToken))
        {
            try
            {
                await CommitAsync(commit, ct);
            }
            catch (Exception e) when (e is StoreUnavailableException or OperationCanceledException)
            {
                LogStillPending(_pending.Count, e.Message);
                return;
            }
            catch (UnreadableRowException e)
            {
                // Somebody wrote over the row by hand: the token stays here until they have mended it.
                LogStillPending(_pending.Count, e.Message);
            }
#pragma warning disable CA1031 // What is held here may be nowhere else: no fault of one commit may end the tries of all.
            catch (Exception e)
            {
                LogThrew(e, commit.Claimed.Key.Provider, commit.Claimed.Key.Account);
            }
#pragma warning restore CA1031
        }
    }

    private static TimeSpan Longer(TimeSpan wait) => wait * 2 < LongestWait ? wait * 2 : LongestWait;

    [LoggerMessage(111, LogLevel.Information, "The token of {Provider}/{Account} that was held in memory is committed")]
    private partial void LogCommitted(string provider, string account);

    [LoggerMessage(112, LogLevel.Warning, "The token of {Provider}/{Account} that was held in memory is dropped: its row holds a newer one, or is gone")]
    private partial void LogOvertaken(string provider, string account);

    [LoggerMessage(113, LogLevel.Warning, "{Count} tokens are still held in memory only: {Error}")]
    private partial void LogStillPending(int count, string error);

    [LoggerMessage(115, LogLevel.Error, "Committing the token of {Provider}/{Account} that is held in memory threw; it is tried again")]
    private partial void LogThrew(Exception exception, string provider, string account);

    [LoggerMessage(116, LogLevel.Error, "Postgres holds {Provider}/{Account} as it was before (generation {Found}, where it had acknowledged {Acknowledged}): it failed over to a standby that lagged behind, or a backup was restored. The newer token is written again")]
    private partial void LogForgotten(string provider, string account, long found, long acknowledged);

    [LoggerMessage(114, LogLevel.Critical, "Stopped before the new token of {Provider}/{Account} could be committed; if the provider rotates refresh tokens, the account must be seeded again")]
    private partial void LogLost(string provider, string account);
}
