using KubeRuntime;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;
using TokenOperator.Providers.Documents;
using TokenOperator.Refreshing;
using TokenOperator.Tests.Providers;

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
    public void A_running_refresh_also_answers_later_requests_for_the_account()
    {
        var answer = new TaskCompletionSource();
        _fixture.Provider.Until = answer.Task;
        Start(Owner, "now");
        Start(Other, "soon");
        Find(Owner).Should().Be(new RefreshState.Running(IsSlow: false, WaitsForRate: null));
        answer.SetResult();

        _fixture.Provider.Asked.Should().ContainSingle();
        _fixture.Queue.Called.Should().Equal(Row.Key);
        Find(Owner).Should().BeOfType<RefreshState.Ended>().Which.Attended.Should().Be(new RefreshCause("uid", "now", 1));
        Find(Other).Should().BeOfType<RefreshState.Ended>().Which.Attended.Should().Be(new RefreshCause("uid", "soon", 1));
        Find(new NamespacedName("mail", "third")).Should().BeOfType<RefreshState.Ended>().Which.Attended.Should().BeNull();
    }

    [Fact]
    public void A_token_that_does_not_help_others_wakes_only_the_objects_that_requested_it()
    {
        _fixture.Scheduler.Start(Request(Owner, null) with { HelpsOthers = _ => false });
        _fixture.Queue.Called.Should().BeEmpty();
        _fixture.Queue.Owners.Should().Equal(Owner);
    }

    [Fact]
    public void The_objects_of_a_refresh_that_takes_more_than_a_second_are_reconciled_once()
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
    public void An_exception_ends_its_refresh_and_not_the_lane()
    {
        _fixture.Store.Fault = new InvalidOperationException("a fault of our own");
        Start(Owner, null);
        Find(Owner).Should().BeOfType<RefreshState.Ended>().Which.Outcome.Should().BeOfType<RefreshOutcome.Faulted>();
        _fixture.Store.Fault = null;
        Start(Owner, null);
        Find(Owner).Should().BeOfType<RefreshState.Ended>().Which.Outcome.Should().BeOfType<RefreshOutcome.Asked>();
    }

    [Fact]
    public void A_request_during_a_store_outage_stays_pending()
    {
        _fixture.Provider.RotatesRefreshTokens = true;
        _fixture.Store.Fault = new StoreUnavailableException("it is restarting");
        Start(Owner, "now");
        _fixture.Provider.Asked.Should().BeEmpty();
        var ended = Find(Owner).Should().BeOfType<RefreshState.Ended>().Subject;
        ended.Outcome.Should().BeOfType<RefreshOutcome.NotStored>();
        ended.Attended.Should().BeNull("the request is still pending");
    }

    [Fact]
    public async Task A_drain_waits_for_the_answer_to_a_request_that_was_already_sent()
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

    [Fact]
    public async Task A_closed_scheduler_starts_no_waiting_refresh_and_reports_a_missing_response()
    {
        using var fixture = new RefreshingFixture(Row, _time, concurrency: 1);
        fixture.Provider.Until = new TaskCompletionSource().Task;
        fixture.Scheduler.Start(Request(Owner, null));
        fixture.Scheduler.Start(Request(Other, null) with { Account = Row with { Key = new AccountKey("google", "second") } });
        fixture.Scheduler.Close();
        using var limit = new CancellationTokenSource();
        var drain = fixture.Scheduler.DrainAsync(limit.Token);
        drain.IsCompleted.Should().BeFalse();
        await limit.CancelAsync();
        (await drain).Should().BeFalse("a request is in flight, so the lease must not be released");
        fixture.Provider.Asked.Should().ContainSingle();
    }

    [Fact]
    public async Task A_drain_that_times_out_still_commits_what_has_arrived()
    {
        var drain = new RefreshDrain(_fixture.Scheduler, _fixture.Synchronizer, _time);
        _fixture.Provider.Answer = ScriptedProvider.Granted("refresh-2");
        _fixture.Store.BeforeCommit = () => _fixture.Store.IsAway = true;
        Start(Owner, null);
        _fixture.Accounts.PendingCount.Should().Be(1);
        (_fixture.Store.BeforeCommit, _fixture.Store.IsAway) = (null, false);

        drain.Close();
        (await drain.DrainAsync(TimeSpan.Zero)).Should().BeTrue();
        _fixture.Store.Row!.Token.RefreshToken!.Reveal().Should().Be("refresh-2");
    }

    [Fact]
    public void A_queued_refresh_that_no_object_needs_any_more_is_not_done()
    {
        Start(Owner, "now", isStillWanted: false);
        _fixture.Provider.Asked.Should().BeEmpty();
        _fixture.Store.Calls.Should().BeEmpty();
        _fixture.Queue.Owners.Should().Equal([Owner], "the object is reconciled again");
        var ended = Find(Owner).Should().BeOfType<RefreshState.Ended>().Subject;
        ended.Outcome.Should().BeOfType<RefreshOutcome.Withdrawn>();
        ended.Attended.Should().BeNull();
    }

    [Fact]
    public void A_queued_refresh_that_one_of_its_objects_still_needs_is_done()
    {
        using var fixture = new RefreshingFixture(Row, _time, concurrency: 1);
        var answer = new TaskCompletionSource();
        fixture.Scheduler.Run(new AccountKey("google", "second"), "mail", () => answer.Task);
        fixture.Scheduler.Start(Request(Owner, null) with { IsStillWanted = () => false });
        fixture.Scheduler.Start(Request(Other, null));
        answer.SetResult();
        fixture.Scheduler.Find(Row.Key, Owner).Should().BeOfType<RefreshState.Ended>().Which.Outcome.Should().BeOfType<RefreshOutcome.Asked>();
    }

    [Fact]
    public void A_request_stays_pending_after_someone_else_refreshed_the_account()
    {
        _fixture.Accounts.Set(Row with { Generation = 8 });
        Start(Owner, "now");
        var ended = Find(Owner).Should().BeOfType<RefreshState.Ended>().Subject;
        ended.Outcome.Should().BeOfType<RefreshOutcome.Superseded>();
        ended.Attended.Should().BeNull("the provider was not asked");
    }

    [Fact]
    public void A_later_refresh_does_not_delay_the_report_on_an_earlier_one()
    {
        _fixture.Provider.Until = new TaskCompletionSource().Task;
        Start(Owner, null);
        for (var number = 0; number < 5; number++)
        {
            _time.Advance(TimeSpan.FromSeconds(0.5));
            _fixture.Scheduler.Start(Request(new NamespacedName("mail", $"later-{number}"), null) with { Account = Row with { Key = new AccountKey("google", $"later-{number}") } });
        }

        _fixture.Queue.Owners.Should().Contain([Owner, new NamespacedName("mail", "later-0")]);
    }

    [Fact]
    public void An_account_that_no_object_names_any_more_is_dropped()
    {
        var answer = new TaskCompletionSource();
        _fixture.Provider.Until = answer.Task;
        Start(Owner, null);
        Start(Other, null);
        _fixture.Scheduler.Forget(Row.Key, Owner);
        _fixture.Scheduler.Forget(Row.Key, Other);
        Find(Owner).Should().BeOfType<RefreshState.Running>("the provider has been asked");
        answer.SetResult();
        Find(Owner).Should().BeOfType<RefreshState.Idle>();

        Start(Owner, null);
        _fixture.Scheduler.Forget(Row.Key, Other);
        Find(Owner).Should().BeOfType<RefreshState.Ended>();
        _fixture.Scheduler.Forget(Row.Key, Owner);
        Find(Owner).Should().BeOfType<RefreshState.Idle>();
    }

    [Fact]
    public void Accounts_whose_token_lives_are_refreshed_before_those_without_one_and_dead_accounts_last()
    {
        using var fixture = new RefreshingFixture(Row, _time, concurrency: 1);
        var answer = new TaskCompletionSource();
        fixture.Scheduler.Run(new AccountKey("google", "busy"), "mail", () => answer.Task);
        var now = _time.GetUtcNow();
        var failure = new RefreshFailure(FailureKind.ReauthorizationRequired, "invalid_grant", 1, now, now.AddHours(1), "inputs");
        var order = new List<string>();
        Add("dead", now.AddHours(-1), failure);
        Add("never", null, null);
        Add("late", now.AddMinutes(10), null);
        Add("expired", now.AddMinutes(-1), failure with { Kind = FailureKind.ProviderUnavailable });
        Add("soon", now.AddMinutes(1), failure with { Kind = FailureKind.ProviderUnavailable });
        answer.SetResult();
        order.Should().Equal("soon", "late", "never", "expired", "dead");

        void Add(string name, DateTimeOffset? expiresAt, RefreshFailure? failed) => fixture.Scheduler.Start(Request(new NamespacedName("mail", name), "now") with
        {
            Account = Row with
            {
                Key = new AccountKey("google", name),
                Failure = failed,
                Token = Row.Token with { AccessToken = expiresAt is null ? null : new SecretValue("access"), ExpiresAt = expiresAt },
            },
            IsStillWanted = () =>
            {
                order.Add(name);
                return false;
            },
        });
    }

    [Fact]
    public void An_account_that_gets_a_new_seed_while_its_dead_token_waits_goes_before_other_dead_accounts()
    {
        using var fixture = new RefreshingFixture(Row, _time, concurrency: 1);
        var answer = new TaskCompletionSource();
        fixture.Scheduler.Run(new AccountKey("google", "busy"), "mail", () => answer.Task);
        var now = _time.GetUtcNow();
        var failure = new RefreshFailure(FailureKind.ReauthorizationRequired, "invalid_grant", 1, now, now.AddHours(1), "inputs");
        var order = new List<string>();
        Add("dead", failure);
        Add("seeded", failure);
        Add("seeded", failure: null);
        answer.SetResult();

        order.Should().Equal(["seeded", "seeded", "dead"], "both requests of the seeded account are asked once whether they are still wanted");
        fixture.Scheduler.Find(new AccountKey("google", "seeded"), new NamespacedName("mail", "seeded")).Should().BeOfType<RefreshState.Ended>();

        void Add(string name, RefreshFailure? failure) => fixture.Scheduler.Start(Request(new NamespacedName("mail", failure is null ? $"{name}-2" : name), "now") with
        {
            Account = Row with { Key = new AccountKey("google", name), Failure = failure },
            IsStillWanted = () =>
            {
                order.Add(name);
                return false;
            },
        });
    }

    [Fact]
    public void Two_hundred_accounts_at_a_provider_that_never_answers_delay_none_of_five_at_another_one()
    {
        var silent = new ScriptedProvider(name: "silent") { Until = new TaskCompletionSource().Task };
        var healthy = new ScriptedProvider(name: "healthy");
        using var scheduler = new RefreshScheduler(
            _fixture.Refresher, TestRegistry.Of(silent, healthy), _fixture.Queue, _fixture.Leadership, RefreshingFixture.Concurrency, _time, new Meters(),
            NullLogger<RefreshScheduler>.Instance);
        for (var number = 0; number < 200; number++)
            Begin("silent", number);
        silent.Asked.Should().HaveCount(RefreshingFixture.Concurrency, "the others wait in the lane, and no worker waits with them");

        for (var round = 0; round < 10; round++)
        {
            for (var number = 0; number < 5; number++)
            {
                _fixture.Store.Row = Row;
                Begin("healthy", number);
                scheduler.Find(new AccountKey("healthy", $"account-{number}"), Owner).Should().BeOfType<RefreshState.Ended>().Which.Outcome.Should().BeOfType<RefreshOutcome.Asked>();
            }

            _time.Advance(TimeSpan.FromSeconds(75));
        }

        healthy.Asked.Should().HaveCount(50);
        silent.Asked.Should().HaveCount(RefreshingFixture.Concurrency);

        void Begin(string provider, int number) =>
            scheduler.Start(Request(Owner, null) with { Account = Row with { Key = new AccountKey(provider, $"account-{number}") } });
    }

    [Fact]
    public void A_client_waits_for_its_own_limit_and_delays_no_other_client_of_the_provider()
    {
        LimitClients(new RequestRate(1, 1));
        _fixture.Provider.Until = new TaskCompletionSource().Task;
        foreach (var number in new[] { 1, 2, 3 })
            Begin($"busy-{number}", Client);
        Asked.Should().Be(1);
        Begin("other-1", Client with { ClientId = "client-2" });
        Asked.Should().Be(2, "another client has a share of its own");
        Begin("none-1", null);
        Asked.Should().Be(3, "a grant without a client has no such limit");

        WaitOf("busy-1").Should().BeNull();
        WaitOf("busy-3").Should().Be(new RateWait(TimeSpan.FromSeconds(2), IsOfClient: true));
        _time.Advance(TimeSpan.FromSeconds(1));
        Asked.Should().Be(4);
        Begin("busy-4", Client with { ClientSecret = new SecretValue("another secret") });
        Asked.Should().Be(4, "the client is the same");
    }

    [Fact]
    public void A_limit_of_clients_that_changes_or_ends_counts_for_those_that_wait()
    {
        LimitClients(new RequestRate(0.01, 1));
        _fixture.Provider.Until = new TaskCompletionSource().Task;
        foreach (var number in Enumerable.Range(1, 6))
            Begin($"busy-{number}", Client);

        LimitClients(new RequestRate(1, 1));
        WaitOf("busy-6")!.Value.Longest.Should().BeCloseTo(TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(0.1));
        _time.Advance(TimeSpan.FromSeconds(1));
        Asked.Should().Be(2);

        LimitClients(null);
        WaitOf("busy-6").Should().NotBeNull();
        _time.Advance(TimeSpan.FromSeconds(0.1));
        Asked.Should().Be(6);
    }

    [Fact]
    public void A_refresh_that_has_the_permit_of_its_client_still_waits_for_the_rate_of_the_provider()
    {
        LimitClients(new RequestRate(100, 100), new RequestRate(1, 1));
        _fixture.Provider.Until = new TaskCompletionSource().Task;
        Begin("first", Client);
        Begin("second", Client);

        Asked.Should().Be(1);
        WaitOf("second").Should().Be(new RateWait(TimeSpan.FromSeconds(1), IsOfClient: false));
        _time.Advance(TimeSpan.FromSeconds(1));
        Asked.Should().Be(2);
        WaitOf("second").Should().BeNull();
    }

    [Fact]
    public void A_refresh_that_sends_nothing_returns_the_permit_of_its_client()
    {
        LimitClients(new RequestRate(0.01, 1));
        Begin("withdrawn", Client, isStillWanted: false);
        Asked.Should().Be(0);
        Begin("wanted", Client);
        Asked.Should().Be(1);
    }

    [Fact]
    public async Task A_closed_scheduler_starts_no_refresh_that_waits_for_its_client()
    {
        LimitClients(new RequestRate(1, 1));
        var answer = new TaskCompletionSource();
        _fixture.Provider.Until = answer.Task;
        Begin("first", Client);
        Begin("second", Client);
        var drain = _fixture.Scheduler.DrainAsync(CancellationToken.None);
        drain.IsCompleted.Should().BeFalse();
        answer.SetResult();
        (await drain).Should().BeTrue();
        _time.Advance(TimeSpan.FromMinutes(1));
        Asked.Should().Be(1);
    }

    private int Asked => _fixture.Provider.Asked.Count;

    private void LimitClients(RequestRate? client, RequestRate? rate = null) => _fixture.Provider.Document = _fixture.Provider.Document with
    {
        Limits = new RequestLimits { Rate = rate ?? RequestRate.Default, ClientRate = client },
    };

    private void Begin(string account, OAuthClient? client, bool isStillWanted = true) => _fixture.Scheduler.Start(Request(Owner, null) with
    {
        Account = Row with { Key = new AccountKey("google", account) },
        Client = client,
        IsStillWanted = () => isStillWanted,
    });

    private RateWait? WaitOf(string account) =>
        _fixture.Scheduler.Find(new AccountKey("google", account), Owner).Should().BeOfType<RefreshState.Running>().Which.WaitsForRate;

    private RefreshState Find(NamespacedName owner) => _fixture.Scheduler.Find(Row.Key, owner);

    private void Start(NamespacedName owner, string? annotation, bool isStillWanted = true) =>
        _fixture.Scheduler.Start(Request(owner, annotation) with { IsStillWanted = () => isStillWanted });

    private static RefreshRequest Request(NamespacedName owner, string? annotation) => new(owner, Row, Client, "inputs", new RefreshCause("uid", annotation, 1));
}
