using KubeRuntime;
using TokenOperator.Api;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;
using TokenOperator.Publishing;
using TokenOperator.Reconcile;
using TokenOperator.Tests.Providers;
using static TokenOperator.Api.V1Beta1OAuthToken;

namespace TokenOperator.Tests.Publishing;

public sealed class StatusBuilderTests
{
    private static readonly DateTimeOffset Now = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly Problem Outage = new(Reasons.ProviderUnavailable, "The provider cannot be reached.");
    private static readonly Problem Dead = new(Reasons.ReauthorizationRequired, "A person must consent again.");

    private static readonly TokenRequest Request = new()
    {
        Owner = new NamespacedName("mail", "marcus-gmail"),
        Key = new AccountKey("google", "marcus"),
        Client = new SecretKey("mail", "client", "credentials.json"),
        SecretName = "marcus-token",
    };

    private static AccountRecord Account(RefreshFailure? failure = null, params string[] scopes) => new()
    {
        Key = new AccountKey("google", "marcus"),
        Generation = 3,
        Namespaces = ["mail"],
        LastRefreshAt = Now.AddMinutes(-10),
        Failure = failure,
        Token = new TokenSet
        {
            AccessToken = new SecretValue("access"),
            RefreshToken = new SecretValue("refresh"),
            ExpiresAt = Now.AddMinutes(50),
            IssuedAt = Now.AddMinutes(-10),
            Scopes = scopes,
        },
    };

    private static RefreshFailure Failure(FailureKind kind) => new(kind, "detail", 2, Now.AddSeconds(-3), Now.AddMinutes(1), "f");

    private static StatusInput StatusInput(AccountRecord? account, Problem? problem = null, SecretOutcome secret = SecretOutcome.UpToDate, bool persisted = true, string[]? scopes = null) =>
        ReconcilePolicy.StatusInputFor(
            new ReconcileInput { Now = Now, Request = Request with { Scopes = scopes ?? [] }, ProviderState = TestRegistry.Usable, IsPersisted = persisted },
            new DesiredState(account, problem, Now.AddMinutes(35)), new SecretResult(secret, "secret message"), generation: 4, requested: null);

    private static string Row(EntityStatus status) => string.Join(" ", status.Conditions!.Select(c => $"{c.Type}={c.Status}"));

    [Fact]
    public void A_token_that_never_expires_is_Ready_without_an_expiry_until_the_provider_rejects_it()
    {
        var endless = Account() with { Token = new TokenSet { AccessToken = new SecretValue("access"), NeverExpires = true } };

        var good = StatusBuilder.Build(null, StatusInput(endless), Now);
        var kept = StatusBuilder.Build(good, StatusInput(endless, secret: SecretOutcome.Untouched), Now);
        var dead = StatusBuilder.Build(good, StatusInput(endless with { Failure = Failure(FailureKind.ReauthorizationRequired) }, Dead with { NeedsHuman = true }), Now);

        (good.ExpiresAt, good.Find(ConditionTypes.Ready)!.Status, good.Find(ConditionTypes.Ready)!.Message).Should().Be((null, "True", "Secret marcus-token holds a token that does not expire."));
        kept.Find(ConditionTypes.Ready)!.Status.Should().Be("True");
        dead.Find(ConditionTypes.Ready)!.Status.Should().Be("False");
    }

    [Fact]
    public void The_account_that_the_object_used_first_is_recorded_and_stays()
    {
        var other = Account() with { Key = new AccountKey("microsoft", "anna") };

        StatusBuilder.Build(null, StatusInput(null, Dead), Now).Account.Should().BeNull();
        var used = StatusBuilder.Build(null, StatusInput(Account()), Now);
        var kept = StatusBuilder.Build(StatusBuilder.Build(used, StatusInput(null, Dead), Now), StatusInput(other), Now);

        (used.Provider, used.Account, kept.Provider, kept.Account).Should().Be(("google", "marcus", "google", "marcus"));
    }

    [Fact]
    public void The_end_of_the_consent_is_shown_if_the_provider_has_named_it()
    {
        StatusBuilder.Build(null, StatusInput(Account()), Now).ConsentExpiresAt.Should().BeNull();
        var limited = Account() with { Token = Account().Token with { RefreshTokenExpiresAt = Now.AddSeconds(604799) } };
        StatusBuilder.Build(null, StatusInput(limited), Now).ConsentExpiresAt.Should().Be("2026-05-08T11:59:59Z");
        StatusBuilder.Build(null, StatusInput(limited, Dead), Now).ConsentExpiresAt.Should().Be("2026-05-08T11:59:59Z");
    }

