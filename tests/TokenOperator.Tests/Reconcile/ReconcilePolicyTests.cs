using KubeRuntime;
using TokenOperator.Api;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Reconcile;

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

    private static DesiredState Settled(ReconcileInput situation) => ReconcilePolicy.Decide(situation).Should().BeOfType<Decision.Publish>().Which.DesiredState;

    [Fact]
    public void What_is_not_known_is_looked_up_and_only_when_it_is_needed()
    {
        ReconcilePolicy.Decide(Empty).Should().BeOfType<Decision.LookUpAccount>();
        ReconcilePolicy.Decide(Empty with { Account = new Lookup<AccountRecord>.Absent("") }).Should().BeOfType<Decision.ReadSeed>();
        ReconcilePolicy.Decide(With(Row())).Should().BeOfType<Decision.ReadClient>();
    }

    [Fact]
    public void A_fresh_token_is_published_without_reading_anything_else()
    {
        var verdict = Settled(With(Row(TimeSpan.FromMinutes(50))));
        verdict.Problem.Should().BeNull();
        verdict.Account.Should().NotBeNull();
        verdict.NextRefresh.Should().BeAfter(Now.AddMinutes(33)).And.BeOnOrBefore(Now.AddMinutes(35));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-5)]
    [InlineData(14.9)]
    public void A_token_that_is_due_is_refreshed(double minutesLeft) =>
        ReconcilePolicy.Decide(With(Row(TimeSpan.FromMinutes(minutesLeft)), Client)).Should().BeOfType<Decision.Refresh>();

    [Fact]
    public void A_token_just_outside_its_window_is_not_refreshed() =>
        Settled(With(Row(TimeSpan.FromMinutes(16.6)), Client)).Problem.Should().BeNull("the window is 15 minutes and at most a tenth of jitter");

    [Theory]
    [InlineData("lease", "an earlier process", false, true)]
    [InlineData("lease", "this process", false, false)]
    [InlineData("another lease", "another process", false, false)]
    [InlineData("another lease", "another process", true, true)]
    public void A_refresh_that_nobody_will_end_is_done_again_at_once(string scope, string holder, bool isOver, bool again)
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
        var situation = Empty with { Account = new Lookup<AccountRecord>.Absent(""), Seed = Found(SeedOf("new")) };
        ReconcilePolicy.Decide(situation).Should().BeOfType<Decision.Import>().Which.Replaces.Should().BeNull();
    }

    [Fact]
    public void A_seed_of_another_client_is_refused_before_the_provider_can_call_it_invalid()
    {
        var situation = Empty with { Account = new Lookup<AccountRecord>.Absent(""), Seed = Found(SeedOf("new", "client-9")) };
        ReconcilePolicy.Decide(situation).Should().BeOfType<Decision.ReadClient>();
        var problem = Settled(situation with { Client = Found(Client) }).Problem!;
        problem.Reason.Should().Be(Reasons.SeedInvalid);
        problem.Message.Should().Contain("client-9").And.Contain("client-1");
        ReconcilePolicy.Decide(situation with { Client = Found(new OAuthClient("client-9", new SecretValue("s"))) }).Should().BeOfType<Decision.Import>();
    }

    [Fact]
    public void A_token_without_all_scopes_is_replaced_by_a_new_seed_that_has_them()
    {
        var wanting = With(Row(TimeSpan.FromMinutes(50))) with { Request = Request with { Scopes = ["send", "admin"] } };
        static Seed Granting(params string[] scopes) => new(SeedOf("another").Token with { Scopes = scopes }, null);

        ReconcilePolicy.Decide(wanting).Should().BeOfType<Decision.ReadSeed>();
        ReconcilePolicy.Decide(wanting with { Seed = Found(Granting("admin", "send")) }).Should().BeOfType<Decision.Import>();
        Settled(wanting with { Seed = Found(Granting("send")) }).Problem!.Reason.Should().Be(Reasons.ScopesMissing);
        Settled(With(Row(TimeSpan.FromMinutes(50)), seed: Granting("admin", "send"))).Problem.Should().BeNull("a token that has what is asked for is left alone");
    }

    [Fact]
    public void While_the_rate_limit_makes_it_wait_all_is_as_it_was_and_what_asked_for_it_stands()
    {
        var at = Now.AddSeconds(30);
        var healthy = Settled(With(Row(TimeSpan.FromMinutes(10)), Client) with { PermitAt = at });
        healthy.Should().BeEquivalentTo(new { IsWaiting = true, NextRefresh = at, Problem = (Problem?)null });
        var failing = Settled(With(Row(failure: Failed(FailureKind.ProviderUnavailable, TimeSpan.FromSeconds(-1))), Client) with { PermitAt = at });
        failing.Problem!.Reason.Should().Be(Reasons.ProviderUnavailable);
        var none = Settled(With(Row(), Client) with { PermitAt = at, RefreshRequested = true });
        none.IsWaiting.Should().BeTrue();
        none.Problem!.Reason.Should().Be(Reasons.Pending);
        none.Problem.Message.Should().Contain("Providers__google__RequestsPerSecond");
    }

    public static TheoryData<string, ReconcileInput> Problems => new()
    {
        { Reasons.UnknownProvider, Empty with { Providers = ["other"] } },
        { Reasons.StoreUnavailable, Empty with { StoreError = "database away" } },
        { Reasons.StoredTokenInvalid, Empty with { Account = new Lookup<AccountRecord>.Faulty(Reasons.StoredTokenInvalid, "row", true) } },
        { Reasons.SeedMissing, Empty with { Request = Request with { Seed = null }, Account = new Lookup<AccountRecord>.Absent("") } },
        { Reasons.SeedMissing, Empty with { Account = new Lookup<AccountRecord>.Absent(""), Seed = new Lookup<Seed>.Absent("no Secret") } },
        { Reasons.SeedInvalid, Empty with { Account = new Lookup<AccountRecord>.Absent(""), Seed = new Lookup<Seed>.Faulty(Reasons.SeedInvalid, "broken", true) } },
        { Reasons.SeedMissing, With(Row(refreshToken: null)) with { Seed = new Lookup<Seed>.Absent("no Secret") } },
        { Reasons.Suspended, With(Row()) with { Request = Request with { Suspended = true } } },
        { Reasons.Suspended, Empty with { Account = new Lookup<AccountRecord>.Absent(""), Request = Request with { Suspended = true } } },
        { Reasons.ClientSecretMissing, With(Row()) with { Client = new Lookup<OAuthClient>.Absent("no Secret") } },
        { Reasons.ClientSecretInvalid, With(Row()) with { Client = new Lookup<OAuthClient>.Faulty(Reasons.ClientSecretInvalid, "broken", true) } },
        { Reasons.AccountNotAllowed, With(Row(TimeSpan.FromMinutes(50), namespaces: ["other"]), seed: SeedOf("its own")) },
        { Reasons.AccountNotAllowed, With(Row() with { Namespaces = null }, seed: SeedOf("not the same")) },
        { Reasons.AccountNotAllowed, With(Row() with { Namespaces = null, DeniedNamespaces = ["mail"] }, seed: SeedOf("refresh")) },
        { Reasons.AccountNotAllowed, With(Row() with { DeniedNamespaces = ["mail"] }) },
        { Reasons.AccountNotAllowed, With(Row() with { Namespaces = null }) with { Seed = new Lookup<Seed>.Absent("no Secret") } },
        { Reasons.ScopesMissing, With(Row(TimeSpan.FromMinutes(50)), seed: SeedOf("another of unknown scopes")) with { Request = Request with { Scopes = ["send", "admin"] } } },
        { Reasons.ProviderUnavailable, With(Row(failure: Failed(FailureKind.ProviderUnavailable, TimeSpan.FromSeconds(5))), Client) },
        { Reasons.RateLimited, With(Row(failure: Failed(FailureKind.RateLimited, TimeSpan.FromSeconds(5))), Client) },
        { Reasons.ReauthorizationRequired, With(Row(failure: Failed(FailureKind.ReauthorizationRequired, TimeSpan.FromHours(20))), Client, SeedOf("refresh")) },
        { Reasons.ClientRejected, With(Row(), Client) with { ClientRejectedUntil = Now.AddHours(1) } },
    };

    [Theory]
    [MemberData(nameof(Problems))]
    public void Each_problem_settles_with_its_reason_and_a_message(string reason, ReconcileInput situation)
    {
        var verdict = Settled(situation);
        verdict.Problem!.Reason.Should().Be(reason);
        verdict.Problem.Message.Should().NotBeNullOrWhiteSpace();
    }

    [Theory]
    [InlineData("other")]
    [InlineData(null)]
    public void A_namespace_that_may_not_use_an_account_gets_no_token_of_it(string? owner)
    {
        var row = Row(TimeSpan.FromMinutes(50)) with { Namespaces = owner is null ? null : [owner] };
        Settled(With(row) with { Seed = Found(SeedOf("guess")) }).Account.Should().BeNull();
        Settled(With(row) with { StoreError = "away" }).Account.Should().BeNull();
    }

    public static TheoryData<ReconcileInput> Probes =>
    [
        Empty,
        Empty with { Request = Request with { Seed = null } },
        Empty with { Request = Request with { Suspended = true } },
        Empty with { Request = Request with { Suspended = true }, Seed = Found(SeedOf("its own")) },
        Empty with { Seed = new Lookup<Seed>.Absent("no Secret") },
        Empty with { Seed = new Lookup<Seed>.Faulty(Reasons.SeedInvalid, "broken", true) },
        Empty with { StoreError = "away" },
        Empty with { Request = Request with { Seed = null }, RefreshRequested = true, SpecChanged = true, ClientRejectedUntil = Now.AddHours(1) },
    ];

    [Theory]
    [MemberData(nameof(Probes))]
    public void A_namespace_without_a_token_file_gets_the_same_answer_for_an_account_of_others_as_for_none(ReconcileInput probe)
    {
        var none = ReconcilePolicy.Decide(probe with { Account = new Lookup<AccountRecord>.Absent("") });

        ReconcilePolicy.Decide(probe with { Account = new Lookup<AccountRecord>.Found(Row(TimeSpan.FromMinutes(50), namespaces: ["other"])) }).Should().Be(none);
    }

    [Fact]
    public void A_row_of_nobody_goes_to_the_namespace_whose_seed_holds_the_same_refresh_token()
    {
        ReconcilePolicy.Decide(With(Row() with { Namespaces = null })).Should().BeOfType<Decision.ReadSeed>();
        ReconcilePolicy.Decide(With(Row() with { Namespaces = null }, seed: SeedOf("refresh"))).Should().BeOfType<Decision.Allow>();
    }

    [Fact]
    public void A_seed_with_the_same_refresh_token_gives_no_way_into_a_row_that_belongs_to_somebody() =>
        Settled(With(Row(namespaces: ["other"]), seed: SeedOf("refresh"))).Problem!.Reason.Should().Be(Reasons.AccountNotAllowed);

    [Fact]
    public void While_Postgres_is_away_the_token_that_was_last_seen_goes_on_being_published()
    {
        var verdict = Settled(With(Row(TimeSpan.FromMinutes(5))) with { StoreError = "away" });
        verdict.Account.Should().NotBeNull();
        verdict.Problem!.NeedsHuman.Should().BeFalse();
    }

    [Fact]
    public void A_backoff_that_is_over_is_followed_by_a_refresh() =>
        ReconcilePolicy.Decide(With(Row(failure: Failed(FailureKind.ProviderUnavailable, TimeSpan.Zero)), Client)).Should().BeOfType<Decision.Refresh>();

    [Theory]
    [InlineData(FailureKind.ProviderUnavailable)]
    [InlineData(FailureKind.ReauthorizationRequired)]
    public void A_requested_refresh_is_past_any_backoff_and_also_for_a_fresh_token(FailureKind kind)
    {
        var failing = With(Row(failure: Failed(kind, TimeSpan.FromHours(1))), Client, SeedOf("refresh")) with { RefreshRequested = true };
        ReconcilePolicy.Decide(failing).Should().BeOfType<Decision.Refresh>();
        ReconcilePolicy.Decide(With(Row(TimeSpan.FromMinutes(59)), Client) with { RefreshRequested = true }).Should().BeOfType<Decision.Refresh>();
        ReconcilePolicy.Decide(failing with { ClientRejectedUntil = Now.AddHours(1) }).Should().BeOfType<Decision.Refresh>();
    }

    [Fact]
    public void Whatever_a_dead_token_waits_for_lets_it_be_tried_again_at_once()
    {
        var dead = Row(failure: Failed(FailureKind.ReauthorizationRequired, TimeSpan.FromHours(20)));
        Settled(With(dead, Client, SeedOf("refresh"))).NextRefresh.Should().Be(Now.AddHours(20), "one probe a day");
        ReconcilePolicy.Decide(With(dead, OtherClient, SeedOf("refresh"))).Should().BeOfType<Decision.Refresh>("the client changed");
        ReconcilePolicy.Decide(With(dead, Client, SeedOf("refresh")) with { SpecChanged = true }).Should().BeOfType<Decision.Refresh>("the spec changed");
        ReconcilePolicy.Decide(With(dead, Client, SeedOf("another"))).Should().BeOfType<Decision.Import>("the seed changed").Which.Replaces.Should().Be(dead);
    }

    [Fact]
    public void A_seed_that_was_imported_before_is_not_imported_again()
    {
        var seed = SeedOf("old seed");
        var dead = Row(failure: Failed(FailureKind.ReauthorizationRequired, TimeSpan.FromHours(20))) with { SeedFingerprints = [seed.Fingerprint, SeedOf("of another object").Fingerprint] };
        Settled(With(dead, Client, seed)).Problem!.Reason.Should().Be(Reasons.ReauthorizationRequired);
    }

    [Fact]
    public void A_changed_seed_does_not_replace_a_token_that_works() =>
        Settled(With(Row(TimeSpan.FromMinutes(50)), Client, SeedOf("another"))).Problem.Should().BeNull();

    [Fact]
    public void A_transient_failure_does_not_make_the_seed_be_read_again() =>
        ReconcilePolicy.Decide(With(Row(failure: Failed(FailureKind.ProviderUnavailable, TimeSpan.FromSeconds(5)))))
            .Should().BeOfType<Decision.ReadClient>();
}
