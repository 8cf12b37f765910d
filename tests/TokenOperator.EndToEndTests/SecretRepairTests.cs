using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>The operator repairs every change to its Secret from the stored token, and leaves other Secrets alone.</summary>
[Collection(ClusterGroup.Name)]
public sealed class SecretRepairTests(ClusterFixture cluster) : IAsyncLifetime
{
    private static readonly TimeSpan Promise = TimeSpan.FromSeconds(2);
    private OperatorFixture _fixture = null!;

    public async Task InitializeAsync() => _fixture = await cluster.SharedFixtureAsync();

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task A_deleted_Secret_is_restored_without_a_provider_request()
    {
        var (asked, token) = await ReadyAsync("deleted");
        await _fixture.Kubectl.RunAsync(["delete", "secret", "-n", _fixture.Namespace, "deleted"]);
        (await Eventually.SeesAsync(() => _fixture.SecretAsync("deleted"), secret => secret is not null, Promise))!["access_token"].Should().Be(token);
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
        await Eventually.SeesAsync(async () => (await _fixture.SecretAsync(name))?["access_token"], now => now == token, Promise);
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

    private int Asked(string name) => _fixture.Tokens.Requests.Count(r => r.Form.TryGetValue("refresh_token", out var token) && token == _tokens[name]);

    private readonly Dictionary<string, string> _tokens = [];

    private async Task<(int Asked, string Token)> ReadyAsync(string name)
    {
        _tokens[name] = (await _fixture.AddAccountAsync(name)).RefreshToken;
        await _fixture.ReadyAsync(name);
        return (Asked(name), (await _fixture.SecretAsync(name))!["access_token"]!);
    }
}
