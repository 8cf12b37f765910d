using Microsoft.Extensions.Logging;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;
using TokenOperator.Providers;

namespace TokenOperator.Refreshing;

/// <summary>
/// One refresh: claim in Postgres, ask the provider once, commit. Two round trips and one request, in the order that
/// loses least (docs/reliability.md). While Postgres is away, a provider that does not rotate refresh tokens is asked
/// without a claim, by the leader alone, and the commit follows.
/// </summary>
public sealed partial class AccountRefresher(
    ITokenStore store,
    ProviderRegistry providers,
    AccountCache cache,
    AccountLocks locks,
    PendingCommits pending,
    RejectedClients rejected,
    RateLimits limits,
    ILeadershipGuard fence,
    TimeProvider time,
    Random dice,
    ILogger<AccountRefresher> log)
{
    /// <summary>How much longer than the provider's timeout a claim holds: a claim and a commit take 10 s each at most.</summary>
    public static readonly TimeSpan ClaimMargin = TimeSpan.FromSeconds(30);

    /// <summary>Asks the provider unless somebody was faster.</summary>
    /// <param name="seen">The row that the decision to refresh was made on.</param>
    /// <param name="client">With which client.</param>
    /// <param name="inputs">Fingerprint of client and refresh token, kept with a failure.</param>
    /// <param name="ct">Honoured until the request is sent.</param>
    /// <returns>The row after it: refreshed, failed, or as another one left it. Null when it is gone.</returns>
    /// <exception cref="StoreUnavailableException">The claim could not be written, and the provider rotates refresh tokens: it was not asked.</exception>
    /// <exception cref="ClaimHeldException">Another holder's claim is open.</exception>
    /// <exception cref="PermitPendingException">The provider's rate limit is reached: nothing was claimed, and the account is queued when it is its turn.</exception>
    public async Task<AccountRecord?> RefreshAsync(AccountRecord seen, OAuthClient client, string inputs, CancellationToken ct)
    {
        using var turn = await locks.AcquireAsync(seen.Key, ct);
        if (IsNewer(cache.Peek(seen.Key), seen))
            return cache.Peek(seen.Key);
        if (limits.TryAcquire(seen) is { } wait)
            throw new PermitPendingException(seen.Key, wait);

        var isSent = false;
        try
        {
            return await ClaimAndAskAsync(seen, client, inputs, () => isSent = true, ct);
        }
        finally
        {
            if (!isSent)
                limits.Return(seen);
        }
    }

    private async Task<AccountRecord?> ClaimAndAskAsync(AccountRecord seen, OAuthClient client, string inputs, Action sending, CancellationToken ct)
    {
        var claim = fence.NewClaim(providers.Find(seen.Key.Provider)!.Timeout + ClaimMargin);
        AccountRecord? claimed;
        try
        {
            if (pending.Find(seen.Key) is { } held)
            {
                if (await pending.CommitAsync(held, ct) is not { } committed)
                    return await cache.ReadAsync(seen.Key, ct);
                seen = cache.Keep(committed);
            }

            claimed = await store.ClaimAsync(seen.Key, claim, seen.Generation, ct);
        }
        catch (StoreUnavailableException e) when (MayBeAskedUnclaimed(seen))
        {
            return await AskUnclaimedAsync(seen with { OpenClaim = null }, claim, client, inputs, e.Message, sending, ct);
        }

        if (claimed is null)
        {
            var current = await cache.ReadAsync(seen.Key, ct);
            return current is null || IsNewer(current, seen) ? current : throw new ClaimHeldException(seen.Key);
        }

        // The claim is this process's own from here on: what is remembered of the row must not look abandoned.
        claimed = claimed with { OpenClaim = null };

        // An app that still writes this table does not count generations: what it wrote is not to be asked for again.
        if (claimed.Token.RefreshToken is not { } refreshToken || !refreshToken.Equals(seen.Token.RefreshToken))
        {
            await store.ReleaseAsync(seen.Key, claim.Id, ct);
            return cache.Keep(claimed);
        }

        if (!fence.Holds)
        {
            await store.ReleaseAsync(seen.Key, claim.Id, ct);
            throw NotLeading(seen.Key);
        }

        sending();
        var sentAt = time.GetUtcNow();
        var answer = await providers.Find(seen.Key.Provider)!.RefreshAsync(client, refreshToken, ct);
        return answer switch
        {
            TokenResponse.Granted granted => await KeepAsync(claimed, claim, client, Merge(claimed.Token, granted, sentAt), sentAt),
            TokenResponse.Failed failed => await FailAsync(claimed, claim, client, failed, inputs),
            _ => throw new InvalidOperationException($"Provider {seen.Key.Provider} gave an answer of an unknown kind."),
        };
    }

    /// <summary>
    /// A provider that does not rotate can be asked while nothing can be written: its answer is no loss if this process ends.
    /// One that has sent a new refresh token all the same is taken by its deeds.
    /// </summary>
    private bool MayBeAskedUnclaimed(AccountRecord seen) =>
        !providers.Find(seen.Key.Provider)!.RotatesRefreshTokens && seen.Token.RefreshToken is not null && pending.Find(seen.Key)?.HoldsNewRefreshToken != true;

    private async Task<AccountRecord?> AskUnclaimedAsync(
        AccountRecord seen, Claim claim, OAuthClient client, string inputs, string why, Action sending, CancellationToken ct)
    {
        if (!fence.Holds)
            throw NotLeading(seen.Key);
        sending();
        var sentAt = time.GetUtcNow();
        var answer = await providers.Find(seen.Key.Provider)!.RefreshAsync(client, seen.Token.RefreshToken!, ct);
        var token = answer switch
        {
            TokenResponse.Granted granted => Merge(seen.Token, granted, sentAt),
            TokenResponse.Failed { RefreshToken: { } rotated } => seen.Token with { RefreshToken = rotated },
            _ => null,
        };
        var after = seen;
        if (token is not null)
        {
            var held = pending.Find(seen.Key);
            var id = held?.ClaimId ?? claim.Id;
            var commit = new PendingCommit(held?.Claimed ?? seen, id, token, sentAt) { Unwritten = claim with { Id = id }, Generation = seen.Generation + 1 };
            if (commit.HoldsNewRefreshToken)
                LogRotatedUnexpectedly(seen.Key.Provider, seen.Key.Account, why);
            else
                LogRefreshedUnclaimed(seen.Key.Provider, seen.Key.Account, why);
            pending.Add(commit);
            after = commit.Record;
        }

        if (answer is TokenResponse.Failed failed)
            return cache.Hold(after with { Failure = Count(seen, client, failed, inputs) });
        rejected.Accept(seen.Key.Provider, client);
        return cache.Hold(after);
    }

    private static LeadershipLostException NotLeading(AccountKey key) =>
        new($"This process no longer leads; {key} is left to the one that does.");

    /// <summary>The answer belongs to us now: nothing may cancel keeping it.</summary>
    private async Task<AccountRecord?> KeepAsync(AccountRecord claimed, Claim claim, OAuthClient client, TokenSet token, DateTimeOffset at)
    {
        rejected.Accept(claimed.Key.Provider, client);
        var commit = new PendingCommit(claimed, claim.Id, token, at);
        try
        {
            var committed = await store.CommitAsync(claimed.Key, claim.Id, claimed.Generation, token, at, CancellationToken.None);
            if (committed is not null)
            {
                LogRefreshed(claimed.Key.Provider, claimed.Key.Account, Timestamps.Format(token.ExpiresAt));
                if (claimed.Failure is { } over)
                    LogRecovered(claimed.Key.Provider, claimed.Key.Account, over.Count, over.Kind);
                return cache.Keep(committed);
            }

            // Another process took over, or a Postgres that failed over has forgotten the claim: unless something newer stands
            // there, this is the only good token.
            LogFenced(claimed.Key.Provider, claimed.Key.Account);
            pending.Add(commit with { Unwritten = claim });
            return await cache.ReadAsync(claimed.Key, CancellationToken.None);
        }
        catch (Exception e) when (e is StoreUnavailableException or UnreadableRowException)
        {
            LogUncommitted(claimed.Key.Provider, claimed.Key.Account, e.Message);
            pending.Add(commit);
            return cache.Hold(commit.Record);
        }
    }

    private async Task<AccountRecord?> FailAsync(AccountRecord claimed, Claim claim, OAuthClient client, TokenResponse.Failed failed, string inputs)
    {
        var failure = Count(claimed, client, failed, inputs);
        try
        {
            if (failed.RefreshToken is { } rotated)
            {
                // Of no use but for its refresh token, and the old one may be dead from now on: kept first, whatever else.
                var kept = await KeepAsync(claimed, claim, client, claimed.Token with { RefreshToken = rotated }, failure.At);
                return kept is null ? null : cache.Hold(kept with { Failure = failure });
            }

            return await store.FailAsync(claimed.Key, claim.Id, failure, CancellationToken.None) is { } recorded
                ? cache.Keep(recorded)
                : await cache.ReadAsync(claimed.Key, CancellationToken.None);
        }
        catch (StoreUnavailableException e)
        {
            // No token is at stake: remembering the failure in memory keeps the backoff, and the claim ends by itself.
            LogFailureNotRecorded(claimed.Key.Provider, claimed.Key.Account, e.Message);
            return cache.Hold(claimed with { Failure = failure });
        }
    }

    private RefreshFailure Count(AccountRecord before, OAuthClient client, TokenResponse.Failed failed, string inputs)
    {
        // By the account's own time, which a clock that was set back does not change.
        var now = cache.Now(before.Key);
        var count = (before.Failure?.Count ?? 0) + 1;
        var wait = RefreshPolicy.Backoff(failed.Kind, count, failed.RetryAfter, dice.NextDouble());
        var retryAt = now + wait;
        LogFailed(before.Key.Provider, before.Key.Account, failed.Kind, failed.Detail, count, Timestamps.Format(retryAt));
        if (failed.Kind == FailureKind.ClientRejected)
            rejected.Reject(before.Key.Provider, client, time.GetUtcNow() + wait);
        return new RefreshFailure(failed.Kind, failed.Detail, count, now, retryAt, inputs);
    }

    /// <summary>RFC 6749 section 6: a refresh token missing from the reply is kept, a new one replaces it; section 5.1: so with the scopes.</summary>
    private static TokenSet Merge(TokenSet old, TokenResponse.Granted granted, DateTimeOffset sentAt) => new()
    {
        RefreshToken = granted.RefreshToken ?? old.RefreshToken,
        AccessToken = granted.AccessToken,
        TokenType = granted.TokenType,
        Scopes = granted.Scopes ?? old.Scopes,
        IssuedAt = sentAt,
        ExpiresAt = sentAt + granted.ExpiresIn,
        RefreshTokenExpiresAt = granted.RefreshTokenExpiresIn is { } life
            ? sentAt + life
            : granted.RefreshToken is null ? old.RefreshTokenExpiresAt : null,
    };

    private static bool IsNewer(AccountRecord? current, AccountRecord seen) =>
        current is not null && (current.Generation != seen.Generation || (current.Failure is { } failure && failure != seen.Failure));

    [LoggerMessage(101, LogLevel.Debug, "Refreshed {Provider}/{Account}, valid until {ExpiresAt}")]
    private partial void LogRefreshed(string provider, string account, string? expiresAt);

    [LoggerMessage(108, LogLevel.Information, "Refreshed {Provider}/{Account} again, after {Count} failures, the last of them {Kind}")]
    private partial void LogRecovered(string provider, string account, int count, FailureKind kind);

    [LoggerMessage(102, LogLevel.Warning, "Refreshing {Provider}/{Account} failed: {Kind} ({Detail}), {Count} in a row; asked again at {RetryAt}")]
    private partial void LogFailed(string provider, string account, FailureKind kind, string detail, int count, string retryAt);

    [LoggerMessage(103, LogLevel.Error, "The new token of {Provider}/{Account} is held in memory only: {Error}. It is published, and committed as soon as Postgres can be used; do not stop the operator before")]
    private partial void LogUncommitted(string provider, string account, string error);

    [LoggerMessage(104, LogLevel.Warning, "The claim on {Provider}/{Account} was gone when its new token was to be committed: another process took over, or Postgres failed over and forgot it. The token is committed unless a newer one stands there")]
    private partial void LogFenced(string provider, string account);

    [LoggerMessage(106, LogLevel.Warning, "Refreshed {Provider}/{Account} without a claim: {Error}. The token is held in memory, published, and committed as soon as Postgres can be used")]
    private partial void LogRefreshedUnclaimed(string provider, string account, string error);

    [LoggerMessage(107, LogLevel.Critical, "The provider of {Provider}/{Account} sent a new refresh token, which is held in memory only: {Error}. Do not stop the operator before Postgres can be used, and set Providers__{Provider}__RotatesRefreshTokens to true")]
    private partial void LogRotatedUnexpectedly(string provider, string account, string error);

    [LoggerMessage(105, LogLevel.Warning, "The failure of {Provider}/{Account} could not be recorded: {Error}")]
    private partial void LogFailureNotRecorded(string provider, string account, string error);
}

/// <summary>Somebody else's claim on the account is open; looking again in a few seconds shows its outcome.</summary>
public sealed class ClaimHeldException(AccountKey key) : Exception($"Another process is refreshing {key}.");

/// <summary>The provider's rate limit is reached.</summary>
public sealed class PermitPendingException(AccountKey key, TimeSpan wait) : Exception($"{key} waits for the rate limit of its provider.")
{
    /// <summary>How long its turn is away at most.</summary>
    public TimeSpan Wait { get; } = wait;
}
