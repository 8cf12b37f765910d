using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Documents;
using TokenOperator.Publishing;
using TokenOperator.Reconcile;
using TokenOperator.Refreshing;
using TokenOperator.Tests.Providers;
using static TokenOperator.Tests.Reconcile.PolicyInputs;

namespace TokenOperator.Tests.Reconcile;

/// <summary>When a token is refreshed, and what is published while it is.</summary>
public sealed class RefreshDecisionTests
{
    [Theory]
    [InlineData("", true)]
    [InlineData("deleted", false)]
    [InlineData("suspended", false)]
    [InlineData("other account", false)]
    [InlineData("denied", false)]
    [InlineData("created again", false)]
    [InlineData("row unknown", true)]
    public void A_queued_refresh_is_done_only_if_the_object_and_the_row_still_require_it(string what, bool may)
    {
        var entity = new V1Beta1OAuthToken
        {
            Metadata = new() { Name = "marcus-gmail", NamespaceProperty = "mail", DeletionTimestamp = what == "deleted" ? Now.UtcDateTime : null },
            Spec = new V1Beta1OAuthToken.EntitySpec
            {
                Provider = "google",
                Account = what == "other account" ? "bob" : "marcus",
                ClientSecretRef = new V1Beta1OAuthToken.SecretKeyRef { Name = "client" },
                Suspend = what == "suspended",
            },
        };
        var row = what == "row unknown" ? null : Row(namespaces: what == "denied" ? ["other"] : null);

        ReconcilePolicy.MayRefresh(entity, Request.Key, new AccountUser("mail", what == "created again" ? "uid-2" : "uid-1"), row).Should().Be(may);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-5)]
    [InlineData(14.9)]
    public void A_token_that_is_due_is_refreshed(double minutesLeft) =>
        ReconcilePolicy.Decide(With(Row(TimeSpan.FromMinutes(minutesLeft)), Client)).Should().BeOfType<Decision.Refresh>();

    [Fact]
    public void A_token_just_outside_its_window_is_not_refreshed() =>
        Published(With(Row(TimeSpan.FromMinutes(16.6)), Client)).Problem.Should().BeNull("the window is 15 minutes and at most a tenth of jitter");

    [Theory]
    [InlineData("lease", "an earlier process", false, true)]
    [InlineData("lease", "this process", false, false)]
    [InlineData("another lease", "another process", false, false)]
    [InlineData("another lease", "another process", true, true)]
    public void A_refresh_whose_process_is_gone_is_repeated_immediately(string scope, string holder, bool isOver, bool again)
    {
        var claim = new OpenClaim(scope, holder, isOver);
        AccountRecord[] rows =
        [
            Row(TimeSpan.FromMinutes(50)) with { OpenClaim = claim },
            Row(TimeSpan.FromMinutes(50), Failed(FailureKind.ProviderUnavailable, TimeSpan.FromMinutes(5))) with { OpenClaim = claim },
        ];
        foreach (var row in rows)
        {
            var decision = ReconcilePolicy.Decide(With(row, Client) with { Leader = ("lease", "this process") });
            (decision is Decision.Refresh).Should().Be(again);
        }
    }

    private static DesiredState? Meanwhile(ReconcileInput input) => ReconcilePolicy.Decide(input).Should().BeOfType<Decision.Refresh>().Which.Meanwhile;

    [Fact]
    public void While_a_refresh_waits_for_the_rate_limit_the_object_keeps_its_state_and_the_refresh_stays_requested()
    {
        var waiting = new RefreshState.Running(IsSlow: true, new RateWait(TimeSpan.FromSeconds(30), IsOfClient: false));
        var healthy = Meanwhile(With(Row(TimeSpan.FromMinutes(10)), Client) with { Refresh = waiting });
        healthy.Should().BeEquivalentTo(new { IsWaiting = true, NextRefresh = Now.AddSeconds(30), Problem = (Problem?)null });
        var failing = Meanwhile(With(Row(failure: Failed(FailureKind.ProviderUnavailable, TimeSpan.FromSeconds(-1))), Client) with { Refresh = waiting });
        failing!.Problem!.Reason.Should().Be(Reasons.ProviderUnavailable);
        var none = Meanwhile(With(Row(), Client) with { Refresh = waiting, RefreshRequested = true });
        none!.IsWaiting.Should().BeTrue();
        none.Problem!.Reason.Should().Be(Reasons.Pending);
        none.Problem.Message.Should().Contain("limits.requestsPerSecond of the document of provider google");
        var ofClient = Meanwhile(With(Row(), Client) with { Refresh = waiting with { WaitsForRate = new RateWait(TimeSpan.FromSeconds(90), IsOfClient: true) } })!;
        ofClient.NextRefresh.Should().Be(Now.AddSeconds(90));
        ofClient.Problem!.Message.Should().Contain("the OAuth client in Secret mail/gmail-oauth-client").And.Contain("limits.clientRequestsPerSecond of the document of provider google");
    }

    [Fact]
    public void A_quick_refresh_writes_no_status_of_its_own_and_a_slow_one_reports_what_it_waits_for()
    {
        var due = With(Row(), Client);
        Meanwhile(due).Should().BeNull();
        Meanwhile(due with { Refresh = new RefreshState.Running(IsSlow: false, WaitsForRate: null) }).Should().BeNull();
        var slow = Meanwhile(due with { Refresh = new RefreshState.Running(IsSlow: true, WaitsForRate: null) })!;
        slow.Problem!.Reason.Should().Be(Reasons.Pending);
        slow.Problem.Message.Should().Contain("is waiting for its provider");
    }

    [Fact]
    public void A_token_that_expires_during_a_refresh_is_reported_even_if_the_refresh_is_quick()
    {
        var ready = new V1Beta1OAuthToken.EntityStatus
        {
            ExpiresAt = Timestamps.Format(Now),
            Conditions = [new V1Beta1OAuthToken.Condition { Type = ConditionTypes.Ready, Status = "True", Reason = Reasons.Refreshed, Message = "", LastTransitionTime = "" }],
        };
        var expired = With(Row(TimeSpan.Zero), Client) with { Status = ready };
        Meanwhile(expired)!.IsWaiting.Should().BeTrue();
        Meanwhile(expired with { Now = Now.AddSeconds(-1) }).Should().BeNull();
    }

    public static TheoryData<RefreshOutcome, double> RefreshesThatAskedNothing => new()
    {
        { new RefreshOutcome.ClaimHeld(), 2 },
        { new RefreshOutcome.LeadershipLost(), 5 },
        { new RefreshOutcome.Faulted(), 5 },
    };

    [Theory]
    [MemberData(nameof(RefreshesThatAskedNothing))]
    public void A_refresh_that_ended_without_an_answer_is_retried_after_seconds(RefreshOutcome outcome, double seconds)
    {
        var due = With(Row(), Client);
        ReconcilePolicy.Decide(due with { Refresh = new RefreshState.Ended(outcome, TimeSpan.FromSeconds(0.5), null) }).Should().Be(new Decision.Wait(TimeSpan.FromSeconds(seconds - 0.5)));
        ReconcilePolicy.Decide(due with { Refresh = new RefreshState.Ended(outcome, TimeSpan.FromSeconds(seconds), null) }).Should().BeOfType<Decision.Refresh>();
    }

    [Fact]
    public void A_token_that_never_expires_is_published_and_checked_only_where_the_document_says_so()
    {
        var endless = new TokenSet { AccessToken = new SecretValue("access"), NeverExpires = true, IssuedAt = Now.AddHours(-1) };
        var row = Row() with { Token = endless, Failure = null };
        var never = Provider(new ExpiryRules { Never = true });
        var checkedDaily = Provider(new ExpiryRules { Never = true, CheckEndpoint = new Uri("https://provider.example/me") });

        Published(With(row) with { ProviderState = TestRegistry.UsableWith(never) }).Should().BeEquivalentTo(new { Problem = (Problem?)null, NextRefresh = (DateTimeOffset?)null, Secret = SecretAction.Write });
        Published(With(row) with { ProviderState = TestRegistry.UsableWith(checkedDaily) }).NextRefresh.Should().BeAfter(Now.AddHours(20)).And.BeBefore(Now.AddHours(24));
        ReconcilePolicy.Decide(With(row with { Token = endless with { CheckedAt = Now.AddDays(-2) } }, Client) with { ProviderState = TestRegistry.UsableWith(checkedDaily) }).Should().BeOfType<Decision.Refresh>();
        ReconcilePolicy.Decide(With(row with { Token = endless with { RefreshToken = new SecretValue("r") } }, Client) with { ProviderState = TestRegistry.UsableWith(Provider(new ExpiryRules())) })
            .Should().BeOfType<Decision.Refresh>("a row can claim to hold such a token of any provider");
    }

    [Fact]
    public void A_refresh_on_request_waits_for_the_least_interval_of_the_provider()
    {
        var provider = Provider(new ExpiryRules()) with { Limits = new RequestLimits { MinInterval = TimeSpan.FromMinutes(10) } };
        var requested = With(Row(TimeSpan.FromMinutes(40)) with { LastRefreshAt = Now.AddMinutes(-4) }, Client) with { ProviderState = TestRegistry.UsableWith(provider), RefreshRequested = true };

        Published(requested).PostponedUntil.Should().Be(Now.AddMinutes(6));
        ReconcilePolicy.Decide(requested with { Now = Now.AddMinutes(6) }).Should().BeOfType<Decision.Refresh>();
    }

    [Fact]
    public void A_refresh_that_was_cut_off_is_not_repeated_at_once_where_that_could_end_the_grant()
    {
        var abandoned = Row(TimeSpan.FromMinutes(40)) with { OpenClaim = new OpenClaim("scope", "dead process", IsOver: true) };
        var harmful = Provider(new ExpiryRules()) with { Rotation = new RotationRules { Mode = RotationMode.Always, OnReplay = ReplayEffect.RevokesGrant } };
        var machine = With(abandoned, Client) with { Request = Request with { Grant = new Grant.ClientCredentials(), Seed = null } };

        ReconcilePolicy.Decide(With(abandoned, Client) with { ProviderState = TestRegistry.UsableWith(Provider(new ExpiryRules())) }).Should().BeOfType<Decision.Refresh>();
        Published(With(abandoned, Client) with { ProviderState = TestRegistry.UsableWith(harmful with { Rotation = harmful.Rotation with { OnReplay = null } }) }).NextRefresh.Should().BeAfter(Now);
        Published(With(abandoned, Client) with { ProviderState = TestRegistry.UsableWith(harmful) }).NextRefresh.Should().BeAfter(Now);
        ReconcilePolicy.Decide(machine with { ProviderState = TestRegistry.UsableWith(harmful) }).Should().BeOfType<Decision.Refresh>("it has no refresh token");
    }

    [Fact]
    public void After_a_lost_answer_whose_repetition_could_end_the_grant_only_a_request_a_new_seed_or_the_expiry_ends_the_wait()
    {
        var harmful = Provider(new ExpiryRules()) with { Rotation = new RotationRules { Mode = RotationMode.Always, Grace = TimeSpan.FromSeconds(30) } };
        var lost = new RefreshFailure(FailureKind.ProviderUnavailable, "no reply", 1, Now.AddMinutes(-2), Now.AddMinutes(10), "other inputs") { UnansweredSince = Now.AddMinutes(-2) };
        var failed = With(Row(TimeSpan.FromMinutes(10), lost), Client) with { ProviderState = TestRegistry.UsableWith(harmful) };
        // The next refresh is due.
        var cutOff = With(Row(TimeSpan.FromMinutes(10)) with { OpenClaim = new OpenClaim("scope", "dead process", IsOver: true) { At = Now.AddMinutes(-2) } }, Client) with { ProviderState = failed.ProviderState };

        foreach (var input in new[] { failed, cutOff })
        {
            var waiting = input with { Request = Request with { Seed = null } };
            ReconcilePolicy.Decide(input with { Seed = With(Row(), seed: SeedOf("another")).Seed }).Should().BeOfType<Decision.Import>();
            Published(waiting).NextRefresh.Should().Be(Now.AddMinutes(10));
            Published(waiting with { SpecChanged = true }).NextRefresh.Should().Be(Now.AddMinutes(10));
            ReconcilePolicy.Decide(waiting with { RefreshRequested = true }).Should().BeOfType<Decision.Refresh>();
            ReconcilePolicy.Decide(waiting with { Now = Now.AddMinutes(10) }).Should().BeOfType<Decision.Refresh>();
            ReconcilePolicy.Decide(waiting with { Now = Now.AddMinutes(-1.6) }).Should().BeOfType<Decision.Refresh>("the old one still works");
            ReconcilePolicy.Decide(waiting with { ProviderState = TestRegistry.UsableWith(Provider(new ExpiryRules())) }).Should().BeOfType<Decision.Refresh>();
            Published(waiting).Problem?.Reason.Should().Be(Reasons.ProviderUnavailable);
        }
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(9.9, true)]
    [InlineData(10, false)]
    [InlineData(300, false)]
    public void A_refresh_that_was_cut_off_is_repeated_at_once_only_within_the_grace_period_after_its_claim(double minutesAgo, bool again)
    {
        var abandoned = Row(TimeSpan.FromMinutes(40)) with { OpenClaim = new OpenClaim("scope", "dead process", IsOver: true) { At = Now.AddMinutes(-minutesAgo) } };
        var rotation = new RotationRules { Mode = RotationMode.Always, OnReplay = ReplayEffect.RevokesGrant, Grace = TimeSpan.FromMinutes(10) };

        var decision = ReconcilePolicy.Decide(With(abandoned, Client) with { ProviderState = TestRegistry.UsableWith(Provider(new ExpiryRules()) with { Rotation = rotation }) });

        (decision is Decision.Refresh).Should().Be(again);
        (decision is Decision.Publish { DesiredState.NextRefresh: { } next } && next > Now).Should().Be(!again);
    }
}
