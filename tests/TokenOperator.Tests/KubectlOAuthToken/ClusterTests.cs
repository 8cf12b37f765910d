using KubectlOAuthToken.Kubernetes;
using KubectlOAuthToken.Output;
using TokenOperator.Core.Cli;
using TokenOperator.Tests.KubeRuntime.Fakes;

namespace TokenOperator.Tests.KubectlOAuthToken;

public sealed class ClusterTests : IAsyncLifetime
{
    private readonly string _kubeconfig = Path.Combine(Path.GetTempPath(), $"kubeconfig-{Guid.NewGuid():N}");
    private FakeApiServer _server = null!;

    public async Task InitializeAsync()
    {
        _server = await FakeApiServer.StartAsync();
        await File.WriteAllTextAsync(
            _kubeconfig,
            $$$"""
            current-context: here
            clusters: [{name: c, cluster: {server: "{{{_server.Address}}}"}}]
            users: [{name: u, user: {token: t}}]
            contexts: [{name: here, context: {cluster: c, user: u, namespace: mail}}]
            """);
    }

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        File.Delete(_kubeconfig);
    }

    [Fact]
    public async Task A_cluster_without_the_CRD_has_no_operator_or_is_the_wrong_one()
    {
        _server.Intercept = async (context, _) =>
        {
            await FakeApiServer.RefuseAsync(context, 404, "NotFound", "the server could not find the requested resource");
            return true;
        };
        using var cluster = Cluster.Connect(_kubeconfig, context: null, ns: null, TimeProvider.System);
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
