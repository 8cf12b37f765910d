using System.Text.Json.Nodes;
using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests;

/// <summary>An empty cluster into which rows, keys and objects are restored, as docs/backup.md describes.</summary>
[Collection(FaultGroup.Name)]
public sealed class RestoreTests(ClusterFixture cluster)
{
    /// <summary>What backup tools leave out when they restore an object.</summary>
    private static readonly string[] ServerFields = ["uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "ownerReferences", "finalizers"];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_empty_cluster_gets_its_tokens_back_and_asks_the_provider_for_nothing(bool isReboundFirst)
    {
        await using var original = await OperatorFixture.StartAsync(cluster, new TokenServerBehaviour { RotateRefreshTokens = true });
        await original.AddAccountAsync("marcus");
        await original.ReadyAsync("marcus");
        var token = (await original.SecretAsync("marcus"))!["access_token"];
        token.Should().NotBeNull();
        var objects = await original.Kubectl.RunAsync($"get oauthtokens,secrets -n {original.Namespace} -o json");
        await original.Operator.StopAsync();
        var asked = original.Tokens.Requests.Count;

        var other = await ClusterFixture.StartAsync(ClusterFixture.InstallAsync);
        try
        {
            await using var restored = await OperatorFixture.RestoreAsync(other, original);
            var verified = await restored.RunVerbAsync("backup", "verify");
            verified.ExitCode.Should().Be(0, verified.Errors);
            verified.Output.Should().StartWith("1 rows can be opened, 0 cannot.");
            await restored.Kubectl.ApplyTextAsync(Stripped(objects));
            if (isReboundFirst)
            {
                await RebindAsync(restored);
                await restored.StartOperatorAsync();
            }
            else
            {
                // Another cluster has other namespaces, and anyone may have created one of the same name.
                await restored.StartOperatorAsync();
                (await restored.SeesAsync("marcus", "Stalled", "True", "AccountNotAllowed")).Message("Stalled").Should().Contain("accounts rebind");
                await Eventually.SeesAsync(() => restored.SecretAsync("marcus"), secret => secret is null);
                await RebindAsync(restored);
            }

            await restored.ReadyAsync("marcus");
            var secret = (await restored.SecretAsync("marcus"))!;
            secret["access_token"].Should().Be(token);
            ((string?)secret.Json["metadata"]!["ownerReferences"]![0]!["uid"]).Should().Be((string?)(await restored.GetAsync("marcus")).Json["metadata"]!["uid"]);
            original.Tokens.Requests.Should().HaveCount(asked, "the token is still fresh");

            await restored.RequestRefreshAsync("marcus");
            await Eventually.SeesAsync(() => restored.SecretAsync("marcus"), now => now?["access_token"] != token);
            original.Tokens.Requests.Should().HaveCount(asked + 1);
        }
        finally
        {
            await other.DisposeAsync();
        }
    }

    private static async Task RebindAsync(OperatorFixture fixture)
    {
        var rebound = await fixture.RunVerbAsync("accounts", "rebind");
        rebound.ExitCode.Should().Be(0, rebound.Errors);
        rebound.Output.Should().StartWith("1 entries");
    }

    private static string Stripped(string list)
    {
        var json = JsonNode.Parse(list)!;
        foreach (var item in json["items"]!.AsArray())
        {
            item!.AsObject().Remove("status");
            foreach (var field in ServerFields)
                item["metadata"]!.AsObject().Remove(field);
        }

        return json.ToJsonString();
    }
}
