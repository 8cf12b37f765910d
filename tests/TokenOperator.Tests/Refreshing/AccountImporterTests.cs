using Microsoft.Extensions.Logging.Abstractions;
using TokenOperator.Core.Tokens;
using TokenOperator.Refreshing;

namespace TokenOperator.Tests.Refreshing;

public sealed class AccountImporterTests : IDisposable
{
    private static readonly AccountRecord Row = new()
    {
        Key = new AccountKey("google", "marcus"),
        Generation = 7,
        Token = new TokenSet { RefreshToken = new SecretValue("refresh-1") },
    };

    private readonly MemoryStore _store = new(Row);
    private readonly SwitchableFence _fence = new();
    private readonly AccountCache _cache;
    private readonly PendingCommits _pending;
    private readonly AccountImporter _importer;
    private readonly List<AccountRecord> _seen = [];

    public AccountImporterTests()
    {
        _pending = new PendingCommits(_store, TimeProvider.System, NullLogger<PendingCommits>.Instance);
        _cache = new AccountCache(_store, _store, _pending, _fence, TimeProvider.System);
        _importer = new AccountImporter(_store, _cache, new AccountLocks(), _fence, NullLogger<AccountImporter>.Instance);
    }

    public void Dispose()
    {
        _fence.Dispose();
        _cache.Dispose();
        _pending.Dispose();
    }

    [Fact]
    public async Task A_row_is_deleted_under_a_claim()
    {
        (await DeleteAsync()).Should().BeTrue();
        _seen.Should().Equal(Row);
        _store.Calls.Should().Equal("find", "claim", "delete");
        _cache.Peek(Row.Key).Should().BeNull();
    }

    [Fact]
    public async Task A_row_that_somebody_else_has_claimed_is_looked_at_again_later()
    {
        _store.IsClaimedElsewhere = true;
        (await DeleteAsync()).Should().BeFalse();
        _seen.Should().BeEmpty();
        _store.Calls.Should().Equal("find", "claim");
    }

    [Fact]
    public async Task Who_has_lost_the_lease_by_then_revokes_and_deletes_nothing()
    {
        _fence.Holds = false;
        await FluentActions.Awaiting(DeleteAsync).Should().ThrowAsync<LeadershipLostException>();
        _seen.Should().BeEmpty();
        _store.Calls.Should().Equal("find", "claim", "release");
    }

    [Fact]
    public async Task A_row_that_is_to_stay_is_not_even_claimed()
    {
        (await _importer.DeleteAsync(Row.Key, _ => false, _ => throw new InvalidOperationException(), default)).Should().BeTrue();
        _store.Calls.Should().Equal("find");
    }

    [Fact]
    public async Task A_row_whose_grant_cannot_be_revoked_is_released()
    {
        await FluentActions.Awaiting(() => _importer.DeleteAsync(Row.Key, _ => true, _ => throw new InvalidOperationException(), default))
            .Should().ThrowAsync<InvalidOperationException>();
        _store.Calls.Should().Equal("find", "claim", "release");
    }

    private Task<bool> DeleteAsync() => _importer.DeleteAsync(
        Row.Key,
        _ => true,
        record =>
        {
            _seen.Add(record);
            return Task.CompletedTask;
        },
        default);
}
