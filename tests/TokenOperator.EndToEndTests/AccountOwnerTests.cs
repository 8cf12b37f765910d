using System.Text.Json.Nodes;
using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests;

/// <summary>
/// Who may use an account: an attacker who gets the name of a namespace that was deleted, and one who can write to the table and has no key.
/// </summary>
[Collection(PersonGroup.Name)]
public sealed class AccountOwnerTests(ClusterFixture cluster)
{
    [Fact]
    public async Task A_new_tenant_of_a_namespace_that_was_created_again_does_not_get_the_account_of_the_earlier_one()
    {
        await using var fixture = await OperatorFixture.StartAsync(cluster);
        var grant = await OwnedAsync(fixture);
        (await fixture.QueryAsync("select namespace_uids[1] from oauth_tokens")).Should().Be($"{fixture.Namespace}/{await UidAsync(fixture)}");

        await fixture.RecreateNamespaceAsync();
        await fixture.ApplyAsync("owned", spec => spec.Remove("seedSecretRef"));
        var message = (await fixture.SeesAsync("owned", "Ready", "False", "AccountNotAllowed")).Message("Ready");
        message.Should().Contain("was deleted and created again").And.Contain($"token-operator accounts allow google owned --namespace {fixture.Namespace}");
        (await fixture.SecretAsync("owned")).Should().BeNull();

        // Neither a token file of its own nor a restart of the operator helps.
        await fixture.WriteSeedAsync("owned", fixture.Tokens.AddAccount("attacker").RefreshToken);
        await fixture.ApplyAsync("owned");
        await fixture.Operator.StopAsync();
        await fixture.StartOperatorAsync();
        (await fixture.HandledAsync("owned", "after-the-restart")).Reason("Ready").Should().Be("AccountNotAllowed");
        await fixture.PatchSpecAsync("owned", """{"deletionPolicy": "Revoke"}""");
        await fixture.DeleteAsync("owned");
        (await fixture.SecretAsync("owned")).Should().BeNull();
        (await fixture.QueryAsync("select count(*) from oauth_tokens where account = 'owned'")).Should().Be("1", "the row of another owner is not deleted");
        fixture.Tokens.AskedFor(grant.RefreshToken).Should().Be(1);
    }

    [Theory]
    [InlineData("an administrator")]
    [InlineData("the same seed")]
    public async Task In_a_restored_cluster_the_word_of_an_administrator_or_the_same_seed_gives_the_account_back(string proof)
    {
        await using var fixture = await OperatorFixture.StartAsync(cluster);
        var grant = await OwnedAsync(fixture);
        await fixture.RecreateNamespaceAsync();
        await fixture.ApplyAsync("owned");
        await fixture.SeesAsync("owned", "Ready", "False", "AccountNotAllowed");

        if (proof == "the same seed")
            await fixture.WriteSeedAsync("owned", grant.RefreshToken);
        else
            (await fixture.RunVerbAsync("accounts", "allow", "google", "owned", "--namespace", fixture.Namespace)).ExitCode.Should().Be(0);

        await fixture.ReadyAsync("owned");
        (await fixture.SecretAsync("owned"))!["access_token"].Should().NotBeNullOrEmpty();
        (await fixture.QueryAsync("select array_to_string(namespace_uids, ' ') from oauth_tokens")).Should().Be($"{fixture.Namespace}/{await UidAsync(fixture)}");
    }

    [Fact]
    public async Task Without_the_right_to_read_namespaces_only_recorded_accounts_wait_and_the_condition_names_the_rule()
    {
        const string Role = "/apis/rbac.authorization.k8s.io/v1/clusterroles/token-operator";
        await using var own = await ClusterFixtureAsync();
        await using var fixture = await OperatorFixture.CreateAsync(own.Cluster);
        var rules = (await own.Cluster.Plane.GetAsync(Role))!["rules"]!.DeepClone();
        var fewer = new JsonArray([.. rules.AsArray().Where(rule => (string)rule!["resources"]![0]! != "namespaces").Select(rule => rule!.DeepClone())]);
        await fixture.StartOperatorAsync();
        await OwnedAsync(fixture);
        await fixture.Operator.StopAsync();
        await own.Cluster.Plane.MergeAsync(Role, new JsonObject { ["rules"] = fewer });
        await own.Cluster.Plane.MayAsync($"{ClusterFixture.OperatorNamespace}:{ClusterFixture.ServiceAccount}", "get", "namespaces", isAllowed: false);

        await fixture.StartOperatorAsync();
        (await fixture.SeesAsync("owned", "Stalled", "True", "NamespaceNotVerified")).Message("Stalled").Should().Contain("resources: [namespaces], verbs: [get]");
        (await fixture.GetAsync("owned")).Status("Ready").Should().Be("True", "its token is still valid");
        (await fixture.SecretAsync("owned")).Should().NotBeNull();
        await fixture.AddAccountAsync("unrecorded");
        await fixture.ReadyAsync("unrecorded");
        await fixture.Operator.LogsAsync("may not read the namespace");

        await own.Cluster.Plane.MergeAsync(Role, new JsonObject { ["rules"] = rules });
        await fixture.SeesAsync("owned", "Stalled", "False", within: TimeSpan.FromSeconds(100));
        await Eventually.SeesAsync(
            async () => { await fixture.RequestRefreshAsync("unrecorded", Guid.NewGuid().ToString()); return await fixture.QueryAsync("select count(*) from oauth_tokens where namespace_uids is not null"); },
            count => count == "2", condition: "the namespace is recorded");
    }

