using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using TokenOperator.Publishing;
using TokenOperator.Reconcile;
using TokenOperator.Refreshing;
using TokenOperator.Tests.Providers;
using static TokenOperator.Tests.Reconcile.PolicyInputs;

namespace TokenOperator.Tests.Reconcile;

/// <summary>What follows a failure or a request: when the next attempt is, and what is published until then.</summary>
public sealed class RetryDecisionTests
{
    [Fact]
    public void After_a_failure_another_document_of_the_provider_is_tried_at_once()
    {
        var waiting = Empty with { Account = Found(Row(failure: Failed(FailureKind.ProviderUnavailable, TimeSpan.FromHours(1)))), Client = Found(Client) };
        ReconcilePolicy.Decide(waiting).Should().BeOfType<Decision.Publish>();

        ReconcilePolicy.Decide(waiting with { ProviderState = TestRegistry.UsableWith(TestRegistry.Document, "document-2") }).Should().BeOfType<Decision.Refresh>();
    }

    [Fact]
    public void A_refresh_follows_when_the_backoff_is_over() =>
        ReconcilePolicy.Decide(With(Row(failure: Failed(FailureKind.ProviderUnavailable, TimeSpan.Zero)), Client)).Should().BeOfType<Decision.Refresh>();

    [Theory]
    [InlineData(FailureKind.ProviderUnavailable)]
    [InlineData(FailureKind.ReauthorizationRequired)]
    public void A_requested_refresh_skips_any_backoff_and_is_done_even_for_a_fresh_token(FailureKind kind)
    {
        var failing = With(Row(failure: Failed(kind, TimeSpan.FromHours(1))), Client, SeedOf("refresh")) with { RefreshRequested = true };
        ReconcilePolicy.Decide(failing).Should().BeOfType<Decision.Refresh>();
        ReconcilePolicy.Decide(With(Row(TimeSpan.FromMinutes(59)), Client) with { RefreshRequested = true }).Should().BeOfType<Decision.Refresh>();
        ReconcilePolicy.Decide(failing with { ClientRejectedUntil = Now.AddHours(1) }).Should().BeOfType<Decision.Refresh>();
    }

    [Fact]
    public void An_account_that_has_worked_waits_while_the_provider_rejects_its_client_for_others_and_any_change_is_tried_at_once()
    {
        var waits = With(Worked(Row(TimeSpan.FromMinutes(5))), Client, SeedOf("refresh")) with { ClientRejectedUntil = Now.AddMinutes(1) };
        var desired = Published(waits);
        desired.NextRefresh.Should().Be(Now.AddMinutes(1));
        desired.Problem!.NeedsHuman.Should().BeFalse("its token outlives the wait");
        Published(waits with { ClientRejectedUntil = Now.AddMinutes(5) }).Problem!.NeedsHuman.Should().BeTrue("its token does not");

        ReconcilePolicy.Decide(waits with { ClientRejectedUntil = null }).Should().BeOfType<Decision.Refresh>();
        ReconcilePolicy.Decide(waits with { ClientRejectedUntil = Now }).Should().BeOfType<Decision.Refresh>();
        ReconcilePolicy.Decide(waits with { SpecChanged = true }).Should().BeOfType<Decision.Refresh>();
        ReconcilePolicy.Decide(waits with { RefreshRequested = true }).Should().BeOfType<Decision.Refresh>();
        ReconcilePolicy.Decide(waits with { Account = Found(Row(TimeSpan.FromMinutes(-5))) }).Should().BeOfType<Decision.Refresh>("a new seed has not been tried");
        ReconcilePolicy.Decide(waits with { Account = Found(Row(TimeSpan.FromMinutes(5)) with { LastRefreshAt = Now.AddDays(-1) }) }).Should().BeOfType<Decision.Refresh>("a new seed replaced the one that worked");
        ReconcilePolicy.Decide(waits with { Seed = Found(SeedOf("another")) }).Should().BeOfType<Decision.Import>("a new seed is accepted meanwhile");
    }

    [Fact]
    public void An_account_whose_client_was_rejected_tries_again_an_hour_later_at_the_latest_once_the_client_works_for_another()
    {
        var rejected = Failed(FailureKind.ClientRejected, TimeSpan.FromHours(20));
        var stalled = With(Row(failure: rejected), Client, SeedOf("refresh"));
        Published(stalled).NextRefresh.Should().Be(Now.AddHours(20));
        Published(stalled with { ClientAcceptedAt = rejected.At.AddSeconds(-1) }).NextRefresh.Should().Be(Now.AddHours(20), "the client worked only before that");
        Published(stalled with { ClientAcceptedAt = Now }).NextRefresh.Should().Be(rejected.At.AddHours(1));
        ReconcilePolicy.Decide(stalled with { Now = Now.AddHours(1), ClientAcceptedAt = Now }).Should().BeOfType<Decision.Refresh>();
        ReconcilePolicy.Decide(stalled with { Seed = Found(SeedOf("another")) }).Should().BeOfType<Decision.Import>();
    }

