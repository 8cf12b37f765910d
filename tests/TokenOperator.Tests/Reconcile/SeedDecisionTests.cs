using TokenOperator.Api;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Inputs;
using TokenOperator.Publishing;
using TokenOperator.Reconcile;
using static TokenOperator.Tests.Reconcile.PolicyInputs;

namespace TokenOperator.Tests.Reconcile;

/// <summary>When a seed is imported.</summary>
public sealed class SeedDecisionTests
{
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

    [Theory]
    [InlineData(-11, false)]
    [InlineData(-9, true)]
    public void A_token_file_from_before_the_last_refresh_does_not_replace_a_consent_that_still_works(int expiredMinutes, bool replaces)
    {
        var row = Row(TimeSpan.FromMinutes(50));
        row = row with { Token = row.Token with { RefreshTokenExpiresAt = Now.AddHours(40) } };
        var file = new Seed(SeedOf("another").Token with { ExpiresAt = Now.AddMinutes(expiredMinutes) }, null);
        (ReconcilePolicy.Decide(With(row, Client, file)) is Decision.Import).Should().Be(replaces);
    }

    [Fact]
    public void A_seed_of_another_client_does_not_stop_the_refreshes_of_a_row()
    {
        var wrong = SeedOf("another", "client-9");
        var works = Row(TimeSpan.FromMinutes(50));
        var ending = Published(With(works with { Token = works.Token with { RefreshTokenExpiresAt = Now.AddHours(47) } }, Client, wrong));
        var narrow = Published(With(works, Client, new Seed(wrong.Token with { Scopes = ["send", "admin"] }, wrong.ClientId)) with { Request = Request with { Scopes = ["admin"] } });
        foreach (var desired in new[] { ending, narrow })
        {
            desired.Problem!.Reason.Should().Be(Reasons.SeedInvalid);
            desired.Account.Should().NotBeNull();
            desired.Secret.Should().Be(SecretAction.Write, "the token works");
            desired.NextRefresh.Should().BeAfter(Now).And.BeBefore(Now.AddMinutes(50), "the token must not expire because of the seed");
        }

        var dead = With(Row(failure: Failed(FailureKind.ReauthorizationRequired, TimeSpan.FromHours(20))), Client, wrong);
        var waiting = Published(dead);
        (waiting.Problem!.Reason, waiting.NextRefresh).Should().Be((Reasons.SeedInvalid, Now.AddHours(20)));
        ReconcilePolicy.Decide(dead with { Now = Now.AddHours(20) }).Should().BeOfType<Decision.Refresh>("the provider's answer can have been wrong");
        ReconcilePolicy.Decide(dead with { RefreshRequested = true }).Should().BeOfType<Decision.Refresh>("someone requested it");
    }

    [Fact]
    public void A_changed_seed_does_not_replace_a_token_that_works() =>
        Published(With(Row(TimeSpan.FromMinutes(50)), Client, SeedOf("another"))).Problem.Should().BeNull();
}
