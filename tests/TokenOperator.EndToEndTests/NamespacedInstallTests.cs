using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>An operator without permissions outside of the namespaces that it serves, installed as a user installs it.</summary>
[Collection(ClusterGroup.Name)]
public sealed class NamespacedInstallTests : IAsyncLifetime
{
    private readonly List<OperatorFixture> _fixtures = [];
    private ClusterFixture _cluster = null!;

    public async Task InitializeAsync() =>
        _cluster = await ClusterFixture.StartAsync(plane => plane.ServiceAccountKubeconfigAsync(ClusterFixture.OperatorNamespace, ClusterFixture.ServiceAccount));

    public async Task DisposeAsync()
    {
        foreach (var fixture in _fixtures)
            await fixture.DisposeAsync();
        await _cluster.DisposeAsync();
    }

    [Fact]
    public async Task It_serves_the_listed_namespaces_and_neither_requests_nor_may_access_anything_else()
    {
        var (mail, calendar, other) = (await FixtureAsync(), await FixtureAsync(), await FixtureAsync());
        var early = await PluginFixture.RunAsAsync(_cluster.Plane.AdminKubeconfig, "doctor");
        early.ExitCode.Should().Be(4, "there is no CRD yet: {0}", early.Output);
        early.Errors.Should().Contain("does not have the resource OAuthToken").And.Contain("docs/install.md");
        await DeployAsync($"{mail.Namespace}, {calendar.Namespace}");
        await other.WriteSeedAsync("unseen", mail.Tokens.AddAccount("unseen").RefreshToken);
        await other.ApplyAsync("unseen");

        await mail.StartOperatorAsync(("Namespaces", await SettingAsync()), ("LeaderElection__LeaseName", "token-operator"));
        await mail.AddAccountAsync("first", spec => spec["deletionPolicy"] = "Delete");
        await calendar.WriteSeedAsync("second", mail.Tokens.AddAccount("second").RefreshToken);
        await calendar.ApplyAsync("second");

        await mail.ReadyAsync("first");
        await calendar.ReadyAsync("second");
        (await calendar.SecretAsync("second"))!["access_token"].Should().NotBeNullOrEmpty();
        await Eventually.SeesAsync(() => mail.EventsAsync("first"), reasons => reasons.Contains("FirstToken"));
        await mail.DeleteAsync("first");

        (await other.GetAsync("unseen")).Reason("Ready").Should().Be("Pending");
        (await other.SecretAsync("unseen")).Should().BeNull();
        var requests = (await _cluster.Plane.AuditLog.RequestsAsync(OperatorFixture.User)).Where(request => request.Resource.Length > 0).ToList();
        requests.Select(request => request.Namespace).Distinct().Should().BeEquivalentTo(mail.Namespace, calendar.Namespace, ClusterFixture.OperatorNamespace);
        requests.Should().NotContain(request => request.Status == 403);

        var kubectl = _cluster.Plane.Kubectl.As(_cluster.OperatorKubeconfig);

        (await MayAsync(kubectl, "get", "secrets", mail.Namespace)).Should().BeTrue();
        (await MayAsync(kubectl, "get", "secrets", other.Namespace)).Should().BeFalse();
        (await MayAsync(kubectl, "list", "oauthtokens", other.Namespace)).Should().BeFalse();
        (await MayAsync(kubectl, "get", "secrets", ClusterFixture.OperatorNamespace)).Should().BeFalse("its own keys and password are mounted, not read");
        (await _cluster.Plane.Kubectl.RunAsync($"get networkpolicies -n {ClusterFixture.OperatorNamespace} -o name")).Should().Contain("/token-operator");
        (await _cluster.Plane.Kubectl.RunAsync("get clusterroles,clusterrolebindings -l app.kubernetes.io/name=token-operator -o name")).Should().BeEmpty();
    }

    [Fact]
    public async Task People_have_permissions_through_the_Roles_of_each_namespace()
    {
        var (mail, other) = (await FixtureAsync(), await FixtureAsync());
        await DeployAsync($"{mail.Namespace}");
        await mail.ApplyAsync("seen");
        foreach (var (role, changes) in new[] { ("view", 5), ("edit", 0) })
        {
            var kubeconfig = await _cluster.Plane.ServiceAccountKubeconfigAsync(mail.Namespace, role);
            await _cluster.Plane.BindAsync($"{mail.Namespace}:{role}", "Role", $"token-operator-{role}", mail.Namespace);
            (await PluginFixture.RunAsAsync(kubeconfig, "status", "seen", "-n", mail.Namespace)).Output.Should().Contain("seen");
            (await PluginFixture.RunAsAsync(kubeconfig, "suspend", "seen", "-n", mail.Namespace)).ExitCode.Should().Be(changes);
            (await PluginFixture.RunAsAsync(kubeconfig, "status", "-n", other.Namespace)).ExitCode.Should().Be(5);
        }
    }

    private async Task<OperatorFixture> FixtureAsync()
    {
        var fixture = await OperatorFixture.CreateAsync(_cluster);
        _fixtures.Add(fixture);
        return fixture;
    }

    private async Task DeployAsync(string namespaces)
    {
        var result = await _cluster.RunScriptAsync("deploy.sh", ["registry.example.com/token-operator:1", namespaces]);
        result.ExitCode.Should().Be(0, result.Errors);
        await _cluster.Plane.Kubectl.RunAsync("wait --for=condition=Established crd/oauthtokens.tokenoperator.dev --timeout=30s");
        const string Account = $"{ClusterFixture.OperatorNamespace}:{ClusterFixture.ServiceAccount}";
        await _cluster.Plane.HasRoleAsync(Account, "Role", "token-operator-leader-election", ClusterFixture.OperatorNamespace);
        foreach (var ns in namespaces.Split(',', StringSplitOptions.TrimEntries))
            await _cluster.Plane.HasRoleAsync(Account, "Role", "token-operator", ns);
    }

    /// <summary>The value of the setting Namespaces in the Deployment.</summary>
    private async Task<string> SettingAsync()
    {
        var deployment = (await _cluster.Plane.GetAsync($"/apis/apps/v1/namespaces/{ClusterFixture.OperatorNamespace}/deployments/token-operator"))!;
        return (string)deployment["spec"]!["template"]!["spec"]!["containers"]![0]!["env"]!.AsArray().Single(variable => (string)variable!["name"]! == "Namespaces")!["value"]!;
    }

    private static async Task<bool> MayAsync(Kubectl kubectl, string verb, string resource, string ns) =>
        (await kubectl.TryRunAsync(["auth", "can-i", verb, resource, "-n", ns])).ExitCode == 0;
}