    [Theory]
    [InlineData(true, false, true, 4, true)]
    [InlineData(false, true, true, 4, true)]
    [InlineData(true, false, false, 4, false)]
    [InlineData(true, false, true, 10, false)]
    public void Requests_for_one_object_have_a_least_interval_however_often_it_changes(bool isRequested, bool isSpecChanged, bool wasPoked, int secondsAgo, bool waits)
    {
        var cause = new RefreshCause("uid", "earlier", 1, wasPoked);
        var poked = With(Row(failure: Failed(FailureKind.ReauthorizationRequired, TimeSpan.FromHours(1))), Client, SeedOf("refresh")) with
        {
            RefreshRequested = isRequested,
            SpecChanged = isSpecChanged,
            Refresh = new RefreshState.Ended(new RefreshOutcome.Asked(null), TimeSpan.FromSeconds(secondsAgo), cause),
        };
        if (waits)
            Published(poked).PostponedUntil.Should().Be(Now.AddSeconds(10 - secondsAgo));
        else
            ReconcilePolicy.Decide(poked).Should().BeOfType<Decision.Refresh>();
    }

    [Fact]
    public void A_request_that_is_postponed_stays_pending_and_the_newest_token_is_published_meanwhile()
    {
        var poked = With(Row(TimeSpan.FromMinutes(50))) with
        {
            RefreshRequested = true,
            Status = new V1Beta1OAuthToken.EntityStatus { ObservedGeneration = 1, LastHandledRefreshRequest = "earlier" },
            Refresh = new RefreshState.Ended(new RefreshOutcome.Asked(null), TimeSpan.FromSeconds(4), new RefreshCause("uid", "earlier", 1, IsPoked: true)),
        };
        var desired = Published(poked);
        desired.Should().BeEquivalentTo(new { Problem = (Problem?)null, Secret = SecretAction.Write, PostponedUntil = Now.AddSeconds(6) });
        var secret = new SecretResult(SecretOutcome.UpToDate, "");
        ReconcilePolicy.StatusInputFor(poked, desired, secret, 1, "later").HandledRequest.Should().Be("earlier");
        ReconcilePolicy.RequeueAfter(desired, secret, new V1Beta1OAuthToken.EntityStatus(), null, Now).Should().Be(TimeSpan.FromSeconds(6));
    }

    [Fact]
    public void A_refresh_that_is_due_is_not_put_off_by_a_request_that_came_before()
    {
        var due = With(Row(TimeSpan.FromMinutes(5)), Client) with
        {
            Refresh = new RefreshState.Ended(new RefreshOutcome.Asked(null), TimeSpan.FromSeconds(1), new RefreshCause("uid", "earlier", 1, IsPoked: true)),
        };
        ReconcilePolicy.Decide(due).Should().BeOfType<Decision.Refresh>();
        ReconcilePolicy.Decide(due with { SpecChanged = true }).Should().BeOfType<Decision.Refresh>();
    }

    [Fact]
    public void An_answer_in_doubt_stalls_nothing_and_keeps_the_token_published()
    {
        var doubted = Row(TimeSpan.FromMinutes(10), Failed(FailureKind.ReauthorizationRequired, TimeSpan.FromMinutes(1)));
        var desired = Published(With(doubted, Client, SeedOf("refresh")));
        desired.Problem.Should().BeEquivalentTo(new { Reason = Reasons.ReauthorizationRequired, NeedsHuman = false });
        desired.Secret.Should().Be(SecretAction.Write);
        desired.NextRefresh.Should().Be(Now.AddMinutes(1));
        ReconcilePolicy.Decide(With(doubted, Client, SeedOf("refresh")) with { Now = Now.AddMinutes(1) }).Should().BeOfType<Decision.Refresh>();
        ReconcilePolicy.Decide(With(doubted, Client, SeedOf("another"))).Should().BeOfType<Decision.Import>("a new seed need not wait");
    }

    [Fact]
    public void An_unknown_answer_stalls_an_account_after_a_day_and_a_new_seed_is_then_accepted()
    {
        var failure = Failed(FailureKind.InvalidResponse, TimeSpan.FromMinutes(5));
        Published(With(Row(TimeSpan.FromHours(-1), failure with { Count = 400, Since = failure.At.AddHours(-23) }), Client)).Problem!.NeedsHuman.Should().BeFalse();
        var stalled = With(Row(TimeSpan.FromHours(-1), failure with { Since = failure.At.AddHours(-24) }), Client, SeedOf("refresh"));
        Published(stalled).Problem.Should().BeEquivalentTo(new { Reason = Reasons.InvalidResponse, NeedsHuman = true });
        ReconcilePolicy.Decide(stalled with { Seed = Found(SeedOf("another")) }).Should().BeOfType<Decision.Import>();
    }

    [Fact]
    public void A_dead_token_is_retried_immediately_when_what_it_waits_for_changes()
    {
        var dead = Row(failure: Failed(FailureKind.ReauthorizationRequired, TimeSpan.FromHours(20)));
        Published(With(dead, Client, SeedOf("refresh"))).NextRefresh.Should().Be(Now.AddHours(20), "a dead token is tried ever more slowly");
        ReconcilePolicy.Decide(With(dead, OtherClient, SeedOf("refresh"))).Should().BeOfType<Decision.Refresh>("the client changed");
        ReconcilePolicy.Decide(With(dead, Client, SeedOf("refresh")) with { SpecChanged = true }).Should().BeOfType<Decision.Refresh>("the spec changed");
        ReconcilePolicy.Decide(With(dead, Client, SeedOf("another"))).Should().BeOfType<Decision.Import>("the seed changed").Which.Replaces.Should().Be(dead);
    }

    [Fact]
    public void After_a_transient_failure_the_seed_is_not_read_again() =>
        ReconcilePolicy.Missing(With(Row(failure: Failed(FailureKind.ProviderUnavailable, TimeSpan.FromSeconds(5))))).Should().Be(InputKind.Client);
}
