using System.Text.Json.Nodes;
using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests;

/// <summary>An attacker with full access to the OAuthTokens and Secrets of one namespace tries to obtain an account of another.</summary>
[Collection(ClusterGroup.Name)]
public sealed class AttackerTests(ClusterFixture cluster) : IAsyncLifetime
{
    private OperatorFixture _victim = null!;
    private OperatorFixture _attacker = null!;
    private TokenGrant _grant = null!;

    public async Task InitializeAsync()
    {
        _victim = await OperatorFixture.CreateAsync(cluster);
        _attacker = await OperatorFixture.CreateAsync(cluster);
        await _victim.StartOperatorAsync(("Namespaces", $"{_victim.Namespace},{_attacker.Namespace}"));
        _grant = await _victim.AddAccountAsync("marcus", spec => spec["deletionPolicy"] = "Delete");
        await _victim.ReadyAsync("marcus");
    }

    public async Task DisposeAsync()
    {
        await _victim.DisposeAsync();
        await _attacker.DisposeAsync();
    }

    [Fact]
    public async Task A_foreign_account_is_indistinguishable_from_a_missing_one_even_if_its_row_cannot_be_read()
    {
        await _victim.Postgres.ExecuteAsync(
            $$"""insert into oauth_tokens (provider, account, token_data, namespaces) values ('google', 'broken', '["no tokens"]', '{"{{_victim.Namespace}}"}')""",
            _victim.Database.Name);
        await _victim.ApplyAsync("broken");
        await _victim.SeesAsync("broken", "Stalled", "True", "StoredTokenInvalid");
        foreach (var account in new[] { "marcus", "broken", "nobody" })
        {
            await _attacker.ApplyAsync($"bare-{account}", spec => Aim(spec, account).Remove("seedSecretRef"));
            await _attacker.ApplyAsync($"absent-{account}", spec => Aim(spec, account)["seedSecretRef"] = new JsonObject { ["name"] = "marcus-seed" });
            await _attacker.ApplyAsync($"asleep-{account}", spec => Aim(spec, account)["suspend"] = true);
            await _attacker.ApplyAsync($"deleting-{account}", spec => Aim(spec, account)["deletionPolicy"] = "Delete");
        }

        foreach (var trick in new[] { "bare", "absent", "asleep", "deleting" })
        {
            var unknown = Nameless(await SettledAsync($"{trick}-nobody"));
            foreach (var account in new[] { "marcus", "broken" })
                Nameless(await SettledAsync($"{trick}-{account}")).Should().Be(unknown, $"{trick} of {account}");
            foreach (var account in new[] { "marcus", "broken", "nobody" })
                await _attacker.DeleteAsync($"{trick}-{account}");
        }

        // Events are written in the background, in the order in which they happened.
        string[] names = ["bare-nobody", "bare-marcus", "bare-broken"];
        await Eventually.SeesAsync(
            async () => string.Join(';', await Task.WhenAll(names.Select(async name => string.Join(',', await _attacker.EventsAsync(name))))),
            seen => seen.Split(';') is [{ Length: > 0 } unknown, var foreign, var unreadable] && foreign == unknown && unreadable == unknown);
    }

    [Fact]
    public async Task The_API_server_refuses_the_name_of_a_Secret_in_another_namespace()
    {
        foreach (var name in new[] { "../marcus-seed", $"{_victim.Namespace}/marcus-seed" })
        {
            var apply = () => _attacker.ApplyAsync("foreign", spec => Aim(spec, "marcus")["seedSecretRef"] = new JsonObject { ["name"] = name });
            await apply.Should().ThrowAsync<InvalidOperationException>().WithMessage("*422*spec.seedSecretRef.name*");
        }
    }

