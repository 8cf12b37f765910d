using Microsoft.Extensions.Logging;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;
using TokenOperator.Providers;

namespace TokenOperator.Refreshing;

/// <summary>
/// One refresh: claim in Postgres, ask the provider once, commit. This takes two round trips and one request, in the order that loses
/// least (docs/reliability.md). While Postgres is unavailable, the leader asks a provider that does not rotate refresh tokens without a
/// claim, and commits later.
/// </summary>
public sealed partial class AccountRefresher(
    ITokenStore store,
    AccountRepository accounts,
    RejectedClients rejected,
    ILeadershipGuard guard,
    TimeProvider time,
    Random random,
    ILogger<AccountRefresher> logger)
{
    /// <summary>How much longer than the provider's timeout a claim lasts: a claim and a commit take 10 s each at most.</summary>
    public static readonly TimeSpan ClaimMargin = TimeSpan.FromSeconds(30);

    /// <summary>Asks the provider, unless someone was faster.</summary>
    /// <param name="provider">The account's provider.</param>
    /// <param name="request">Who asks for what.</param>
    /// <param name="cancellationToken">Honoured until the request is sent.</param>
    public async Task<RefreshOutcome> RefreshAsync(ITokenProvider provider, RefreshRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(provider);
        ArgumentNullException.ThrowIfNull(request);
        var seen = request.Account;
        using var turn = await accounts.LockAsync(seen.Key, cancellationToken);
        if (accounts.TryGet(seen.Key)?.Record is { } current && IsNewer(current, seen))
            return new RefreshOutcome.Superseded(current);
        var attempt = new RefreshAttempt(provider, request, guard.NewClaim(provider.Timeout + ClaimMargin));
        var claimed = await ClaimAsync(attempt, seen, cancellationToken);
        return claimed.Ended ?? await AskAsync(attempt, claimed.Row!, claimed.IsWritten, cancellationToken);
    }

    /// <summary>Claims the row, if the store can be used. Otherwise the attempt continues without a claim, or ends.</summary>
    private async Task<ClaimResult> ClaimAsync(RefreshAttempt attempt, AccountRecord seen, CancellationToken cancellationToken)
    {
        var isAnswered = false;
        try
        {
            if (accounts.FindPending(seen.Key) is { } held)
            {
                if (await accounts.CommitAsync(held, cancellationToken) is not { } committed)
                {
                    isAnswered = true;
                    return ClaimResult.End(new RefreshOutcome.Superseded(await accounts.ReadAsync(seen.Key, cancellationToken)));
                }

                seen = accounts.Set(committed);
            }

            var claimed = await store.ClaimAsync(seen.Key, attempt.Claim, seen.Generation, cancellationToken);
            isAnswered = true;
            return claimed is null ? await ExplainAsync(seen, cancellationToken) : await VerifyAsync(attempt, seen, claimed, cancellationToken);
        }
        // Once Postgres has answered that someone else holds the row, the provider is not asked, whatever fails after that.
        catch (StoreUnavailableException e) when (!isAnswered && CanAskUnclaimed(attempt, seen))
        {
            LogUnclaimed(seen.Key.Provider, seen.Key.Account, e.Message);
            return new ClaimResult(seen with { OpenClaim = null }, IsWritten: false);
        }
        catch (StoreUnavailableException e)
        {
            return ClaimResult.End(new RefreshOutcome.NotStored(new AccountLookup.Unavailable(e.Message)));
        }
        catch (UnreadableRowException e)
        {
            return ClaimResult.End(new RefreshOutcome.NotStored(new AccountLookup.Unreadable(e.Message, e.Rest)));
        }
    }

    /// <summary>Says why the row could not be claimed: it has changed or is gone, or another holder's claim is open.</summary>
    private async Task<ClaimResult> ExplainAsync(AccountRecord seen, CancellationToken cancellationToken)
    {
        var current = await accounts.ReadAsync(seen.Key, cancellationToken);
        return ClaimResult.End(current is null || IsNewer(current, seen) ? new RefreshOutcome.Superseded(current) : new RefreshOutcome.ClaimHeld());
    }

    /// <summary>Checks that the claimed row still holds the refresh token on which the decision to refresh was made.</summary>
    private async Task<ClaimResult> VerifyAsync(RefreshAttempt attempt, AccountRecord seen, AccountRecord claimed, CancellationToken cancellationToken)
    {
        // The claim is this process's own from here on: what is remembered of the row must not look abandoned.
        claimed = claimed with { OpenClaim = null };

        // An app that still writes this table does not count generations: the provider must not be asked with the old token.
        var hasForgottenAccess = accounts.HasForgottenAccess(claimed);
        if (!hasForgottenAccess && (!attempt.IsConsented || (claimed.Token.GrantToken is { } grant && grant.Equals(seen.Token.GrantToken))))
            return new ClaimResult(claimed, IsWritten: true);
        await store.ReleaseAsync(seen.Key, attempt.Claim.Id, cancellationToken);
        if (hasForgottenAccess)
            return ClaimResult.End(new RefreshOutcome.Superseded(await accounts.ReadAsync(seen.Key, cancellationToken)));
        return ClaimResult.End(new RefreshOutcome.Superseded(accounts.Set(claimed)));
    }

    /// <summary>
    /// A provider that does not rotate can be asked while nothing can be written: its answer is no loss if this process ends. A provider
    /// that sent a new refresh token anyway is treated as one that rotates.
    /// </summary>
    private bool CanAskUnclaimed(RefreshAttempt attempt, AccountRecord seen) =>
        !attempt.CanRotate && (!attempt.IsConsented || seen.Token.GrantToken is not null) && accounts.FindPending(seen.Key)?.HoldsNewRefreshToken != true;

    private async Task<RefreshOutcome> AskAsync(RefreshAttempt attempt, AccountRecord row, bool isClaimed, CancellationToken cancellationToken)
    {
        if (!guard.IsLeader)
        {
            if (isClaimed)
                await store.ReleaseAsync(row.Key, attempt.Claim.Id, cancellationToken);
            return new RefreshOutcome.LeadershipLost();
        }

        // The policy decided this, too, but the row and the document can have changed since.
        if (!attempt.Provider.Document.TakesAccountsFrom(row.Token.TokenHost))
        {
            if (!isClaimed)
                return new RefreshOutcome.Withdrawn();
            await store.ReleaseAsync(row.Key, attempt.Claim.Id, cancellationToken);
            return new RefreshOutcome.Superseded(accounts.Set(row));
        }

        var (sentAt, askedAt) = (time.GetUtcNow(), accounts.Now(row.Key));
        var response = await attempt.Provider.RefreshAsync(attempt.ToGrantRequest(row.Token), cancellationToken);
        // The response belongs to this process now: nothing may cancel storing it.
        if (isClaimed && response is TokenResponse.Failed { Kind: FailureKind.ReauthorizationRequired } && await IsReplacedAsync(row, attempt.Claim))
            return new RefreshOutcome.Superseded(await accounts.ReadAsync(row.Key, CancellationToken.None)) { IsAsked = true };
        var failure = response is TokenResponse.Failed failed ? Count(row, attempt, failed, askedAt) : null;
        if (response is TokenResponse.Granted && attempt.Client is { } accepted)
            rejected.Accept(row.Key.Provider, accepted);
        var token = response switch
        {
            TokenResponse.Granted granted => Merge(row.Token, granted, attempt, sentAt),
            TokenResponse.StillValid => row.Token with { CheckedAt = sentAt },
            // Useful only for its refresh token. The old one can be dead from now on.
            TokenResponse.Failed { RefreshToken: { } rotated } => row.Token with { RefreshToken = rotated, TokenHost = attempt.Provider.Document.TokenHost },
            _ => null,
        };
        var kept = (token, isClaimed) switch
        {
            ({ }, true) => await CommitAsync(row, attempt.Claim, token, failure?.At ?? sentAt),
            ({ }, false) => HoldUncommitted(row, attempt, token, sentAt),
            (null, true) => await RecordFailureAsync(row, attempt.Claim, failure!),
            _ => row,
        };
        var isRecorded = token is null && isClaimed;
        return new RefreshOutcome.Asked(kept is null || failure is null || isRecorded ? kept : accounts.SetUncommitted(kept with { Failure = failure }));
    }

    /// <summary>
    /// True if the row holds another token by now than the one that the provider rejected, or is gone: someone else refreshed with it, and
    /// the answer says nothing about the token that counts. The claim is then ended.
    /// </summary>
    private async Task<bool> IsReplacedAsync(AccountRecord asked, Claim claim)
    {
        try
        {
            if (await store.FindAsync(asked.Key, CancellationToken.None) is not { } current)
                return true;
            if (asked.Token.GrantToken!.Equals(current.Token.GrantToken))
                return false;
            LogReplaced(asked.Key.Provider, asked.Key.Account);
            await store.ReleaseAsync(asked.Key, claim.Id, CancellationToken.None);
            return true;
        }
        catch (Exception e) when (e is StoreUnavailableException or UnreadableRowException)
        {
            return false;
        }
    }

    private async Task<AccountRecord?> CommitAsync(AccountRecord claimed, Claim claim, TokenSet token, DateTimeOffset at)
    {
        var (key, commit) = (claimed.Key, new PendingCommit(claimed, claim.Id, token, at));
        try
        {
            if (await store.CommitAsync(key, claim.Id, claimed.Generation, token, at, CancellationToken.None) is { } committed)
            {
                LogRefreshed(key.Provider, key.Account, Timestamps.Format(token.ExpiresAt));
                if (claimed.Failure is { } over)
                    LogRecovered(key.Provider, key.Account, over.Count, over.Kind);
                return accounts.Set(committed);
            }

            // Another process took over, or a Postgres that failed over forgot the claim: unless something newer stands there,
            // this is the only good token.
            LogFenced(key.Provider, key.Account);
            commit = commit with { Unwritten = claim };
            accounts.AddPending(commit);
            return await accounts.ReadAsync(key, CancellationToken.None);
        }
        catch (Exception e) when (e is StoreUnavailableException or UnreadableRowException)
        {
            LogUncommitted(key.Provider, key.Account, e.Message);
            accounts.AddPending(commit);
            return accounts.SetUncommitted(commit.Record);
        }
    }

    private AccountRecord HoldUncommitted(AccountRecord row, RefreshAttempt attempt, TokenSet token, DateTimeOffset at)
    {
        var claim = attempt.Claim;
        var held = accounts.FindPending(row.Key);
        var id = held?.ClaimId ?? claim.Id;
        var commit = new PendingCommit(held?.Claimed ?? row, id, token, at) { Unwritten = claim with { Id = id }, Generation = row.Generation + 1 };
        if (commit.HoldsNewRefreshToken)
            LogRotatedUnexpectedly(row.Key.Provider, row.Key.Account, attempt.Provider.Document.PlaceOf("rotation.mode"));
        else
            LogRefreshedUnclaimed(row.Key.Provider, row.Key.Account);
        accounts.AddPending(commit);
        return accounts.SetUncommitted(commit.Record);
    }

    private async Task<AccountRecord?> RecordFailureAsync(AccountRecord claimed, Claim claim, RefreshFailure failure)
    {
        try
        {
            return await store.FailAsync(claimed.Key, claim.Id, failure, CancellationToken.None) is { } recorded
                ? accounts.Set(recorded)
                : await accounts.ReadAsync(claimed.Key, CancellationToken.None);
        }
        catch (StoreUnavailableException e)
        {
            // No token is at stake: the failure in memory keeps the backoff, and the claim expires.
            LogFailureNotRecorded(claimed.Key.Provider, claimed.Key.Account, e.Message);
            return accounts.SetUncommitted(claimed with { Failure = failure });
        }
    }

    /// <summary>The failure with those before it. <paramref name="askedAt"/> is when the request was sent, by the account's own time.</summary>
    private RefreshFailure Count(AccountRecord before, RefreshAttempt attempt, TokenResponse.Failed failed, DateTimeOffset askedAt)
    {
        // By the account's own time, which setting the clock back does not change.
        var now = accounts.Now(before.Key);
        // What comes during an outage says nothing about an answer that needs someone to act, and the other way round.
        var previous = before.Failure is { } last && last.Kind.NeedsHuman() == failed.Kind.NeedsHuman() ? last : null;
        var count = (previous?.Count ?? 0) + 1;
        var unanswered = UnansweredSince(before, attempt, failed, askedAt);
        var wait = failed.Kind.NeedsHuman()
            ? RefreshPolicy.ProbeAfter(failed.Kind, previous, attempt.CanRotate, attempt.Request.IsRequested, random.NextDouble())
            : RefreshPolicy.Backoff(count, failed.RetryAfter, random.NextDouble(), failed.HasUnknownCode);
        var retryAt = new[] { now + wait, now + (failed.MinDelay ?? TimeSpan.Zero), now + attempt.Provider.Document.Limits.MinInterval }.Max();
        // A provider that ends the grant also ends the access token, which the app can still use until it expires.
        if (unanswered is { } lost && !attempt.Provider.Document.Rotation.MayReplay(retryAt - lost) && before.Token.ExpiresAt > retryAt)
            retryAt = before.Token.ExpiresAt.Value;
        LogFailed(before.Key.Provider, before.Key.Account, failed.Kind, failed.Detail, count, Timestamps.Format(retryAt));
        if (failed.Kind == FailureKind.ClientRejected && attempt.Client is { } client)
            rejected.Reject(before, client);
        return new RefreshFailure(failed.Kind, failed.Detail, count, now, retryAt, attempt.Request.Inputs) { Since = previous?.Since ?? askedAt, UnansweredSince = unanswered };
    }

    /// <summary>
    /// Since when the provider may have replaced the refresh token without this process knowing the new one; null if it cannot have. A lost answer
    /// may have used up the refresh token when the request was sent, and not when the wait for the answer ended. A process that died in the middle of
    /// a refresh may have sent a request, too.
    /// </summary>
    private static DateTimeOffset? UnansweredSince(AccountRecord before, RefreshAttempt attempt, TokenResponse.Failed failed, DateTimeOffset askedAt) =>
        !attempt.IsConsented || failed.RefreshToken is not null ? null
        : before.Failure?.UnansweredSince is { } known ? known
        : attempt.Request.Account is { OpenClaim.At: var abandonedAt } seen && seen.Generation == before.Generation ? abandonedAt
        : failed.IsUnanswered ? askedAt
        : null;

    /// <summary>RFC 6749 section 6: the old refresh token stays if the response has none. Section 5.1: the same holds for scopes.</summary>
    private static TokenSet Merge(TokenSet old, TokenResponse.Granted granted, RefreshAttempt attempt, DateTimeOffset sentAt)
    {
        // Scopes, type and exported values are shown. What has not changed was checked before.
        if (granted.TokenType != old.TokenType || granted.Exports.Count > 0 || (granted.Scopes is { } scopes && !scopes.SequenceEqual(old.Scopes)))
            granted = granted.WithoutEchoes(attempt.Client?.ClientSecret, attempt.Request.Key?.Secret, old.RefreshToken, granted.RefreshToken, granted.AccessToken);
        return new TokenSet
        {
            RefreshToken = granted.RefreshToken ?? old.RefreshToken,
            AccessToken = granted.AccessToken,
            TokenType = granted.TokenType,
            // A token of another grant has nothing to do with the one before.
            Scopes = granted.Scopes ?? (attempt.IsConsented ? old.Scopes : []),
            GrantInputs = attempt.Request.GrantInputs,
            IssuedAt = sentAt,
            ExpiresAt = sentAt + granted.ExpiresIn,
            NeverExpires = granted.ExpiresIn is null,
            ConsentedAt = old.ConsentedAt,
            RefreshTokenExpiresAt = !attempt.IsConsented ? null
                : granted.RefreshTokenExpiresIn is { } life ? sentAt + life
                : RefreshPolicy.ConsentEnd(old.ConsentedAt, sentAt, attempt.Provider.Document.RefreshToken.Idle, attempt.Provider.Document.RefreshToken.Absolute)
                    ?? (granted.RefreshToken is null ? old.RefreshTokenExpiresAt : null),
            Exports = attempt.Provider.Document.MergeExports(old.Exports, granted.Exports),
            TokenHost = attempt.Provider.Document.TokenHost,
        };
    }

    private static bool IsNewer(AccountRecord current, AccountRecord seen) =>
        current.Generation != seen.Generation || (current.Failure is { } failure && failure != seen.Failure);

    /// <summary>What stays the same during one attempt.</summary>
    private sealed record RefreshAttempt(ITokenProvider Provider, RefreshRequest Request, Claim Claim)
    {
        public OAuthClient? Client => Request.Client;

        /// <summary>True if there is a refresh token, or another one that stands for the consent.</summary>
        public bool IsConsented => Request.Grant.NeedsConsent;

        /// <summary>True if the response can replace the refresh token, so that losing it can lose the grant.</summary>
        public bool CanRotate => IsConsented && Provider.RotatesRefreshTokens;

        public GrantRequest ToGrantRequest(TokenSet token) => new(Client, token) { Grant = Request.Grant, Key = Request.Key, Scopes = Request.Scopes };
    }

    /// <summary>Either the row to ask with, under a claim that was written or not, or how the attempt ended.</summary>
    private readonly record struct ClaimResult(AccountRecord? Row, bool IsWritten, RefreshOutcome? Ended = null)
    {
        public static ClaimResult End(RefreshOutcome outcome) => new(null, IsWritten: false, outcome);
    }

    [LoggerMessage(101, LogLevel.Debug, "Refreshed {Provider}/{Account}, valid until {ExpiresAt}")]
    private partial void LogRefreshed(string provider, string account, string? expiresAt);

    [LoggerMessage(102, LogLevel.Warning, "Refreshing {Provider}/{Account} failed: {Kind} ({Detail}), {Count} in a row; the next attempt is at {RetryAt}")]
    private partial void LogFailed(string provider, string account, FailureKind kind, string detail, int count, string retryAt);

    [LoggerMessage(103, LogLevel.Error, "The new token of {Provider}/{Account} is in memory only: {Error}. The operator publishes it, and commits it as soon as Postgres can be used. Do not stop the operator before then")]
    private partial void LogUncommitted(string provider, string account, string error);

    [LoggerMessage(104, LogLevel.Warning, "The claim on {Provider}/{Account} was gone when its new token was to be committed: another process took over, or Postgres failed over and forgot it. The operator commits the token unless the row holds a newer one")]
    private partial void LogFenced(string provider, string account);

    [LoggerMessage(105, LogLevel.Warning, "The failure of {Provider}/{Account} could not be recorded: {Error}")]
    private partial void LogFailureNotRecorded(string provider, string account, string error);

    [LoggerMessage(106, LogLevel.Warning, "Refreshed {Provider}/{Account} without a claim. The token is in memory only. The operator publishes it, and commits it as soon as Postgres can be used")]
    private partial void LogRefreshedUnclaimed(string provider, string account);

    [LoggerMessage(107, LogLevel.Critical, "The provider of {Provider}/{Account} sent a new refresh token, which is in memory only. Do not stop the operator before Postgres can be used, and correct {RotationMode}: this provider can replace a refresh token")]
    private partial void LogRotatedUnexpectedly(string provider, string account, string rotationMode);

    [LoggerMessage(108, LogLevel.Information, "Refreshed {Provider}/{Account} again after {Count} failures, the last of them {Kind}")]
    private partial void LogRecovered(string provider, string account, int count, FailureKind kind);

    [LoggerMessage(110, LogLevel.Information, "The provider rejected the refresh token of {Provider}/{Account}, but the row holds another one by now. The operator continues with that one")]
    private partial void LogReplaced(string provider, string account);

    [LoggerMessage(109, LogLevel.Warning, "The claim of {Provider}/{Account} could not be written: {Error}. Its provider does not rotate refresh tokens, so the operator asks it anyway")]
    private partial void LogUnclaimed(string provider, string account, string error);
}