    [Fact]
    public void A_healthy_object_says_so_in_every_condition()
    {
        var status = StatusBuilder.Build(null, StatusInput(Account(null, "a", "b"), scopes: ["a"]), Now);
        Row(status).Should().Be("Ready=True Refreshed=True Persisted=True Reconciling=False Stalled=False");
        status.ExpiresAt.Should().Be("2026-05-01T12:50:00Z");
        status.LastRefreshTime.Should().Be("2026-05-01T11:50:00Z");
        status.NextRefreshTime.Should().Be("2026-05-01T12:35:00Z");
        status.Scopes.Should().Equal("a", "b");
        status.SecretName.Should().Be("marcus-token");
        status.Failures.Should().Be(0);
        status.ObservedGeneration.Should().Be(4);
    }

    [Fact]
    public void A_failing_refresh_leaves_Ready_True_while_the_token_is_valid_and_its_reason_says_why()
    {
        var good = StatusBuilder.Build(null, StatusInput(Account()), Now);
        var status = StatusBuilder.Build(good, StatusInput(Account(Failure(FailureKind.ProviderUnavailable)), Outage), Now);
        Row(status).Should().Be("Ready=True Refreshed=False Persisted=True Reconciling=True Stalled=False");
        status.Find(ConditionTypes.Ready)!.Reason.Should().Be(Reasons.ProviderUnavailable);
        status.Failures.Should().Be(2);
    }

    [Fact]
    public void Ready_turns_False_exactly_at_the_expiry()
    {
        var good = StatusBuilder.Build(null, StatusInput(Account()), Now);
        var failing = StatusInput(Account(Failure(FailureKind.ProviderUnavailable)), Outage, SecretOutcome.Untouched);
        StatusBuilder.Build(good, failing, Now.AddMinutes(50).AddMilliseconds(-1)).Find(ConditionTypes.Ready)!.Status.Should().Be("True");
        var late = StatusBuilder.Build(good, failing, Now.AddMinutes(50)).Find(ConditionTypes.Ready)!;
        late.Status.Should().Be("False");
        late.Reason.Should().Be(Reasons.TokenExpired);
        late.Message.Should().Contain("2026-05-01T12:50:00Z").And.Contain(Outage.Message);
    }

    [Fact]
    public void A_failure_that_needs_a_person_is_Stalled_and_its_cause_is_named_even_after_expiry()
    {
        var good = StatusBuilder.Build(null, StatusInput(Account()), Now);
        var failing = StatusInput(Account(Failure(FailureKind.ReauthorizationRequired)), Dead, SecretOutcome.Untouched);
        Row(StatusBuilder.Build(good, failing, Now)).Should().Be("Ready=True Refreshed=False Persisted=True Reconciling=False Stalled=True");
        StatusBuilder.Build(good, failing, Now.AddHours(1)).Find(ConditionTypes.Ready)!.Reason.Should().Be(Reasons.ReauthorizationRequired);
    }

    [Fact]
    public void A_token_that_is_not_in_Postgres_yet_is_not_Persisted_and_still_Ready() =>
        Row(StatusBuilder.Build(null, StatusInput(Account(), persisted: false), Now))
            .Should().Be("Ready=True Refreshed=True Persisted=False Reconciling=True Stalled=False");

    [Fact]
    public void A_token_with_missing_scopes_is_not_Ready()
    {
        var problem = new Problem(Reasons.ScopesMissing, "missing b");
        var status = StatusBuilder.Build(null, StatusInput(Account(null, "a"), problem, scopes: ["a", "b"]), Now);
        status.Find(ConditionTypes.Ready)!.Should().Match<Condition>(c => c.Status == "False" && c.Reason == Reasons.ScopesMissing);
        status.Find(ConditionTypes.Refreshed)!.Status.Should().Be("True");
    }

    [Theory]
    [InlineData(SecretOutcome.Conflict, Reasons.SecretConflict, "False", "True")]
    [InlineData(SecretOutcome.Failed, Reasons.SecretWriteFailed, "True", "False")]
    [InlineData(SecretOutcome.Denied, Reasons.SecretWriteFailed, "False", "True")]
    public void A_Secret_that_cannot_be_written_is_not_Ready(SecretOutcome outcome, string reason, string reconciling, string stalled)
    {
        var status = StatusBuilder.Build(null, StatusInput(Account(), secret: outcome), Now);
        status.Find(ConditionTypes.Ready)!.Should().Match<Condition>(c => c.Status == "False" && c.Reason == reason && c.Message == "secret message");
        status.Find(ConditionTypes.Reconciling)!.Status.Should().Be(reconciling);
        status.Find(ConditionTypes.Stalled)!.Status.Should().Be(stalled);
        status.ExpiresAt.Should().BeNull("the Secret does not hold this token");
    }

    [Theory]
    [InlineData(SecretOutcome.Failed, 5)]
    [InlineData(SecretOutcome.Denied, 300)]
    public void A_write_that_was_denied_is_tried_again_slowly_and_one_that_failed_soon(SecretOutcome outcome, int seconds)
    {
        var desired = new DesiredState(Account(), Problem: null, NextRefresh: Now.AddHours(1));
        var status = StatusBuilder.Build(null, StatusInput(Account(), secret: outcome), Now);
        ReconcilePolicy.RequeueAfter(desired, new SecretResult(outcome, "m"), status, newLinkAt: null, Now).Should().Be(TimeSpan.FromSeconds(seconds));
    }

