using KubectlOAuthToken.Output;
using TokenOperator.Core.Cli;
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
}
