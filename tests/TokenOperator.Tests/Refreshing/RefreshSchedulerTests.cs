using KubeRuntime;
using Microsoft.Extensions.Time.Testing;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;
using TokenOperator.Refreshing;

namespace TokenOperator.Tests.Refreshing;

public sealed class RefreshSchedulerTests : IDisposable
{
    private static readonly OAuthClient Client = new("client-1", new SecretValue("secret"));
    private static readonly NamespacedName Owner = new("mail", "marcus-gmail");
    private static readonly NamespacedName Other = new("mail", "other");

    private static readonly AccountRecord Row = new()
    {
        Key = new AccountKey("google", "marcus"),
        Generation = 7,
        Namespaces = ["mail"],
        Token = new TokenSet { RefreshToken = new SecretValue("refresh-1") },
    };

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 5, 1, 12, 0, 0, TimeSpan.Zero));
    private readonly RefreshingFixture _fixture;

    public RefreshSchedulerTests() => _fixture = new RefreshingFixture(Row, _time);

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public void A_refresh_that_runs_answers_later_requests_for_the_account_too()
    {
        var answer = new TaskCompletionSource();
        _fixture.Provider.Until = answer.Task;
        Start(Owner, "now");
        Start(Other, "soon");
        Find(Owner).Should().Be(new RefreshState.Running(IsSlow: false, WaitsForRate: null));
        answer.SetResult();

        _fixture.Provider.Asked.Should().ContainSingle();
        _fixture.Queue.Called.Should().Equal(Row.Key);
        Find(Owner).Should().BeOfType<RefreshState.Ended>().Which.Attended.Should().Be(new RefreshCause("now", 1));
        Find(Other).Should().BeOfType<RefreshState.Ended>().Which.Attended.Should().Be(new RefreshCause("soon", 1));
        Find(new NamespacedName("mail", "third")).Should().BeOfType<RefreshState.Ended>().Which.Attended.Should().BeNull();
    }

    [Fact]
    public void A_token_that_does_not_help_others_wakes_only_the_objects_that_asked()
    {
        _fixture.Scheduler.Start(Request(Owner, null) with { HelpsOthers = _ => false });
        _fixture.Queue.Called.Should().BeEmpty();
        _fixture.Queue.Owners.Should().Equal(Owner);
    }

    [Fact]
    public void A_refresh_that_takes_more_than_a_second_has_its_objects_reconciled_once()
    {
        _fixture.Provider.Until = new TaskCompletionSource().Task;
        Start(Owner, null);
        _time.Advance(TimeSpan.FromSeconds(0.9));
        _fixture.Queue.Owners.Should().BeEmpty();
        _time.Advance(TimeSpan.FromSeconds(0.1));
        _fixture.Queue.Owners.Should().Equal(Owner);
        Find(Owner).Should().BeOfType<RefreshState.Running>().Which.IsSlow.Should().BeTrue();
        _time.Advance(TimeSpan.FromMinutes(1));
        _fixture.Queue.Owners.Should().HaveCount(1);
    }

    [Fact]
    public void A_fault_ends_its_refresh_and_not_the_lane()
    {
        _fixture.Store.Fault = new InvalidOperationException("a fault of our own");
        Start(Owner, null);
        Find(Owner).Should().BeOfType<RefreshState.Ended>().Which.Outcome.Should().BeOfType<RefreshOutcome.Faulted>();
        _fixture.Store.Fault = null;
        Start(Owner, null);
        Find(Owner).Should().BeOfType<RefreshState.Ended>().Which.Outcome.Should().BeOfType<RefreshOutcome.Asked>();
    }

    [Fact]
    public void What_was_requested_while_the_store_is_unavailable_is_not_attended_to()
    {
        _fixture.Provider.RotatesRefreshTokens = true;
        _fixture.Store.Fault = new StoreUnavailableException("it is restarting");
        Start(Owner, "now");
        _fixture.Provider.Asked.Should().BeEmpty();
        var ended = Find(Owner).Should().BeOfType<RefreshState.Ended>().Subject;
        ended.Outcome.Should().BeOfType<RefreshOutcome.NotStored>();
        ended.Attended.Should().BeNull("the refresh is still to be done");
    }

    [Fact]
    public async Task A_drain_waits_for_the_answer_to_a_request_that_was_sent()
    {
        var answer = new TaskCompletionSource();
        _fixture.Provider.Until = answer.Task;
        Start(Owner, null);
        var drain = _fixture.Scheduler.DrainAsync(CancellationToken.None);
        drain.IsCompleted.Should().BeFalse();
        answer.SetResult();
        await drain;
        _fixture.Store.Row!.Generation.Should().Be(8, "the answer is committed");
    }

    private RefreshState Find(NamespacedName owner) => _fixture.Scheduler.Find(Row.Key, owner);

    private void Start(NamespacedName owner, string? annotation) => _fixture.Scheduler.Start(Request(owner, annotation));

    private static RefreshRequest Request(NamespacedName owner, string? annotation) => new(owner, Row, Client, "inputs", new RefreshCause(annotation, 1));
}
