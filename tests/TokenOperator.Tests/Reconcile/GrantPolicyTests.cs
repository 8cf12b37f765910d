using KubeRuntime;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using TokenOperator.Inputs;
using TokenOperator.Publishing;
using TokenOperator.Reconcile;
using TokenOperator.Tests.Providers;

namespace TokenOperator.Tests.Reconcile;

/// <summary>The table of decisions for grants without a consent.</summary>
public sealed class GrantPolicyTests
{
    private static readonly DateTimeOffset Now = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly OAuthClient Client = new("client-1", new SecretValue("client-secret"));
    private static readonly PrivateKey Key = new(new SecretValue("pem"), PrivateKeyKind.Rsa);

    private static readonly TokenRequest Machine = new()
    {
        Owner = new NamespacedName("jobs", "reporting"),
        Key = new AccountKey("keycloak", "reporting"),
        Grant = new Grant.ClientCredentials(),
        Client = new SecretKey("jobs", "client", "credentials.json"),
        Scopes = ["reports"],
        SecretName = "reporting",
    };

    private static readonly TokenRequest Assertion = Machine with { Grant = new Grant.JwtBearer { Subject = "marcus" }, Client = null, SigningKey = new SecretKey("jobs", "key", "private-key") };

    private static readonly TokenRequest Own = Machine with { Grant = new Grant.WorkloadIdentity { ClientId = "id" }, Client = null };

    private static readonly Lookup<AccountRecord> NoRow = new Lookup<AccountRecord>.Absent("");

    private static ReconcileInput Input(TokenRequest request, AccountRecord? row = null) => new()
    {
        Now = Now,
        Request = request,
        ProviderState = TestRegistry.Usable,
        Namespace = new Lookup<NamespaceUid>.Found(new NamespaceUid("uid-1")),
        Account = row is null ? NoRow : new Lookup<AccountRecord>.Found(row),
        Client = new Lookup<OAuthClient>.Found(Client),
        Key = new Lookup<PrivateKey>.Found(Key),
    };

    private static AccountRecord Row(TokenRequest issuedFor, TimeSpan? left = null, RefreshFailure? failure = null, string[]? namespaces = null) => new()
    {
        Key = issuedFor.Key,
        Generation = 1,
        Namespaces = namespaces ?? ["jobs"],
        NamespaceUids = ["jobs/uid-1"],
        Failure = failure,
        Token = left is null ? new TokenSet() : new TokenSet
        {
            AccessToken = new SecretValue("access"),
            GrantInputs = issuedFor.GrantInputs,
            IssuedAt = Now + left - TimeSpan.FromHours(1),
            ExpiresAt = Now + left,
        },
    };

    private static DesiredState Published(ReconcileInput input) => ReconcilePolicy.Decide(input).Should().BeOfType<Decision.Publish>().Subject.DesiredState;

    [Fact]
    public void An_account_that_has_worked_waits_while_the_provider_rejects_its_client_for_others()
    {
        var row = Row(Machine, TimeSpan.FromMinutes(5));
        var waits = Input(Machine, row with { LastRefreshAt = row.Token.IssuedAt }) with { ClientRejectedUntil = Now.AddMinutes(1) };

        var desired = Published(waits);

        (desired.Problem!.Reason, desired.NextRefresh).Should().Be((Reasons.ClientRejected, Now.AddMinutes(1)));
        ReconcilePolicy.Decide(waits with { ClientRejectedUntil = null }).Should().BeOfType<Decision.Refresh>();
        ReconcilePolicy.Decide(waits with { SpecChanged = true }).Should().BeOfType<Decision.Refresh>();
        ReconcilePolicy.Decide(Input(Machine, row) with { ClientRejectedUntil = Now.AddMinutes(1) }).Should().BeOfType<Decision.Refresh>("it has not asked yet");
    }

    [Fact]
    public void A_row_is_created_without_a_seed_once_the_credentials_can_be_read()
    {
        ReconcilePolicy.Missing(Input(Machine) with { Client = new Lookup<OAuthClient>.NotRead() }).Should().Be(InputKind.Client);
        ReconcilePolicy.Missing(Input(Assertion) with { Key = new Lookup<PrivateKey>.NotRead() }).Should().Be(InputKind.Key);
        ReconcilePolicy.Decide(Input(Machine)).Should().BeOfType<Decision.Create>();
        ReconcilePolicy.Decide(Input(Assertion)).Should().BeOfType<Decision.Create>();
        Published(Input(Machine with { Suspended = true })).Problem!.Reason.Should().Be(Reasons.Suspended);
        Published(Input(Machine) with { Client = new Lookup<OAuthClient>.Absent("none") }).Problem!.Reason.Should().Be(Reasons.ClientSecretMissing);
        Published(Input(Assertion) with { Key = new Lookup<PrivateKey>.Absent("none") }).Problem!.Reason.Should().Be(Reasons.PrivateKeyMissing);
        Published(Input(Assertion) with { Key = new Lookup<PrivateKey>.Faulty(new Problem(Reasons.PrivateKeyInvalid, "encrypted")) }).Problem!.Reason.Should().Be(Reasons.PrivateKeyInvalid);
    }

    [Fact]
    public void A_row_without_a_token_gets_one_and_needs_no_refresh_token()
    {
        ReconcilePolicy.Decide(Input(Machine, Row(Machine))).Should().BeOfType<Decision.Refresh>().Which.Client.Should().Be(Client);
        ReconcilePolicy.Decide(Input(Assertion, Row(Assertion))).Should().BeOfType<Decision.Refresh>().Which.Key.Should().Be(Key);
    }

