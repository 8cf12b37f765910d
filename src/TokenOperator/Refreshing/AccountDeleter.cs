using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;

namespace TokenOperator.Refreshing;

/// <summary>How an attempt to delete an account's row ended.</summary>
public abstract record DeletionOutcome
{
    private DeletionOutcome()
    {
    }

    /// <summary>The row is deleted, or stays because it is still needed. The object can be deleted.</summary>
    public sealed record Done : DeletionOutcome;

    /// <summary>Someone else works on the row or changed it. Another attempt follows.</summary>
    public sealed record Busy : DeletionOutcome;

    /// <summary>This process no longer leads.</summary>
    public sealed record LeadershipLost : DeletionOutcome;

    /// <summary>The row could not be deleted.</summary>
    /// <param name="Message">Why, for a person.</param>
    /// <param name="Rest">What can be read of a row that cannot be read as a whole; otherwise null.</param>
    public sealed record Failed(string Message, AccountRecord? Rest = null) : DeletionOutcome;
}

/// <summary>
/// Deletes rows under a claim: nobody refreshes the account in the meantime, and a leader that was paused in the middle finds its
/// successor's claim, or a row that was created again and has none.
/// </summary>
public sealed class AccountDeleter(ITokenStore store, AccountRepository accounts, ILeadershipGuard guard)
{
    private static readonly TimeSpan ClaimDuration = TimeSpan.FromMinutes(1);

    /// <summary>Deletes the row, if <paramref name="shouldDelete"/> says so, after the grant was revoked.</summary>
    /// <param name="key">The account.</param>
    /// <param name="shouldDelete">Whether the row is to be deleted.</param>
    /// <param name="revoke">Revokes the grant, and returns null, or why it could not.</param>
    /// <param name="cancellationToken">Cancels the attempt.</param>
    public async Task<DeletionOutcome> DeleteAsync(
        AccountKey key, Func<AccountRecord, bool> shouldDelete, Func<AccountRecord, Task<string?>> revoke, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(shouldDelete);
        ArgumentNullException.ThrowIfNull(revoke);
        // A refresh holds the lock while it waits for its provider.
        using var turn = accounts.TryLock(key);
        if (turn is null)
            return new DeletionOutcome.Busy();
        try
        {
            if (await accounts.ReadAsync(key, cancellationToken) is not { } record || !shouldDelete(record))
                return new DeletionOutcome.Done();
            var claim = guard.NewClaim(ClaimDuration);
            return await store.ClaimAsync(key, claim, record.Generation, cancellationToken) is { } claimed
                ? await DeleteClaimedAsync(claimed, claim, revoke, cancellationToken)
                : new DeletionOutcome.Busy();
        }
        catch (StoreUnavailableException e)
        {
            return new DeletionOutcome.Failed(e.Message);
        }
        catch (UnreadableRowException e)
        {
            return new DeletionOutcome.Failed(e.Message, e.Rest);
        }
    }

    private async Task<DeletionOutcome> DeleteClaimedAsync(AccountRecord claimed, Claim claim, Func<AccountRecord, Task<string?>> revoke, CancellationToken cancellationToken)
    {
        var isDeleted = false;
        try
        {
            if (!guard.IsLeader)
                return new DeletionOutcome.LeadershipLost();
            if (await revoke(claimed) is { } refusal)
                return new DeletionOutcome.Failed(refusal);
            isDeleted = await accounts.DeleteAsync(claimed.Key, claim, cancellationToken);
            return isDeleted ? new DeletionOutcome.Done() : new DeletionOutcome.Busy();
        }
        finally
        {
            if (!isDeleted)
                await store.ReleaseAsync(claimed.Key, claim.Id, CancellationToken.None);
        }
    }
}
