using KubeRuntime;
using TokenOperator.Api;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Inputs;
using TokenOperator.Providers.Documents;
using TokenOperator.Publishing;
using TokenOperator.Reconcile;
using TokenOperator.Refreshing;

namespace TokenOperator.Tests.Reconcile;

/// <summary>The table of decisions: each row is what is known, and what must follow.</summary>
public sealed class ReconcilePolicyTests
{
    private static readonly DateTimeOffset Now = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly OAuthClient Client = new("client-1", new SecretValue("client-secret"));
    private static readonly OAuthClient OtherClient = new("client-2", new SecretValue("other-secret"));

    private static readonly TokenRequest Request = new()
    {
        Owner = new NamespacedName("mail", "marcus-gmail"),
        Key = new AccountKey("google", "marcus"),
        Client = new SecretKey("mail", "gmail-oauth-client", "credentials.json"),
        Seed = new SecretKey("mail", "gmail-oauth-token", "token.json"),
        SecretName = "marcus-gmail-token",
    };

    private static readonly ReconcileInput Empty = new() { Now = Now, Request = Request, Providers = ["google"] };

    private static Seed SeedOf(string refreshToken, string? clientId = null) =>
        new(new TokenSet { RefreshToken = new SecretValue(refreshToken) }, clientId);

    private static AccountRecord Row(TimeSpan? left = null, RefreshFailure? failure = null, string[]? namespaces = null, string? refreshToken = "refresh") => new()
    {
        Key = Request.Key,
        Generation = 7,
        Namespaces = namespaces ?? ["mail"],
        Failure = failure,
        Token = new TokenSet
        {
            RefreshToken = SecretValue.From(refreshToken),
            AccessToken = left is null ? null : new SecretValue("access"),
            IssuedAt = left is null ? null : Now + left - TimeSpan.FromHours(1),
            ExpiresAt = left is null ? null : Now + left,
            Scopes = ["send", "read"],
        },
    };

    private static RefreshFailure Failed(FailureKind kind, TimeSpan retryIn, OAuthClient? client = null, string refreshToken = "refresh") =>
        new(kind, "detail", 1, Now.AddSeconds(-1), Now + retryIn, ReconcilePolicy.InputsFingerprint(client ?? Client, Row(refreshToken: refreshToken)));

    private static Lookup<T> Found<T>(T value)
        where T : class => new Lookup<T>.Found(value);

    private static ReconcileInput With(AccountRecord row, OAuthClient? client = null, Seed? seed = null) => Empty with
    {
        Account = Found(row),
        Client = client is null ? Empty.Client : Found(client),
        Seed = seed is null ? Empty.Seed : Found(seed),
    };

    private static DesiredState Published(ReconcileInput input) => ReconcilePolicy.Decide(input).Should().BeOfType<Decision.Publish>().Which.DesiredState;

    [Fact]
    public void An_input_is_read_only_if_the_decision_depends_on_it()
    {
        ReconcilePolicy.Missing(Empty with { Account = new Lookup<AccountRecord>.Absent("") }).Should().Be(InputKind.Seed);
        ReconcilePolicy.Missing(With(Row())).Should().Be(InputKind.Client);
        ReconcilePolicy.Missing(With(Row(), Client)).Should().BeNull();
        FluentActions.Invoking(() => ReconcilePolicy.Decide(With(Row()))).Should().Throw<InvalidOperationException>();
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("deleted", false)]
    [InlineData("suspended", false)]
    [InlineData("other account", false)]
    [InlineData("denied", false)]
    [InlineData("row unknown", true)]
    public void A_queued_refresh_is_done_only_if_the_object_and_the_row_still_require_it(string what, bool may)
    {
        var entity = new V1Alpha1OAuthToken
        {
            Metadata = new() { Name = "marcus-gmail", NamespaceProperty = "mail", DeletionTimestamp = what == "deleted" ? Now.UtcDateTime : null },
            Spec = new V1Alpha1OAuthToken.EntitySpec
            {
                Provider = "google",
                Account = what == "other account" ? "bob" : "marcus",
                ClientSecretRef = new V1Alpha1OAuthToken.SecretKeyRef { Name = "client" },
                Suspend = what == "suspended",
            },
        };
        var row = what == "row unknown" ? null : Row(namespaces: what == "denied" ? ["other"] : null);

        ReconcilePolicy.MayRefresh(entity, Request.Key, row).Should().Be(may);
    }

