using System.Text.Json.Nodes;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>
/// The operator repairs every change to its Secret from the stored token, and leaves other Secrets alone. It learns of a change from its watch:
/// it would look at the Secret again only at the next refresh, half an hour later.
/// </summary>
[Collection(ClusterGroup.Name)]
public sealed class SecretRepairTests(ClusterFixture cluster) : IAsyncLifetime
{
    private OperatorFixture _fixture = null!;

    public async Task InitializeAsync() => _fixture = await cluster.SharedFixtureAsync();

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task A_deleted_Secret_is_restored_without_a_provider_request()
    {
        var (asked, token) = await ReadyAsync("deleted");
        await _fixture.Kubectl.RunAsync(["delete", "secret", "-n", _fixture.Namespace, "deleted"]);
        (await Eventually.SeesAsync(() => _fixture.SecretAsync("deleted"), secret => secret is not null))!["access_token"].Should().Be(token);
        Asked("deleted").Should().Be(asked);
    }

    [Theory]
    [InlineData("changed", """{"stringData": {"access_token": "forged"}}""")]
    [InlineData("emptied", """{"data": {"access_token": null}}""")]
    [InlineData("all-gone", """{"data": null}""")]
    public async Task A_Secret_changed_by_hand_is_repaired_without_a_provider_request(string name, string patch)
    {
        var (asked, token) = await ReadyAsync(name);
        await _fixture.Kubectl.RunAsync(["patch", "secret", "-n", _fixture.Namespace, name, "--type=merge", "-p", patch]);
        await Eventually.SeesAsync(async () => (await _fixture.SecretAsync(name))?["access_token"], now => now == token);
        Asked(name).Should().Be(asked);
    }

    [Fact]
    public async Task A_Secret_that_someone_else_created_is_not_touched()
    {
        await _fixture.WriteSecretAsync("foreign", "precious", "mine");
        var before = (await _fixture.SecretAsync("foreign"))!;
        await _fixture.AddAccountAsync("foreign");
        var view = await _fixture.SeesAsync("foreign", "Ready", "False", "SecretConflict");
        view.Message("Ready").Should().Contain($"{_fixture.Namespace}/foreign").And.Contain("secretName");
        view.Status("Stalled").Should().Be("True");
        (await _fixture.SecretAsync("foreign"))!.Version.Should().Be(before.Version);

        await _fixture.Kubectl.RunAsync(["delete", "secret", "-n", _fixture.Namespace, "foreign"]);
        await _fixture.ReadyAsync("foreign");
    }

    [Fact]
    public async Task If_two_objects_have_the_same_secretName_the_first_keeps_the_Secret()
    {
        await _fixture.AddAccountAsync("first", spec => spec["secretName"] = "wanted-by-two");
        await _fixture.ReadyAsync("first");
        await _fixture.AddAccountAsync("second", spec => spec["secretName"] = "wanted-by-two");
        (await _fixture.SeesAsync("second", "Ready", "False", "SecretConflict")).Message("Ready").Should().Contain("first");
        (await _fixture.SecretAsync("wanted-by-two"))!["account"].Should().Be("first");
    }

    [Fact]
    public async Task An_object_that_is_deleted_and_recreated_under_the_same_name_gets_its_Secret_again()
    {
        var (asked, _) = await ReadyAsync("phoenix");
        await _fixture.DeleteAsync("phoenix");
        await _fixture.ApplyAsync("phoenix");
        var view = await _fixture.ReadyAsync("phoenix");
        // There is no garbage collector here: the second object takes over the Secret of the first.
        await Eventually.SeesAsync(
            () => _fixture.SecretAsync("phoenix"),
            secret => (string?)secret!.Json["metadata"]!["ownerReferences"]![0]!["uid"] == (string?)view.Json["metadata"]!["uid"]);
        Asked("phoenix").Should().Be(asked, "the row was retained");
    }

    [Theory]
    [InlineData("ownerless", """[{"op": "remove", "path": "/metadata/ownerReferences"}]""")]
    [InlineData("relabelled", """[{"op": "replace", "path": "/metadata/labels/app.kubernetes.io~1managed-by", "value": "Helm"}, {"op": "remove", "path": "/metadata/ownerReferences"}]""")]
    [InlineData("misowned", """[{"op": "replace", "path": "/metadata/ownerReferences/0/uid", "value": "00000000-0000-0000-0000-000000000000"}]""")]
    public async Task A_Secret_whose_owner_or_label_others_change_stays_the_operators(string name, string patch)
    {
        await ReadyAsync(name);
        await _fixture.Kubectl.RunAsync(["patch", "secret", "-n", _fixture.Namespace, name, "--type=json", "-p", patch]);
        await ControlledAsync(name);
    }

