using TokenOperator.Api;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Inputs;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.Registry;
using TokenOperator.Publishing;
using TokenOperator.Reconcile;
using TokenOperator.Tests.Providers;
using static TokenOperator.Tests.Reconcile.PolicyInputs;

namespace TokenOperator.Tests.Reconcile;

/// <summary>What happens to an account whose provider has another token endpoint than before.</summary>
public sealed class MoveDecisionTests
{
    public static TheoryData<DocumentSource, string, string> Permissions => new()
    {
        { DocumentSource.Catalogue, "the built-in catalogue (google.yaml)", "give the operator the setting Providers__google__AllowEndpointMoveFrom=old.example:8443" },
        { DocumentSource.Settings, "the settings Providers__GOOGLE__*", "give the operator the setting Providers__google__AllowEndpointMoveFrom=old.example:8443" },
        { DocumentSource.Folder, "the file google.yaml", "add this line to the file google.yaml: allowEndpointMoveFrom: old.example:8443" },
        { DocumentSource.Cluster, "ClusterOAuthProvider google", "run: kubectl annotate clusteroauthprovider google tokenoperator.dev/allow-endpoint-move-from=old.example:8443 --overwrite" },
    };

    [Theory]
    [MemberData(nameof(Permissions))]
    public void An_account_stays_with_the_host_that_last_issued_its_token_until_an_administrator_allows_the_move(DocumentSource source, string origin, string permission)
    {
        ProviderState State(string? movesFrom) => new ProviderState.Usable(new SourceDocument("google", source, origin, []), TestRegistry.Document with { MovesFrom = movesFrom }, "document-1");
        var row = Row(TimeSpan.FromMinutes(-1));
        row = row with { Token = row.Token with { TokenHost = "old.example:8443" } };
        var due = With(row, Client) with { ProviderState = State(null), Seed = new Lookup<Seed>.Absent("no Secret") };

        var problem = Published(due).Problem!;
        problem.Reason.Should().Be(Reasons.ProviderMoved);
        problem.Message.Should().ContainEquivalentOf(origin).And.Contain(" from old.example:8443 to provider.example, ").And.EndWith(permission);
        Published(due with { RefreshRequested = true, SpecChanged = true }).Problem!.Reason.Should().Be(Reasons.ProviderMoved);
        Published(due with { ProviderState = State("another.example, old.example") }).Problem!.Reason.Should().Be(Reasons.ProviderMoved, "the port is another");
        ReconcilePolicy.Decide(due with { ProviderState = State("another.example, OLD.example:8443") }).Should().BeOfType<Decision.Refresh>();
        ReconcilePolicy.Decide(due with { Account = Found(row with { Token = row.Token with { TokenHost = null } }) }).Should().BeOfType<Decision.Refresh>("nothing is recorded");
        ReconcilePolicy.Decide(due with { Account = Found(row with { Token = row.Token with { TokenHost = "provider.example" } }) }).Should().BeOfType<Decision.Refresh>();
    }

    [Fact]
    public void An_account_whose_provider_has_moved_keeps_its_valid_token_and_says_so_before_it_expires()
    {
        var row = Row(TimeSpan.FromMinutes(50));
        var state = Published(With(row with { Token = row.Token with { TokenHost = "old.example" } }) with { Seed = new Lookup<Seed>.Absent("no Secret") });
        state.Problem!.Reason.Should().Be(Reasons.ProviderMoved);
        state.Secret.Should().Be(SecretAction.Write);
    }

    [Theory]
    [InlineData("provider.example", true)]
    [InlineData("old.example", false)]
    [InlineData(null, false)]
    public void After_a_move_only_a_seed_that_came_from_the_new_host_needs_no_permission(string? host, bool isImported)
    {
        var row = Row(TimeSpan.FromMinutes(50));
        var seed = new Seed(new TokenSet { RefreshToken = new SecretValue("new"), TokenHost = host }, ClientId: null);
        var moved = With(row with { Token = row.Token with { TokenHost = "old.example" } }, Client);

        ReconcilePolicy.Missing(moved).Should().Be(InputKind.Seed);
        var decision = ReconcilePolicy.Decide(moved with { Seed = Found(seed) });
        if (isImported)
            decision.Should().BeOfType<Decision.Import>();
        else
            decision.Should().BeOfType<Decision.Publish>().Which.DesiredState.Problem!.Reason.Should().Be(Reasons.ProviderMoved);
    }
}