    [Fact]
    public void A_fresh_token_is_published_without_reading_anything_else()
    {
        var desired = Published(With(Row(TimeSpan.FromMinutes(50))));
        desired.Problem.Should().BeNull();
        desired.Account.Should().NotBeNull();
        desired.NextRefresh.Should().BeAfter(Now.AddMinutes(33)).And.BeOnOrBefore(Now.AddMinutes(35));
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

    [Fact]
    public void A_seed_is_imported_when_there_is_no_row()
    {
        var input = Empty with { Account = new Lookup<AccountRecord>.Absent(""), Seed = Found(SeedOf("new")) };
        ReconcilePolicy.Decide(input).Should().BeOfType<Decision.Import>().Which.Replaces.Should().BeNull();
    }

    [Fact]
    public void A_seed_of_another_client_is_rejected_before_it_is_sent_to_the_provider()
    {
        var input = Empty with { Account = new Lookup<AccountRecord>.Absent(""), Seed = Found(SeedOf("new", "client-9")) };
        ReconcilePolicy.Missing(input).Should().Be(InputKind.Client);
        var problem = Published(input with { Client = Found(Client) }).Problem!;
        problem.Reason.Should().Be(Reasons.SeedInvalid);
        problem.Message.Should().Contain("client-9").And.Contain("client-1");
        ReconcilePolicy.Decide(input with { Client = Found(new OAuthClient("client-9", new SecretValue("s"))) }).Should().BeOfType<Decision.Import>();
    }

    [Fact]
    public void A_token_without_all_scopes_is_replaced_by_a_new_seed_that_has_them()
    {
        var wanting = With(Row(TimeSpan.FromMinutes(50))) with { Request = Request with { Scopes = ["send", "admin"] } };
        static Seed Granting(params string[] scopes) => new(SeedOf("another").Token with { Scopes = scopes }, null);

        ReconcilePolicy.Missing(wanting).Should().Be(InputKind.Seed);
        ReconcilePolicy.Decide(wanting with { Seed = Found(Granting("admin", "send")) }).Should().BeOfType<Decision.Import>();
        Published(wanting with { Seed = Found(Granting("send")) }).Problem!.Reason.Should().Be(Reasons.ScopesMissing);
        Published(With(Row(TimeSpan.FromMinutes(50)), seed: Granting("admin", "send"))).Problem.Should().BeNull("a token with all requested scopes is not replaced");
    }

    private static DesiredState? Meanwhile(ReconcileInput input) => ReconcilePolicy.Decide(input).Should().BeOfType<Decision.Refresh>().Which.Meanwhile;

    [Fact]
    public void While_a_refresh_waits_for_the_rate_limit_the_object_keeps_its_state_and_the_refresh_stays_requested()
    {
        var waiting = new RefreshState.Running(IsSlow: true, TimeSpan.FromSeconds(30));
        var healthy = Meanwhile(With(Row(TimeSpan.FromMinutes(10)), Client) with { Refresh = waiting });
        healthy.Should().BeEquivalentTo(new { IsWaiting = true, NextRefresh = Now.AddSeconds(30), Problem = (Problem?)null });
        var failing = Meanwhile(With(Row(failure: Failed(FailureKind.ProviderUnavailable, TimeSpan.FromSeconds(-1))), Client) with { Refresh = waiting });
        failing!.Problem!.Reason.Should().Be(Reasons.ProviderUnavailable);
        var none = Meanwhile(With(Row(), Client) with { Refresh = waiting, RefreshRequested = true });
        none!.IsWaiting.Should().BeTrue();
        none.Problem!.Reason.Should().Be(Reasons.Pending);
        none.Problem.Message.Should().Contain("Providers__google__RequestsPerSecond");
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
        var ready = new V1Alpha1OAuthToken.EntityStatus
        {
            ExpiresAt = Timestamps.Format(Now),
            Conditions = [new V1Alpha1OAuthToken.Condition { Type = ConditionTypes.Ready, Status = "True", Reason = Reasons.Refreshed, Message = "", LastTransitionTime = "" }],
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

    [Theory]
    [InlineData(50, false, SecretAction.Write)]
    [InlineData(50, true, SecretAction.Keep)]
    public void The_decision_says_what_happens_to_the_Secret(double minutesLeft, bool suspended, SecretAction action) =>
        Published(With(Row(TimeSpan.FromMinutes(minutesLeft))) with { Request = Request with { Suspended = suspended } }).Secret.Should().Be(action);

    [Fact]
    public void A_namespace_that_may_no_longer_use_the_account_loses_its_Secret_even_while_suspended() =>
        Published(With(Row() with { DeniedNamespaces = ["mail"] }) with { Request = Request with { Suspended = true } }).Secret.Should().Be(SecretAction.Withdraw);

    [Fact]
    public void An_invalid_spec_is_reported_before_anything_else_is_checked()
    {
        var desired = Published(Empty with { SpecError = "spec.account is empty." });
        desired.Problem.Should().Be(new Problem(Reasons.InvalidSpec, "spec.account is empty."));
        desired.Secret.Should().Be(SecretAction.Keep);
    }

    [Theory]
    [InlineData(Reasons.ReauthorizationRequired, true)]
    [InlineData(Reasons.ScopesMissing, true)]
    [InlineData(Reasons.ClientRejected, false)]
    [InlineData(Reasons.SeedMissing, false)]
    [InlineData(Reasons.ProviderUnavailable, false)]
    [InlineData(null, false)]
    public void A_consent_is_offered_where_it_helps_and_only_to_a_namespace_that_may_use_the_account(string? reason, bool isOffered)
    {
        var problem = reason is null ? null : new Problem(reason, "something is wrong");
        ReconcilePolicy.OffersConsent(new DesiredState(Row(), problem, null)).Should().Be(isOffered);
        ReconcilePolicy.OffersConsent(new DesiredState(null, problem, null)).Should().BeFalse("nobody is told which accounts there are");
    }

    public static TheoryData<string, ReconcileInput> Problems => new()
    {
        { Reasons.UnknownProvider, Empty with { Providers = ["other"] } },
        { Reasons.StoreUnavailable, Empty with { StoreError = "database away" } },
        { Reasons.StoredTokenInvalid, Empty with { Account = new Lookup<AccountRecord>.Faulty(new Problem(Reasons.StoredTokenInvalid, "row")) } },
        { Reasons.SeedMissing, Empty with { Request = Request with { Seed = null }, Account = new Lookup<AccountRecord>.Absent("") } },
        { Reasons.SeedMissing, Empty with { Account = new Lookup<AccountRecord>.Absent(""), Seed = new Lookup<Seed>.Absent("no Secret") } },
        { Reasons.SeedInvalid, Empty with { Account = new Lookup<AccountRecord>.Absent(""), Seed = new Lookup<Seed>.Faulty(new Problem(Reasons.SeedInvalid, "broken")) } },
        { Reasons.SeedMissing, With(Row(refreshToken: null)) with { Seed = new Lookup<Seed>.Absent("no Secret") } },
        { Reasons.Suspended, With(Row()) with { Request = Request with { Suspended = true } } },
        { Reasons.Suspended, Empty with { Account = new Lookup<AccountRecord>.Absent(""), Request = Request with { Suspended = true } } },
        { Reasons.ClientSecretMissing, With(Row()) with { Client = new Lookup<OAuthClient>.Absent("no Secret") } },
        { Reasons.ClientSecretInvalid, With(Row()) with { Client = new Lookup<OAuthClient>.Faulty(new Problem(Reasons.ClientSecretInvalid, "broken")) } },
        { Reasons.AccountNotAllowed, With(Row(TimeSpan.FromMinutes(50), namespaces: ["other"]), seed: SeedOf("its own")) },
        { Reasons.AccountNotAllowed, With(Row() with { Namespaces = null }, seed: SeedOf("not the same")) },
        { Reasons.AccountNotAllowed, With(Row() with { Namespaces = null, DeniedNamespaces = ["mail"] }, seed: SeedOf("refresh")) },
        { Reasons.AccountNotAllowed, With(Row() with { DeniedNamespaces = ["mail"] }) },
        { Reasons.AccountNotAllowed, With(Row() with { Namespaces = null }) with { Seed = new Lookup<Seed>.Absent("no Secret") } },
        { Reasons.ScopesMissing, With(Row(TimeSpan.FromMinutes(50)), seed: SeedOf("another of unknown scopes")) with { Request = Request with { Scopes = ["send", "admin"] } } },
        { Reasons.ProviderUnavailable, With(Row(failure: Failed(FailureKind.ProviderUnavailable, TimeSpan.FromSeconds(5))), Client) },
        { Reasons.RateLimited, With(Row(failure: Failed(FailureKind.RateLimited, TimeSpan.FromSeconds(5))), Client) },
        { Reasons.ReauthorizationRequired, With(Row(failure: Failed(FailureKind.ReauthorizationRequired, TimeSpan.FromHours(20))), Client, SeedOf("refresh")) },
        { Reasons.ClientRejected, With(Worked(Row(TimeSpan.FromMinutes(5))), Client, SeedOf("refresh")) with { ClientRejectedUntil = Now.AddMinutes(1) } },
    };

    [Theory]
    [MemberData(nameof(Problems))]
    public void Each_problem_is_reported_with_its_reason_and_a_message(string reason, ReconcileInput input)
    {
        var desired = Published(input);
        desired.Problem!.Reason.Should().Be(reason);
        desired.Problem.Message.Should().NotBeNullOrWhiteSpace();
    }

    [Theory]
    [InlineData("other")]
    [InlineData(null)]
    public void A_namespace_that_may_not_use_an_account_gets_none_of_its_tokens(string? owner)
    {
        var row = Row(TimeSpan.FromMinutes(50)) with { Namespaces = owner is null ? null : [owner] };
        Published(With(row) with { Seed = Found(SeedOf("guess")) }).Account.Should().BeNull();
        Published(With(row) with { StoreError = "away" }).Account.Should().BeNull();
    }

    public static TheoryData<ReconcileInput> Probes =>
    [
        Empty,
        Empty with { Request = Request with { Seed = null } },
        Empty with { Request = Request with { Suspended = true } },
        Empty with { Request = Request with { Suspended = true }, Seed = Found(SeedOf("its own")) },
        Empty with { Seed = new Lookup<Seed>.Absent("no Secret") },
        Empty with { Seed = new Lookup<Seed>.Faulty(new Problem(Reasons.SeedInvalid, "broken")) },
        Empty with { StoreError = "away" },
        Empty with { Request = Request with { Seed = null }, RefreshRequested = true, SpecChanged = true, ClientRejectedUntil = Now.AddHours(1) },
    ];

    [Theory]
    [MemberData(nameof(Probes))]
    public void A_namespace_without_a_token_file_gets_the_same_answer_for_a_foreign_account_as_for_a_missing_one(ReconcileInput probe)
    {
        var none = probe with { Account = new Lookup<AccountRecord>.Absent("") };
        var others = probe with { Account = new Lookup<AccountRecord>.Found(Row(TimeSpan.FromMinutes(50), namespaces: ["other"])) };
        ReconcilePolicy.Missing(others).Should().Be(ReconcilePolicy.Missing(none));
        if (ReconcilePolicy.Missing(none) is null)
            ReconcilePolicy.Decide(others).Should().Be(ReconcilePolicy.Decide(none));
    }

    [Fact]
    public void A_row_without_namespaces_goes_to_the_namespace_whose_seed_holds_the_same_refresh_token()
    {
        ReconcilePolicy.Missing(With(Row() with { Namespaces = null })).Should().Be(InputKind.Seed);
        ReconcilePolicy.Decide(With(Row() with { Namespaces = null }, seed: SeedOf("refresh"))).Should().BeOfType<Decision.Allow>();
    }

    [Fact]
    public void A_seed_with_the_same_refresh_token_gives_no_access_to_a_row_that_belongs_to_another_namespace() =>
        Published(With(Row(namespaces: ["other"]), seed: SeedOf("refresh"))).Problem!.Reason.Should().Be(Reasons.AccountNotAllowed);

    [Fact]
    public void While_Postgres_is_away_the_last_known_token_stays_published()
    {
        var desired = Published(With(Row(TimeSpan.FromMinutes(5))) with { StoreError = "away" });
        desired.Account.Should().NotBeNull();
        desired.Problem!.NeedsHuman.Should().BeFalse();
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

    /// <summary>The row after a refresh.</summary>
    private static AccountRecord Worked(AccountRecord row) => row with { LastRefreshAt = row.Token.IssuedAt };

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
            Status = new V1Alpha1OAuthToken.EntityStatus { ObservedGeneration = 1, LastHandledRefreshRequest = "earlier" },
            Refresh = new RefreshState.Ended(new RefreshOutcome.Asked(null), TimeSpan.FromSeconds(4), new RefreshCause("uid", "earlier", 1, IsPoked: true)),
        };
        var desired = Published(poked);
        desired.Should().BeEquivalentTo(new { Problem = (Problem?)null, Secret = SecretAction.Write, PostponedUntil = Now.AddSeconds(6) });
        var secret = new SecretResult(SecretOutcome.UpToDate, "");
        ReconcilePolicy.StatusInputFor(poked, desired, secret, 1, "later").HandledRequest.Should().Be("earlier");
        ReconcilePolicy.RequeueAfter(desired, secret, new V1Alpha1OAuthToken.EntityStatus(), null, Now).Should().Be(TimeSpan.FromSeconds(6));
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
    public void A_token_that_never_expires_is_published_and_checked_only_where_the_document_says_so()
    {
        var endless = new TokenSet { AccessToken = new SecretValue("access"), NeverExpires = true, IssuedAt = Now.AddHours(-1) };
        var row = Row() with { Token = endless, Failure = null };
        var never = Provider(new ExpiryRules { Never = true });
        var checkedDaily = Provider(new ExpiryRules { Never = true, CheckEndpoint = new Uri("https://provider.example/me") });

        Published(With(row) with { Provider = never }).Should().BeEquivalentTo(new { Problem = (Problem?)null, NextRefresh = (DateTimeOffset?)null, Secret = SecretAction.Write });
        Published(With(row) with { Provider = checkedDaily }).NextRefresh.Should().BeAfter(Now.AddHours(20)).And.BeBefore(Now.AddHours(24));
        ReconcilePolicy.Decide(With(row with { Token = endless with { CheckedAt = Now.AddDays(-2) } }, Client) with { Provider = checkedDaily }).Should().BeOfType<Decision.Refresh>();
        ReconcilePolicy.Decide(With(row with { Token = endless with { RefreshToken = new SecretValue("r") } }, Client) with { Provider = Provider(new ExpiryRules()) })
            .Should().BeOfType<Decision.Refresh>("a row can claim to hold such a token of any provider");
    }

    [Fact]
    public void A_refresh_on_request_waits_for_the_least_interval_of_the_provider()
    {
        var provider = Provider(new ExpiryRules()) with { Limits = new RequestLimits { MinInterval = TimeSpan.FromMinutes(10) } };
        var requested = With(Row(TimeSpan.FromMinutes(40)) with { LastRefreshAt = Now.AddMinutes(-4) }, Client) with { Provider = provider, RefreshRequested = true };

        Published(requested).PostponedUntil.Should().Be(Now.AddMinutes(6));
        ReconcilePolicy.Decide(requested with { Now = Now.AddMinutes(6) }).Should().BeOfType<Decision.Refresh>();
    }

    [Fact]
    public void A_refresh_that_was_cut_off_is_not_repeated_at_once_where_that_could_end_the_grant()
    {
        var abandoned = Row(TimeSpan.FromMinutes(40)) with { OpenClaim = new OpenClaim("scope", "dead process", IsOver: true) };
        var harmful = Provider(new ExpiryRules()) with { Rotation = new RotationRules { Mode = RotationMode.Always, OnReplay = ReplayEffect.RevokesGrant } };

        ReconcilePolicy.Decide(With(abandoned, Client) with { Provider = Provider(new ExpiryRules()) }).Should().BeOfType<Decision.Refresh>();
        ReconcilePolicy.Decide(With(abandoned, Client) with { Provider = harmful with { Rotation = harmful.Rotation with { Grace = TimeSpan.FromMinutes(10) } } }).Should().BeOfType<Decision.Refresh>();
        Published(With(abandoned, Client) with { Provider = harmful }).NextRefresh.Should().BeAfter(Now);
    }

    private static ProviderDocument Provider(ExpiryRules expiry) =>
        new() { Name = "google", DisplayName = "Google", TokenEndpoint = new Uri("https://provider.example/token"), Expiry = expiry };

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
    public void A_seed_that_was_imported_before_is_not_imported_again()
    {
        var seed = SeedOf("old seed");
        var dead = Row(failure: Failed(FailureKind.ReauthorizationRequired, TimeSpan.FromHours(20))) with { SeedFingerprints = [seed.Fingerprint, SeedOf("of another object").Fingerprint] };
        Published(With(dead, Client, seed)).Problem!.Reason.Should().Be(Reasons.ReauthorizationRequired);
    }

    [Theory]
    [InlineData(47, null, true)]
    [InlineData(47, 168, true)]
    [InlineData(47, 46, false)]
    [InlineData(49, null, false)]
    [InlineData(null, null, false)]
    public void A_new_seed_replaces_a_consent_that_ends_within_two_days_unless_it_ends_earlier(int? hoursLeft, int? seedHours, bool replaces)
    {
        var row = Row(TimeSpan.FromMinutes(50));
        row = row with { Token = row.Token with { RefreshTokenExpiresAt = hoursLeft is { } hours ? Now.AddHours(hours) : null } };
        var seed = new Seed(SeedOf("another").Token with { RefreshTokenExpiresAt = seedHours is { } end ? Now.AddHours(end) : null }, null);
        (ReconcilePolicy.Decide(With(row, Client, seed)) is Decision.Import).Should().Be(replaces);
        Published(With(row, Client, SeedOf("refresh"))).Problem.Should().BeNull("the seed is the consent that ends");
    }

    [Fact]
    public void A_changed_seed_does_not_replace_a_token_that_works() =>
        Published(With(Row(TimeSpan.FromMinutes(50)), Client, SeedOf("another"))).Problem.Should().BeNull();

    [Fact]
    public void After_a_transient_failure_the_seed_is_not_read_again() =>
        ReconcilePolicy.Missing(With(Row(failure: Failed(FailureKind.ProviderUnavailable, TimeSpan.FromSeconds(5))))).Should().Be(InputKind.Client);
}
