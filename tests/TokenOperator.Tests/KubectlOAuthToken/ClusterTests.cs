using System.Text.Json.Nodes;
using KubectlOAuthToken.Kubernetes;
using KubectlOAuthToken.Output;
using TokenOperator.Core.Cli;
using TokenOperator.TestBed;
using TokenOperator.Tests.KubeRuntime.Fakes;

namespace TokenOperator.Tests.KubectlOAuthToken;

public sealed class ClusterTests : IAsyncLifetime
{
    private FakeApiServer _server = null!;

    public async Task InitializeAsync() => _server = await FakeApiServer.StartAsync();

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task A_cluster_without_the_CRD_has_no_operator_or_is_the_wrong_one()
    {
        _server.Intercept = async (context, _) =>
        {
            await FakeApiServer.RefuseAsync(context, 404, "NotFound", "the server could not find the requested resource");
            return true;
        };
        using var cluster = TestCluster.Connect(_server.Address);
        Func<Task>[] calls =
        [
            () => cluster.ListAsync("", CancellationToken.None),
            () => cluster.GetAsync("marcus", CancellationToken.None),
            () => cluster.PatchAsync("marcus", [], CancellationToken.None),
            () => cluster.ServerTimeAsync(CancellationToken.None),
        ];
        foreach (var call in calls)
        {
            var error = (await call.Should().ThrowAsync<PluginException>()).Which;
            error.ExitCode.Should().Be(ExitCodes.NotFound);
            error.Message.Should().Contain("docs/install.md");
        }
    }

    [Theory]
    [InlineData("v1alpha1", "v1alpha1")]
    [InlineData("v1alpha1,v1beta1", "v1beta1")]
    [InlineData("v1beta1", "v1beta1")]
    [InlineData("v1", "v1beta1")]
    [InlineData(null, "v1beta1")]
    [InlineData("<html>", "v1beta1")]
    [InlineData("[]", "v1beta1")]
    public async Task The_version_of_an_earlier_release_is_used_in_a_cluster_that_serves_no_other(string? served, string used)
    {
        _server.Intercept = async (context, request) =>
        {
            if (request.Path != "/apis/tokenoperator.dev")
                return false;
            if (served is null)
                await FakeApiServer.RefuseAsync(context, 403, "Forbidden", "discovery is not allowed");
            else if (served[0] is '<' or '[')
                await FakeApiServer.AnswerAsync(context, 200, served);
            else
                await FakeApiServer.AnswerAsync(context, 200, new JsonObject { ["versions"] = new JsonArray([.. served.Split(',').Select(version => new JsonObject { ["version"] = version })]) }.ToJsonString());
            return true;
        };
        _server.Store.Create("oauthtokens", Manifests.OAuthToken("mail", "marcus"));
        using var cluster = TestCluster.Connect(_server.Address);

        (await cluster.ListAsync("mail", CancellationToken.None)).Should().ContainSingle();
        (await cluster.GetAsync("marcus", CancellationToken.None)).Spec.Account.Should().Be("marcus");
        await cluster.PatchAsync("marcus", new JsonObject { ["metadata"] = new JsonObject() }, CancellationToken.None);
        await cluster.ServerTimeAsync(CancellationToken.None);
        await ClusterProviders.ReadAsync(cluster, "acme", CancellationToken.None);

        var calls = _server.Requests.Select(request => request.Path).Where(path => path != "/apis/tokenoperator.dev").ToList();
        calls.Should().HaveCount(5).And.OnlyContain(path => path.StartsWith($"/apis/tokenoperator.dev/{used}/", StringComparison.Ordinal));
        (_server.Requests.Count - calls.Count).Should().Be(1, "the cluster is asked once");
    }
}