    [Fact]
    public void A_fresh_token_is_published_without_reading_a_Secret()
    {
        var desired = Published(Input(Machine, Row(Machine, TimeSpan.FromMinutes(50))) with { Client = new Lookup<OAuthClient>.NotRead() });
        desired.Problem.Should().BeNull();
        desired.Secret.Should().Be(SecretAction.Write);
    }

    [Fact]
    public void A_token_for_other_inputs_is_replaced_although_it_is_valid_and_is_not_published()
    {
        var row = Row(Machine with { Scopes = ["other"] }, TimeSpan.FromMinutes(50));
        ReconcilePolicy.Decide(Input(Machine, row)).Should().BeOfType<Decision.Refresh>();
        var failure = new RefreshFailure(FailureKind.GrantRejected, "detail", 1, Now, Now.AddHours(1), ReconcilePolicy.InputsFingerprint(Machine, Client, Key, row, TestRegistry.Usable));
        var waiting = Published(Input(Machine, row with { Failure = failure }));
        waiting.Secret.Should().Be(SecretAction.Keep);
        ReconcilePolicy.StatusInputFor(Input(Machine, row), waiting, new SecretResult(SecretOutcome.Untouched), 1, null).MayBeReady.Should().BeFalse("the Secret holds a token for other scopes");
    }

    [Fact]
    public void A_failure_waits_until_its_time_unless_an_input_changes()
    {
        var row = Row(Machine);
        var failure = new RefreshFailure(FailureKind.GrantRejected, "detail", 1, Now, Now.AddHours(1), ReconcilePolicy.InputsFingerprint(Machine, Client, Key, row, TestRegistry.Usable));
        Published(Input(Machine, row with { Failure = failure })).Problem!.Reason.Should().Be(Reasons.GrantRejected);
        ReconcilePolicy.Decide(Input(Machine with { Scopes = ["other"] }, row with { Failure = failure })).Should().BeOfType<Decision.Refresh>();
        ReconcilePolicy.Decide(Input(Machine, row with { Failure = failure }) with { Key = new Lookup<PrivateKey>.Found(new PrivateKey(new SecretValue("other"), PrivateKeyKind.Rsa)) })
            .Should().BeOfType<Decision.Refresh>();
    }

    [Fact]
    public void An_account_of_another_namespace_is_refused_and_nothing_is_created()
    {
        var input = Input(Machine, Row(Machine, TimeSpan.FromMinutes(50), namespaces: ["other"]));
        var desired = Published(input);
        desired.Problem!.Reason.Should().Be(Reasons.AccountNotAllowed);
        desired.Secret.Should().Be(SecretAction.Withdraw);
        Published(input with { Client = new Lookup<OAuthClient>.Absent("none") }).Problem!.Reason.Should().Be(Reasons.ClientSecretMissing, "as for an account that does not exist");
    }

    [Theory]
    [InlineData("other inputs", true)]
    [InlineData("same inputs", false)]
    [InlineData("other namespace", false)]
    [InlineData("refresh token", true)]
    public void The_oldest_object_decides_what_the_token_of_an_account_is_for(string what, bool isConflict)
    {
        var inputs = what switch
        {
            "same inputs" => Machine.GrantInputs,
            "refresh token" => null,
            _ => (Machine with { Scopes = ["other"] }).GrantInputs,
        };
        var elder = new OlderObject(new NamespacedName(what == "other namespace" ? "other" : "jobs", "older"), inputs);
        foreach (var row in new[] { null, Row(Machine, TimeSpan.FromMinutes(50)) })
        {
            var decision = ReconcilePolicy.Decide(Input(Machine, row) with { OlderObjects = [elder] });
            var reason = (decision as Decision.Publish)?.DesiredState.Problem?.Reason;
            (reason == Reasons.GrantConflict).Should().Be(isConflict);
            if (isConflict)
                ((Decision.Publish)decision).DesiredState.Should().Match<DesiredState>(desired => desired.Secret == SecretAction.Keep && desired.Problem!.Message.Contains("jobs/older"));
        }
    }

    [Fact]
    public void Only_a_listed_namespace_uses_the_operators_own_identity()
    {
        var none = Published(Input(Own));
        none.Problem!.Reason.Should().Be(Reasons.WorkloadIdentityNotAllowed);
        none.Problem.Message.Should().Contain("WorkloadIdentityNamespaces");
        none.Secret.Should().Be(SecretAction.Withdraw);
        Published(Input(Own) with { WorkloadIdentity = new WorkloadIdentityAccess(true, ["other"]) }).Problem!.Reason.Should().Be(Reasons.WorkloadIdentityNotAllowed);
        Published(Input(Own) with { WorkloadIdentity = new WorkloadIdentityAccess(false, ["jobs"]) }).Problem!.Message.Should().Contain("WorkloadIdentityTokenFile");
        ReconcilePolicy.Decide(Input(Own) with { WorkloadIdentity = new WorkloadIdentityAccess(true, ["jobs"]) }).Should().BeOfType<Decision.Create>();
    }

    [Fact]
    public void A_provider_that_cannot_serve_the_grant_is_a_mistake_in_the_spec()
    {
        var problem = Published(Input(Machine) with { GrantUnsupported = "provider keycloak has none" }).Problem!;
        problem.Reason.Should().Be(Reasons.InvalidSpec);
        problem.Message.Should().Be("spec.grant is ClientCredentials, but provider keycloak has none. Choose another spec.grant or spec.provider.");
    }

    [Fact]
    public void A_spec_that_goes_back_to_a_refresh_token_asks_for_a_seed_and_does_not_publish_the_machines_token()
    {
        var request = Machine with { Grant = Grant.RefreshToken.Instance };
        var desired = Published(Input(request, Row(Machine, TimeSpan.FromMinutes(50))));
        desired.Problem!.Reason.Should().Be(Reasons.SeedMissing);
        desired.Secret.Should().Be(SecretAction.Keep);
    }
}
