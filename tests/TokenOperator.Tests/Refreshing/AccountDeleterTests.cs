using TokenOperator.Core.Tokens;
using TokenOperator.Refreshing;

namespace TokenOperator.Tests.Refreshing;

public sealed class AccountDeleterTests : IDisposable
{
    private static readonly AccountRecord Row = new()
    {
        Key = new AccountKey("google", "marcus"),
        Generation = 7,
        Token = new TokenSet { RefreshToken = new SecretValue("refresh-1") },
    };

    private readonly RefreshingFixture _fixture = new(Row, TimeProvider.System);
    private readonly List<AccountRecord> _revoked = [];

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public async Task A_row_is_deleted_under_a_claim()
    {
        (await DeleteAsync()).Should().BeOfType<DeletionOutcome.Done>();
        _revoked.Should().Equal(Row);
        _fixture.Store.Calls.Should().Equal("find", "claim", "delete");
        _fixture.Accounts.TryGet(Row.Key).Should().BeNull();
    }

    [Fact]
    public async Task Deleting_a_row_that_someone_else_has_claimed_is_retried_later()
    {
        _fixture.Store.IsClaimedElsewhere = true;
        (await DeleteAsync()).Should().BeOfType<DeletionOutcome.Busy>();
        _revoked.Should().BeEmpty();
        _fixture.Store.Calls.Should().Equal("find", "claim");
    }

    [Fact]
    public async Task Deleting_a_row_that_is_being_refreshed_is_retried_later_without_waiting_for_the_provider()
    {
        using var refresh = await _fixture.Accounts.LockAsync(Row.Key, CancellationToken.None);
        (await DeleteAsync()).Should().BeOfType<DeletionOutcome.Busy>();
        _fixture.Store.Calls.Should().BeEmpty();
    }

    [Fact]
    public async Task A_process_that_has_lost_the_lease_revokes_and_deletes_nothing()
    {
        _fixture.Leadership.IsLeader = false;
        (await DeleteAsync()).Should().BeOfType<DeletionOutcome.LeadershipLost>();
        _revoked.Should().BeEmpty();
        _fixture.Store.Calls.Should().Equal("find", "claim", "release");
    }

    [Fact]
    public async Task A_row_that_must_stay_is_not_even_claimed()
    {
        (await Deleter().DeleteAsync(Row.Key, _ => false, _ => throw new InvalidOperationException(), default)).Should().BeOfType<DeletionOutcome.Done>();
        _fixture.Store.Calls.Should().Equal("find");
    }

    [Fact]
    public async Task A_row_whose_grant_cannot_be_revoked_is_released()
    {
        (await Deleter().DeleteAsync(Row.Key, _ => true, _ => Task.FromResult<string?>("refused"), default))
            .Should().Be(new DeletionOutcome.Failed("refused"));
        _fixture.Store.Calls.Should().Equal("find", "claim", "release");
    }

    [Fact]
    public async Task A_row_is_released_even_if_revoking_throws()
    {
        await FluentActions.Awaiting(() => Deleter().DeleteAsync(Row.Key, _ => true, _ => throw new InvalidOperationException(), default))
            .Should().ThrowAsync<InvalidOperationException>();
        _fixture.Store.Calls.Should().Equal("find", "claim", "release");
    }

    [Fact]
    public async Task An_unavailable_Postgres_is_a_failure_that_says_so()
    {
        _fixture.Store.IsAway = true;
        (await DeleteAsync()).Should().BeOfType<DeletionOutcome.Failed>().Which.Message.Should().Contain("is away");
    }

    private AccountDeleter Deleter() => new(_fixture.Store, _fixture.Accounts, _fixture.Leadership);

    private Task<DeletionOutcome> DeleteAsync() => Deleter().DeleteAsync(
        Row.Key,
        _ => true,
        record =>
        {
            _revoked.Add(record);
            return Task.FromResult<string?>(null);
        },
        default);
}
