using Microsoft.Extensions.Logging;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;

namespace TokenOperator.Refreshing;

/// <summary>Writes what is not an answer of a provider: seeds, permissions, deletions. Takes turns with refreshes of the same account.</summary>
public sealed partial class AccountImporter(ITokenStore store, AccountCache cache, AccountLocks locks, ILeadershipGuard fence, ILogger<AccountImporter> log)
{
    private static readonly TimeSpan ClaimDuration = TimeSpan.FromMinutes(1);

    /// <summary>Imports <paramref name="seed"/>; gives the row that stands there in the end, whoever wrote it.</summary>
    public async Task<AccountRecord?> ImportAsync(AccountKey key, Seed seed, string ns, AccountRecord? replaces, CancellationToken ct)
    {
        using var turn = await locks.AcquireAsync(key, ct);
        var imported = await store.ImportAsync(key, seed.Token, ns, seed.Fingerprint, replaces?.Generation, ct);
        if (imported is null)
            return await cache.ReadAsync(key, ct);
        LogImported(key.Provider, key.Account, ns, replaces is null ? "a new account" : "in place of a dead token");
        return cache.Keep(imported);
    }

    /// <summary>Gives an account of nobody to namespace <paramref name="ns"/>; the row that stands there in the end.</summary>
    public async Task<AccountRecord?> AllowAsync(AccountKey key, string ns, CancellationToken ct)
    {
        using var turn = await locks.AcquireAsync(key, ct);
        if (await store.AllowByProofAsync(key, ns, ct) is not { } allowed)
            return await cache.ReadAsync(key, ct);
        LogAllowed(key.Provider, key.Account, ns);
        return cache.Keep(allowed);
    }

    /// <summary>
    /// Deletes the row, if it is to go, after <paramref name="before"/> was done with it. Both happen under a claim: nobody refreshes
    /// the account meanwhile, and a leader that was paused in the middle finds its successor's claim, or a row that was made anew
    /// and has none.
    /// </summary>
    /// <returns>False when somebody else has claimed or changed the row, and the caller should look again.</returns>
    /// <exception cref="LeadershipLostException">This process no longer leads.</exception>
    public async Task<bool> DeleteAsync(AccountKey key, Func<AccountRecord, bool> isToGo, Func<AccountRecord, Task> before, CancellationToken ct)
    {
        using var turn = await locks.AcquireAsync(key, ct);
        if (await cache.ReadAsync(key, ct) is not { } record || !isToGo(record))
            return true;
        var claim = fence.NewClaim(ClaimDuration);
        if (await store.ClaimAsync(key, claim, record.Generation, ct) is not { } claimed)
            return false;
        var isDeleted = false;
        try
        {
            fence.ThrowIfLost();
            await before(claimed);
            isDeleted = await store.DeleteAsync(key, claim.Id, ct);
        }
        finally
        {
            if (!isDeleted)
                await store.ReleaseAsync(key, claim.Id, CancellationToken.None);
        }

        if (!isDeleted)
            return false;
        cache.Forget(key);
        LogDeleted(key.Provider, key.Account);
        return true;
    }

    [LoggerMessage(121, LogLevel.Information, "Imported a refresh token for {Provider}/{Account} from namespace {Namespace}: {What}")]
    private partial void LogImported(string provider, string account, string @namespace, string what);

    [LoggerMessage(122, LogLevel.Information, "Gave {Provider}/{Account} to namespace {Namespace}, which holds the same refresh token")]
    private partial void LogAllowed(string provider, string account, string @namespace);

    [LoggerMessage(123, LogLevel.Information, "Deleted the row of {Provider}/{Account}")]
    private partial void LogDeleted(string provider, string account);
}
