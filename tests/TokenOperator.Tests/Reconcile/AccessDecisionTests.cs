using TokenOperator.Api;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Inputs;
using TokenOperator.Publishing;
using TokenOperator.Reconcile;
using static TokenOperator.Tests.Reconcile.PolicyInputs;

namespace TokenOperator.Tests.Reconcile;

/// <summary>Which namespace gets the token of an account.</summary>
public sealed class AccessDecisionTests
{
    [Fact]
    public void A_namespace_that_may_no_longer_use_the_account_loses_its_Secret_even_while_suspended() =>
        Published(With(Row() with { DeniedNamespaces = ["mail"] }) with { Request = Request with { Suspended = true } }).Secret.Should().Be(SecretAction.Withdraw);

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

    /// <summary>The recorded UID, the UID of the namespace now (null: forbidden), the refresh token of the seed, and what follows.</summary>
    [Theory]
    [InlineData("uid-1", "uid-1", null, "nothing")]
    [InlineData(null, "uid-1", null, "record")]
    [InlineData(null, null, null, "nothing")]
    [InlineData("uid-1", "uid-2", null, Reasons.AccountNotAllowed)]
    [InlineData("uid-1", "uid-2", "another", Reasons.AccountNotAllowed)]
    [InlineData("uid-1", "uid-2", "refresh", "allow")]
    [InlineData("uid-1", null, "refresh", Reasons.NamespaceNotVerified)]
    public void A_namespace_that_was_created_again_is_another_one(string? recorded, string? now, string? seed, string expected)
    {
        var input = With(Row(TimeSpan.FromMinutes(50)) with { NamespaceUids = recorded is null ? [] : [$"mail/{recorded}"] }, Client) with
        {
            Namespace = now is null ? new Lookup<NamespaceUid>.Faulty(new Problem(Reasons.NamespaceNotVerified, ConditionMessages.NamespaceForbidden("mail"))) : Found(new NamespaceUid(now)),
            Seed = seed is null ? new Lookup<Seed>.Absent("no Secret") : Found(SeedOf(seed)),
        };

        var decision = ReconcilePolicy.Decide(input);

        switch (expected)
        {
            case "record":
                decision.Should().BeOfType<Decision.RecordNamespace>();
                return;
            case "allow":
                decision.Should().BeOfType<Decision.Allow>();
                return;
            default:
                var desired = Published(input);
                (desired.Problem?.Reason ?? "nothing").Should().Be(expected);
                (desired.Account is not null).Should().Be(expected == "nothing");
                desired.Secret.Should().Be(expected switch { "nothing" => SecretAction.Write, Reasons.AccountNotAllowed => SecretAction.Withdraw, _ => SecretAction.Keep });
                if (expected == Reasons.AccountNotAllowed)
                    desired.Problem!.Message.Should().Contain("was deleted and created again").And.Contain("token-operator accounts allow google marcus --namespace mail").And.Contain("mail/gmail-oauth-token");
                if (expected == Reasons.NamespaceNotVerified)
                    desired.Problem!.Message.Should().Contain("resources: [namespaces], verbs: [get]");
                return;
        }
    }

    [Fact]
    public void The_namespace_is_read_only_where_the_row_names_it_or_a_row_is_made()
    {
        var unread = new Lookup<NamespaceUid>.NotRead();
        ReconcilePolicy.Missing(With(Row(TimeSpan.FromMinutes(50))) with { Namespace = unread }).Should().Be(InputKind.Namespace);
        ReconcilePolicy.Missing(With(Row(TimeSpan.FromMinutes(50))) with { Namespace = unread, StoreError = "away" }).Should().Be(InputKind.Namespace);
        ReconcilePolicy.Missing(Empty with { Namespace = unread, Account = new Lookup<AccountRecord>.Absent(""), Seed = Found(SeedOf("new")) }).Should().Be(InputKind.Namespace);
        ReconcilePolicy.Missing(With(Row(namespaces: ["other"]), seed: SeedOf("its own")) with { Namespace = unread }).Should().BeNull();
    }
}
