using System.Text.Json.Nodes;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>An operator and a plugin that look for ClusterOAuthProviders in a cluster that has only the CRD and the rights of an older version.</summary>
[Collection(LinkGroup.Name)]
public sealed class OlderInstallTests : IAsyncLifetime
{
    private const string Provider = "acme";
    private const string Account = $"{ClusterFixture.OperatorNamespace}:{ClusterFixture.ServiceAccount}";
    private const string WithoutThem = "The operator works without clusteroauthproviders";

    private ClusterFixture _cluster = null!;
    private OperatorFixture _fixture = null!;

    public async Task InitializeAsync()
    {
        _cluster = await ClusterFixture.StartAsync(async plane =>
        {
            var kubeconfig = await ClusterFixture.InstallAsync(plane);
            await plane.Kubectl.RunAsync("delete crd clusteroauthproviders.tokenoperator.dev");
            await plane.Kubectl.RunAsync("delete clusterrolebinding token-operator-providers");
            await plane.MayAsync(Account, "list", "clusteroauthproviders.tokenoperator.dev", isAllowed: false);
            return kubeconfig;
        });
        _fixture = await OperatorFixture.CreateAsync(_cluster);
    }

    public async Task DisposeAsync()
    {
        await _fixture.DisposeAsync();
        await _cluster.DisposeAsync();
    }

    [Fact]
    public async Task Without_the_CRD_and_without_the_rights_all_other_providers_serve_and_log_and_plugin_say_what_is_missing()
    {
        await StartAsync();
        await _fixture.AddAccountAsync("marcus");
        await _fixture.AddAccountAsync("later", spec => spec["provider"] = Provider);
        await _fixture.ReadyAsync("marcus");
        await _fixture.SeesAsync("later", "Ready", "False", "UnknownProvider");
        await _fixture.Operator.LogsAsync(WithoutThem);
        var check = await CheckAsync();
        check.ExitCode.Should().Be(2, check.Output);
        check.Errors.Should().Contain($"The provider \"{Provider}\" is not known").And.Contain("this cluster has no ClusterOAuthProvider of this name").And.Contain("--token-endpoint");

        // The upgrade brings the CRD first.
        await _fixture.Operator.StopAsync();
        await _cluster.Plane.Kubectl.RunAsync(["apply", "-k", Repository.File("config/crds")]);
        await _cluster.Plane.Kubectl.RunAsync("wait --for=condition=Established crd/clusteroauthproviders.tokenoperator.dev --timeout=30s");
        await _fixture.ApplyProviderAsync(Provider, new JsonObject { ["tokenEndpoint"] = _fixture.Tokens.TokenEndpoint.ToString() });
        await StartAsync();
        await _fixture.RefreshAsync("marcus", "without-the-rights");
        (await _fixture.GetAsync("later")).Reason("Ready").Should().Be("UnknownProvider");
        await _fixture.Operator.LogsAsync(WithoutThem);
        _fixture.Operator.Log.Should().Contain("forbidden");
        (await CheckAsync()).Errors.Should().Contain($"The ClusterOAuthProvider {Provider} describes the provider.");

        await _fixture.Operator.StopAsync();
        await _cluster.Plane.Kubectl.RunAsync(["apply", "-k", Repository.File("config/rbac")]);
        await _cluster.Plane.HasRoleAsync(Account, "ClusterRole", "token-operator-providers");
        await StartAsync();
        await _fixture.ReadyAsync("later");
        await _fixture.ProviderSeesAsync(Provider, "True", "Valid");
        _fixture.Operator.Log.Should().NotContain(WithoutThem);
    }

    private Task<OperatorProcess> StartAsync() => _fixture.StartOperatorAsync(("ClusterProviders", "true"));

    private Task<CommandResult> CheckAsync() => PluginFixture.RunAsAsync(_cluster.Plane.AdminKubeconfig, "provider", "check", Provider);
}