    [Fact]
    public async Task No_input_of_an_attacker_obtains_a_token_or_touches_the_row()
    {
        var before = await RowAsync();
        var own = _victim.Tokens.AddAccount("attacker");
        foreach (var (name, seed) in new[] { ("own", own.RefreshToken), ("stolen", _grant.RefreshToken) })
        {
            await _attacker.WriteSeedAsync(name, seed);
            await _attacker.ApplyAsync(name, spec => spec["account"] = "marcus");
            await _attacker.SeesAsync(name, "Ready", "False", "AccountNotAllowed");
            for (var i = 0; i < 5; i++)
                await _attacker.RequestRefreshAsync(name, $"again-{i}");
            (await _attacker.HandledAsync(name, "and-again")).Reason("Ready").Should().Be("AccountNotAllowed");
        }

        await _attacker.ApplyAsync("taker", spec =>
        {
            Aim(spec, "marcus")["seedSecretRef"] = new JsonObject { ["name"] = "own-seed" };
            spec["secretName"] = "marcus";
            spec["deletionPolicy"] = "Revoke";
        });
        await _attacker.SeesAsync("taker", "Ready", "False", "AccountNotAllowed");
        // A Secret that looks like one of the operator's, owned by an object with the victim's name.
        await _attacker.Kubectl.ApplyTextAsync($$"""
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "forged", "namespace": "{{_attacker.Namespace}}",
             "labels": {"app.kubernetes.io/managed-by": "token-operator"},
             "ownerReferences": [{"apiVersion": "tokenoperator.dev/v1beta1", "kind": "OAuthToken", "name": "marcus", "controller": true, "uid": "{{(await _victim.GetAsync("marcus")).Json["metadata"]!["uid"]}}"}]} }
            """);

        foreach (var name in new[] { "own", "stolen", "taker" })
        {
            await _attacker.DeleteAsync(name);
            (await _attacker.SecretAsync(name)).Should().BeNull();
        }

        (await _attacker.SecretAsync("marcus")).Should().BeNull();
        (await RowAsync()).Should().Be(before);
        _victim.Tokens.AskedFor(_grant.RefreshToken).Should().Be(1);
        _victim.Tokens.AskedFor(own.RefreshToken).Should().Be(0);
    }

    [Fact]
    public async Task An_object_that_only_names_an_account_learns_nothing_about_others_and_keeps_no_row()
    {
        await _attacker.ApplyAsync("namesake", spec => Aim(spec, "marcus")["deletionPolicy"] = "Delete");
        await SettledAsync("namesake");
        await _attacker.DeleteAsync("namesake");
        (await _attacker.EventsAsync("namesake")).Should().NotContain("AccountKept");
        (await _victim.QueryAsync("select count(*) from oauth_tokens where account = 'marcus'")).Should().Be("1");

        await _attacker.ApplyAsync("squatter", spec => Aim(spec, "marcus"));
        await SettledAsync("squatter");
        await _victim.DeleteAsync("marcus");
        (await _victim.QueryAsync("select count(*) from oauth_tokens where account = 'marcus'")).Should().Be("0", "its owner requested that");
    }

    private static string Nameless(string text) =>
        text.Replace("marcus", "nobody", StringComparison.Ordinal).Replace("broken", "nobody", StringComparison.Ordinal);

    private static JsonObject Aim(JsonObject spec, string account)
    {
        spec["account"] = account;
        return spec;
    }

    /// <summary>Everything that the attacker can read about the object after its reconcile, except the attacker's own input and times.</summary>
    private async Task<string> SettledAsync(string name)
    {
        var view = await Eventually.SeesAsync(() => _attacker.GetAsync(name), seen => seen["observedGeneration"] is not null);
        var status = view.Json["status"]!.DeepClone().AsObject();
        foreach (var condition in status["conditions"]!.AsArray())
            condition!.AsObject().Remove("lastTransitionTime");
        return status.ToJsonString();
    }

    private Task<string?> RowAsync() => _victim.QueryAsync("select md5(oauth_tokens::text) from oauth_tokens where account = 'marcus'");
}