    [Fact]
    public void A_Secret_that_may_not_be_used_any_more_and_cannot_be_deleted_is_not_Ready()
    {
        var good = StatusBuilder.Build(null, StatusInput(Account()), Now);
        var status = StatusBuilder.Build(good, StatusInput(null, new Problem(Reasons.AccountNotAllowed, "not allowed"), SecretOutcome.Denied), Now);
        status.Find(ConditionTypes.Ready)!.Should().Match<Condition>(c => c.Status == "False" && c.Message == "secret message");
    }

    [Fact]
    public void A_missing_Secret_that_cannot_be_written_is_not_Ready()
    {
        var good = StatusBuilder.Build(null, StatusInput(Account()), Now);
        var suspended = new Problem(Reasons.Suspended, ConditionMessages.Suspended);
        StatusBuilder.Build(good, StatusInput(Account(), suspended, SecretOutcome.Untouched), Now).Find(ConditionTypes.Ready)!.Status.Should().Be("True");
        var status = StatusBuilder.Build(good, StatusInput(Account(), suspended, SecretOutcome.Missing), Now);
        status.Find(ConditionTypes.Ready)!.Status.Should().Be("False");
        status.ExpiresAt.Should().BeNull();
    }

    [Fact]
    public void Before_the_first_attempt_every_condition_is_Unknown_or_Pending()
    {
        var status = StatusBuilder.Build(null, StatusInput(null, secret: SecretOutcome.Untouched), Now);
        status.Find(ConditionTypes.Ready)!.Reason.Should().Be(Reasons.Pending);
        status.Find(ConditionTypes.Refreshed)!.Status.Should().Be("Unknown");
        status.Find(ConditionTypes.Persisted)!.Status.Should().Be("Unknown");
    }

    [Fact]
    public void An_unchanged_condition_keeps_its_transition_time()
    {
        var first = StatusBuilder.Build(null, StatusInput(Account()), Now);
        var second = StatusBuilder.Build(first, StatusInput(Account(Failure(FailureKind.RateLimited)), Outage), Now.AddMinutes(1));
        second.Find(ConditionTypes.Ready)!.LastTransitionTime.Should().Be("2026-05-01T12:00:00Z");
        second.Find(ConditionTypes.Refreshed)!.LastTransitionTime.Should().Be("2026-05-01T12:01:00Z");
    }

    [Theory]
    [InlineData("a\e]52;c;aGk=\ab\nNext: c\u202ed", "a?]52;c;aGk=?b?Next: c?d")]
    [InlineData("50 KB", null)]
    public void No_condition_holds_text_that_acts_on_the_reader_or_is_too_long(string text, string? expected)
    {
        var message = expected is null ? new string('x', 50_000) : text;

        var status = StatusBuilder.Build(null, StatusInput(Account(Failure(FailureKind.ProviderUnavailable)), Outage with { Message = message }, SecretOutcome.Missing), Now);

        foreach (var type in new[] { ConditionTypes.Ready, ConditionTypes.Refreshed, ConditionTypes.Reconciling })
            status.Find(type)!.Message.Should().Contain(expected ?? "xxx...").And.Match(shown => ((string)shown).Length <= DisplayText.MaxMessageLength + 3);

        var deleted = StatusBuilder.Delete(status, new Problem(Reasons.CleanupFailed, message), 1, Now);
        deleted.Find(ConditionTypes.Ready)!.Message.Should().Contain(expected ?? "xxx...").And.Match(shown => ((string)shown).Length <= DisplayText.MaxMessageLength + 3);
    }

    [Fact]
    public void Events_report_the_first_token_the_first_failure_and_the_recovery_and_nothing_in_between()
    {
        var good = StatusBuilder.Build(null, StatusInput(Account()), Now);
        var bad = StatusBuilder.Build(good, StatusInput(Account(Failure(FailureKind.ProviderUnavailable)), Outage), Now);
        var stillBad = StatusBuilder.Build(bad, StatusInput(Account(Failure(FailureKind.ProviderUnavailable)), Outage with { Message = "again" }), Now);
        var expired = StatusBuilder.Build(bad, StatusInput(Account(Failure(FailureKind.ProviderUnavailable)), Outage, SecretOutcome.Untouched), Now.AddHours(1));

        StatusEvent.Between(null, good).Select(s => s.Reason).Should().Equal("FirstToken");
        StatusEvent.Between(good, good).Should().BeEmpty();
        StatusEvent.Between(good, bad).Select(s => s.Reason).Should().Equal(Reasons.ProviderUnavailable);
        StatusEvent.Between(bad, stillBad).Should().BeEmpty();
        StatusEvent.Between(bad, expired).Select(s => s.Reason).Should().Equal(Reasons.TokenExpired);
        StatusEvent.Between(stillBad, good).Select(s => s.Reason).Should().Equal(Reasons.Recovered);
    }
}