    [Theory]
    [InlineData("restored", false)]
    [InlineData("restored-dead", true)]
    public async Task A_Secret_from_a_backup_is_the_operators_again(string name, bool keepsDeadOwner)
    {
        await ReadyAsync(name);
        await _fixture.DeleteAsync(name);
        var backup = (await _fixture.SecretAsync(name))!.Json;
        await _fixture.Kubectl.RunAsync(["delete", "secret", "-n", _fixture.Namespace, name]);
        foreach (var field in new[] { "uid", "resourceVersion", "creationTimestamp", "managedFields" })
            backup["metadata"]!.AsObject().Remove(field);
        if (!keepsDeadOwner)
            backup["metadata"]!.AsObject().Remove("ownerReferences");
        backup["metadata"]!["labels"]!["app.kubernetes.io/managed-by"] = "velero";
        // Another field manager owns all of it, also the reference to the owner that is gone.
        await _fixture.Kubectl.RunAsync(["create", "-f", "-", "--field-manager=velero"], backup.ToJsonString());

        await _fixture.ApplyAsync(name);
        await _fixture.ReadyAsync(name);
        await ControlledAsync(name);
    }

    [Fact]
    public async Task A_copy_of_a_Secret_of_the_operator_is_not_touched()
    {
        await ReadyAsync("original");
        var copy = (await _fixture.SecretAsync("original"))!.Json;
        copy["metadata"] = new JsonObject
        {
            ["name"] = "copied",
            ["namespace"] = _fixture.Namespace,
            ["labels"] = copy["metadata"]!["labels"]!.DeepClone(),
            ["annotations"] = copy["metadata"]!["annotations"]!.DeepClone(),
        };
        await _fixture.Kubectl.RunAsync(["create", "-f", "-"], copy.ToJsonString());
        var before = (await _fixture.SecretAsync("copied"))!;
        await _fixture.AddAccountAsync("copied");
        await _fixture.SeesAsync("copied", "Stalled", "True", "SecretConflict");
        (await _fixture.SecretAsync("copied"))!.Version.Should().Be(before.Version);
    }

    [Fact]
    public async Task An_immutable_Secret_is_Stalled_with_the_remedy_and_Ready_when_it_was_deleted()
    {
        await ReadyAsync("frozen");
        await _fixture.Kubectl.RunAsync(["patch", "secret", "-n", _fixture.Namespace, "frozen", "-p", """{"immutable": true}"""]);
        await _fixture.RequestRefreshAsync("frozen");
        var view = await _fixture.SeesAsync("frozen", "Stalled", "True", "SecretWriteFailed");
        view.Message("Stalled").Should().Contain("immutable").And.Contain($"kubectl delete secret -n {_fixture.Namespace} frozen");
        await _fixture.Kubectl.RunAsync(["delete", "secret", "-n", _fixture.Namespace, "frozen"]);
        await _fixture.SeesAsync("frozen", "Stalled", "False");
    }

    [Fact]
    public async Task A_write_that_the_API_server_denies_is_Stalled_at_once_with_the_reason_and_succeeds_after_a_change()
    {
        await using var fixture = await OperatorFixture.StartAsync(cluster);
        var grant = fixture.Tokens.AddAccount("denied");
        await fixture.WriteSeedAsync("denied", grant.RefreshToken);
        var quotas = $"/api/v1/namespaces/{fixture.Namespace}/resourcequotas/none";
        await cluster.Plane.ApplyAsync(JsonNode.Parse($$$"""
            {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none", "namespace": "{{{fixture.Namespace}}}"}, "spec": {"hard": {"secrets": "0"}} }
            """)!.AsObject());
        // No controller of this cluster does it.
        await cluster.Plane.MergeAsync($"{quotas}/status", JsonNode.Parse("""{"status": {"hard": {"secrets": "0"}, "used": {"secrets": "0"}}}""")!.AsObject());
        await fixture.ApplyAsync("denied");

        var view = await fixture.SeesAsync("denied", "Stalled", "True", "SecretWriteFailed");
        view.Message("Stalled").Should().Contain("exceeded quota").And.Contain($"{fixture.Namespace}/denied").And.Contain("every 5 minutes");
        view.Status("Ready").Should().Be("False");
        await fixture.Kubectl.RunAsync($"delete resourcequota -n {fixture.Namespace} none");
        var number = 0;
        await Eventually.SeesAsync(
            async () =>
            {
                // The quota is cached for a moment.
                await fixture.RequestRefreshAsync("denied", $"again-{number++}");
                return await fixture.GetAsync("denied");
            },
            seen => seen.Status("Ready") == "True" && seen.Status("Stalled") == "False");
    }

    private async Task ControlledAsync(string name) => await Eventually.SeesAsync(
        async () => (Owners: (await _fixture.SecretAsync(name))!.Json["metadata"]!["ownerReferences"] as JsonArray, Uid: (string?)(await _fixture.GetAsync(name)).Json["metadata"]!["uid"]),
        seen => seen.Owners is [{ } owner] && (string?)owner["uid"] == seen.Uid);

    private int Asked(string name) => _fixture.Tokens.Requests.Count(r => r.Form.TryGetValue("refresh_token", out var token) && token == _tokens[name]);

    private readonly Dictionary<string, string> _tokens = [];

    private async Task<(int Asked, string Token)> ReadyAsync(string name)
    {
        _tokens[name] = (await _fixture.AddAccountAsync(name)).RefreshToken;
        await _fixture.ReadyAsync(name);
        return (Asked(name), (await _fixture.SecretAsync(name))!["access_token"]!);
    }
}
