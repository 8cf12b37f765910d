using System.Runtime.CompilerServices;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;

namespace TokenOperator.Tests.Refreshing;

/// <summary>A store with one row in memory and faults at exact moments that a real database cannot produce.</summary>
internal sealed class MemoryStore(AccountRecord row) : ITokenStore, IMigrator
{
    public AccountRecord? Row { get; set; } = row;

    public bool IsAway { get; set; }

    /// <summary>The exception of every call, or null.</summary>
    public Exception? Fault { get; set; }

    /// <summary>True if a call that fails does its work before, so that only its answer is lost.</summary>
    public bool LosesAnswers { get; set; }

    /// <summary>The only call that fails, as <see cref="Calls"/> names it; null if every call does.</summary>
    public string? FaultyCall { get; set; }

    public bool IsClaimedElsewhere { get; set; }

    public Claim? LastClaim { get; private set; }

    public List<string> Calls { get; } = [];

    public Action? BeforeCommit { get; set; }

    /// <summary>Runs after the next read, before its answer is returned.</summary>
    public Func<Task>? AfterRead { get; set; }

    /// <summary>True if the row has no claim, whatever an earlier call returned.</summary>
    public bool ForgetsClaims { get; set; }

    public Task<IReadOnlyList<AccountRecord>> ListAsync(CancellationToken ct) => ReadAsync<IReadOnlyList<AccountRecord>>("list", () => Row is null ? [] : [Row]);

    public async Task ListAsync(Func<AccountKey, bool> isWanted, Action<AccountRecord> row, CancellationToken ct)
    {
        foreach (var read in Others.Prepend(await ReadAsync("list", () => Row)).OfType<AccountRecord>().Where(read => isWanted(read.Key)))
            row(read);
    }

    /// <summary>The rows of other accounts, which only a list has.</summary>
    public IReadOnlyList<AccountRecord> Others { get; set; } = [];

    /// <summary>How many accounts a namespace has.</summary>
    public long Count { get; set; }

    public Task<long> CountAsync(string ns, CancellationToken ct) => Call("count", () => Count);

    public Task<AccountRecord?> FindAsync(AccountKey key, CancellationToken ct) => ReadAsync("find", () => Row?.Key == key ? Row : null);

    public Task<AccountRecord?> ClaimAsync(AccountKey key, Claim claim, long expectedGeneration, CancellationToken ct) =>
        Call("claim", () =>
        {
            LastClaim = claim;
            return IsClaimedElsewhere || Row?.Generation != expectedGeneration ? null : Row;
        });

    public Task<AccountRecord?> CommitAsync(AccountKey key, Guid claimId, long claimedGeneration, TokenSet token, DateTimeOffset refreshedAt, CancellationToken ct)
    {
        BeforeCommit?.Invoke();
        return Call("commit", () => ForgetsClaims || Row?.Generation != claimedGeneration
            ? null
            : Row = Row with { Token = token, Generation = Row.Generation + 1, LastRefreshAt = refreshedAt, Failure = null });
    }

    public Task<AccountRecord?> CommitUnclaimedAsync(
        AccountKey key, Claim claim, long baseGeneration, long generation, TokenSet token, DateTimeOffset refreshedAt, CancellationToken ct) =>
        Call("commit unclaimed", () => Row?.Generation != baseGeneration
            ? null
            : Row = Row with { Token = token, Generation = generation, LastRefreshAt = refreshedAt, Failure = null });

    public Task<AccountRecord?> FailAsync(AccountKey key, Guid claimId, RefreshFailure failure, CancellationToken ct) =>
        Call<AccountRecord?>("fail", () => Row = Row! with { Failure = failure });

    public Task ReleaseAsync(AccountKey key, Guid claimId, CancellationToken ct) => Call("release", () => true);

    public Task<AccountRecord?> ImportAsync(AccountKey key, TokenSet token, AccountUser? user, string seedFingerprint, long? replacesGeneration, CancellationToken ct) =>
        Call("import", () => Row?.Generation != replacesGeneration
            ? null
            : Row = (Row ?? new AccountRecord { Key = key, Generation = 0, Token = token, Namespaces = user is { } importer ? [importer.Namespace] : null }) with
            {
                Token = token,
                Generation = (replacesGeneration ?? 0) + 1,
                Failure = null,
                SeedFingerprints = [.. Row?.SeedFingerprints ?? [], seedFingerprint],
            });

    public Task<AccountRecord?> AllowAsync(AccountKey key, string ns, CancellationToken ct) => throw new NotSupportedException();

    public Task<AccountRecord?> AllowByProofAsync(AccountKey key, AccountUser user, CancellationToken ct) => Change("allow", access => access.AllowByProof(user));

    public Task<AccountRecord?> RecordUidAsync(AccountKey key, AccountUser user, CancellationToken ct) => Change("record", access => access.Record(user));

    public Task<AccountRecord?> RestoreAccessAsync(AccountRecord known, CancellationToken ct) => Change("restore access", _ => AccountAccess.Of(known));

    public Task<AccountRecord?> DenyAsync(AccountKey key, string ns, CancellationToken ct) => throw new NotSupportedException();

    public Task<AccountRecord?> DisownAsync(AccountKey key, CancellationToken ct) => throw new NotSupportedException();

    public Task<bool> DeleteAsync(AccountKey key, Guid claimId, CancellationToken ct) => Call("delete", () => LastClaim?.Id == claimId);

    public async IAsyncEnumerable<AccountKey?> WatchAsync([EnumeratorCancellation] CancellationToken ct)
    {
        await Task.Delay(Timeout.Infinite, ct);
        yield break;
    }

    public Task UpAsync(CancellationToken ct) => Call("migrate", () => true);

    public Task DownAsync(long toVersion, CancellationToken ct) => throw new NotSupportedException();

    public Task<MigrationStatus> StatusAsync(CancellationToken ct) => throw new NotSupportedException();

    private Task<AccountRecord?> Change(string name, Func<AccountAccess, AccountAccess?> change) => Call(name, () => Row is { } row && change(AccountAccess.Of(row)) is { } access
        ? Row = row with
        {
            Namespaces = access.Namespaces.Count > 0 ? access.Namespaces : null,
            DeniedNamespaces = access.Denied,
            NamespaceUids = access.Uids,
            AccessVersion = (row.AccessVersion ?? 0) + 100,
        }
        : null);

    private async Task<T> ReadAsync<T>(string name, Func<T> answer)
    {
        var result = await Call(name, answer);
        var after = AfterRead;
        AfterRead = null;
        await (after?.Invoke() ?? Task.CompletedTask);
        return result;
    }

    private Task<T> Call<T>(string name, Func<T> answer)
    {
        Calls.Add(name);
        var fault = IsAway ? new StoreUnavailableException("database tests at memory is away") : Fault;
        if (fault is null || (FaultyCall is not null && FaultyCall != name))
            return Task.FromResult(answer());
        if (LosesAnswers)
            answer();
        return Task.FromException<T>(fault);
    }
}
