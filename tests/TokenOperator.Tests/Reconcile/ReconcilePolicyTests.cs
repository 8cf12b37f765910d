using TokenOperator.Api;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Inputs;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.Registry;
using TokenOperator.Publishing;
using TokenOperator.Reconcile;
using static TokenOperator.Tests.Reconcile.PolicyInputs;

namespace TokenOperator.Tests.Reconcile;

/// <summary>The table of decisions: each row is what is known, and what must follow.</summary>
public sealed class ReconcilePolicyTests
{
    [Fact]
    public void An_input_is_read_only_if_the_decision_depends_on_it()
    {
        ReconcilePolicy.Missing(Empty with { Account = new Lookup<AccountRecord>.Absent("") }).Should().Be(InputKind.Seed);
        ReconcilePolicy.Missing(With(Row())).Should().Be(InputKind.Client);
        ReconcilePolicy.Missing(With(Row(), Client)).Should().BeNull();
        FluentActions.Invoking(() => ReconcilePolicy.Decide(With(Row()))).Should().Throw<InvalidOperationException>();
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
    [InlineData(50, false, SecretAction.Write)]
    [InlineData(50, true, SecretAction.Keep)]
    public void The_decision_says_what_happens_to_the_Secret(double minutesLeft, bool suspended, SecretAction action) =>
        Published(With(Row(TimeSpan.FromMinutes(minutesLeft))) with { Request = Request with { Suspended = suspended } }).Secret.Should().Be(action);

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

    [Fact]
    public void The_message_on_a_provider_names_the_place_and_the_remedy()
    {
        string MessageOf(ProviderState state) => ReconcilePolicy.Decide(Empty with { ProviderState = state }).Should().BeOfType<Decision.Publish>().Subject.DesiredState.Problem!.Message;

        MessageOf(new ProviderState.NeedsParameters(Document with { Origin = "the built-in catalogue (google.yaml)" }, ["region", "tenant"])).Should().Be(
            "The provider google (the built-in catalogue (google.yaml)) needs values for region, tenant. An administrator gives them in a ClusterOAuthProvider of this name: spec: {extends: google, parameters: {region: ..., tenant: ...}}, or in the operator's settings: Providers__google__Parameters__region, Providers__google__Parameters__tenant");
        MessageOf(new ProviderState.Invalid(Document, ["spec.tokenEndpoint is missing."])).Should().Be("ClusterOAuthProvider google: spec.tokenEndpoint is missing.");
        MessageOf(new ProviderState.Moved(Document, new EndpointMove("old.example", "new.example"))).Should().Contain("kubectl annotate clusteroauthprovider google tokenoperator.dev/allow-endpoint-move-from=old.example");
        MessageOf(new ProviderState.Moved(Document with { Source = DocumentSource.Folder, Origin = "the file google.yaml" }, new EndpointMove("old.example", "new.example")))
            .Should().EndWith("add this line to the file google.yaml: allowEndpointMoveFrom: old.example");
    }

    public static TheoryData<string, ReconcileInput> Problems => new()
    {
        { Reasons.UnknownProvider, Empty with { ProviderState = new ProviderState.Unknown(["other"]) } },
        { Reasons.ProviderNotConfigured, Empty with { ProviderState = new ProviderState.NeedsParameters(Document, ["tenant"]) } },
        { Reasons.ProviderInvalid, Empty with { ProviderState = new ProviderState.Invalid(Document, ["spec.tokenEndpoint is missing."]) } },
        { Reasons.ProviderMoved, Empty with { ProviderState = new ProviderState.Moved(Document, new EndpointMove("old.example", "new.example")) } },
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

    [Fact]
    public void While_Postgres_is_away_the_last_known_token_stays_published()
    {
        var desired = Published(With(Row(TimeSpan.FromMinutes(5))) with { StoreError = "away" });
        desired.Account.Should().NotBeNull();
        desired.Problem!.NeedsHuman.Should().BeFalse();
    }
}