    [Fact]
    public async Task Write_access_to_the_table_gives_no_namespace_an_account()
    {
        await using var victim = await OperatorFixture.CreateAsync(cluster);
        await using var evil = await OperatorFixture.CreateAsync(cluster);
        await victim.StartOperatorAsync(("Namespaces", $"{victim.Namespace},{evil.Namespace}"));
        var grant = await OwnedAsync(victim);
        (await victim.RunVerbAsync("accounts", "deny", "google", "owned", "--namespace", evil.Namespace)).ExitCode.Should().Be(0);
        await evil.ApplyAsync("owned", spec => spec.Remove("seedSecretRef"));
        var lists = $"namespaces = '{{{victim.Namespace},{evil.Namespace}}}', denied_namespaces = null";
        var saved = await victim.QueryAsync("create table saved as select namespaces, denied_namespaces, namespace_uids, access_seal from oauth_tokens");
        saved.Should().BeEmpty();

        foreach (var attack in new[] { lists, $"{lists}, access_seal = null", "namespaces = namespaces || denied_namespaces, denied_namespaces = null" })
        {
            await victim.QueryAsync($"update oauth_tokens set {attack}");
            foreach (var isRestarted in new[] { false, true })
            {
                if (isRestarted)
                {
                    await victim.Operator.StopAsync();
                    await victim.StartOperatorAsync(("Namespaces", $"{victim.Namespace},{evil.Namespace}"));
                    (await victim.HandledAsync("owned", $"{attack} after the restart")).Reason("Stalled").Should().Be("StoredTokenInvalid");
                }
                else
                {
                    await victim.RequestRefreshAsync("owned", attack);
                    (await victim.SeesAsync("owned", "Stalled", "True", "StoredTokenInvalid")).Message("Stalled").Should().Contain("Find out who writes to the table");
                }

                (await evil.HandledAsync("owned", $"{attack} {isRestarted}")).Status("Ready").Should().NotBe("True");
                (await evil.SecretAsync("owned")).Should().BeNull();
            }

            await victim.QueryAsync("update oauth_tokens set (namespaces, denied_namespaces, namespace_uids, access_seal) = (select * from saved)");
            await victim.SeesAsync("owned", "Stalled", "False");
        }

        victim.Tokens.AskedFor(grant.RefreshToken).Should().BeLessThan(10);
        (await evil.SecretAsync("owned")).Should().BeNull();
    }

    [Fact]
    public async Task An_earlier_list_that_is_put_back_with_its_seal_and_its_tokens_is_noticed_by_the_leader()
    {
        await using var victim = await OperatorFixture.CreateAsync(cluster);
        await using var evil = await OperatorFixture.CreateAsync(cluster);
        await victim.StartOperatorAsync(("Namespaces", $"{victim.Namespace},{evil.Namespace}"));
        await OwnedAsync(victim);
        (await victim.RunVerbAsync("accounts", "allow", "google", "owned", "--namespace", evil.Namespace)).ExitCode.Should().Be(0);
        await evil.ApplyAsync("owned", spec => spec.Remove("seedSecretRef"));
        await evil.ReadyAsync("owned");
        await victim.QueryAsync("create table saved as select * from oauth_tokens");
        (await victim.RunVerbAsync("accounts", "deny", "google", "owned", "--namespace", evil.Namespace)).ExitCode.Should().Be(0);
        await evil.SeesAsync("owned", "Ready", "False", "AccountNotAllowed");

        // The whole row as it was.
        await victim.QueryAsync("delete from oauth_tokens; insert into oauth_tokens select * from saved");
        await victim.QueryAsync("notify token_operator");
        await victim.RequestRefreshAsync("owned");
        await evil.RequestRefreshAsync("owned");

        await victim.Operator.LogsAsync("an earlier list of the namespaces that may use google/owned");
        await Eventually.SeesAsync(() => victim.QueryAsync("select array_to_string(denied_namespaces, ',') from oauth_tokens"), denied => denied == evil.Namespace);
        (await evil.HandledAsync("owned", "after-the-notice")).Reason("Ready").Should().Be("AccountNotAllowed");
        (await evil.SecretAsync("owned")).Should().BeNull();
        await victim.ReadyAsync("owned");
    }

    private static async Task<TokenGrant> OwnedAsync(OperatorFixture fixture)
    {
        var grant = await fixture.AddAccountAsync("owned");
        await fixture.ReadyAsync("owned");
        return grant;
    }

    private async Task<string> UidAsync(OperatorFixture fixture) =>
        (string)(await cluster.Plane.GetAsync($"/api/v1/namespaces/{fixture.Namespace}"))!["metadata"]!["uid"]!;

    /// <summary>A cluster whose role this test may change.</summary>
    private static async Task<OwnCluster> ClusterFixtureAsync() => new(await ClusterFixture.StartAsync(ClusterFixture.InstallAsync));

    private sealed record OwnCluster(ClusterFixture Cluster) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync() => await Cluster.DisposeAsync();
    }
}
