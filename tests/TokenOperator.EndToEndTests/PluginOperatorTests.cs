using System.Globalization;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>The verbs of kubectl oauthtoken that look at the operator's pods. There is no real node: the pods are objects, with a log from <see cref="FakeKubelet"/>.</summary>
[Collection(PersonGroup.Name)]
public sealed class PluginOperatorTests(ClusterFixture cluster) : IAsyncLifetime
{
    private OperatorBed _bed = null!;
    private PluginBed _person = null!;
    private FakeKubelet _kubelet = null!;

    private string Namespace => _bed.Namespace;

    public async Task InitializeAsync()
    {
        _bed = await OperatorBed.StartAsync(cluster);
        _person = await PluginBed.CreateAsync(cluster, _bed);
        _kubelet = await FakeKubelet.StartAsync();
        await _kubelet.RegisterAsync(_bed.Kubectl, $"node-{Namespace}");
        await _bed.AddAccountAsync("marcus");
        await _bed.ReadyAsync("marcus");
    }

    public async Task DisposeAsync()
    {
        await _bed.Kubectl.RunAsync(["delete", "node", $"node-{Namespace}"]);
        await _kubelet.DisposeAsync();
        await _bed.DisposeAsync();
    }

    [Fact]
    public async Task Logs_shows_the_lines_about_one_object_from_all_replicas_in_the_order_of_time()
    {
        await AddPodAsync("operator-a");
        await AddPodAsync("operator-b");
        await AddPodAsync("operator-new");
        await HoldLeaseAsync("operator-b_1234");
        _kubelet.Logs["operator-a"] = Log((1, "first"), (4, "fourth"));
        _kubelet.Logs["operator-b"] = Log((2, "second"), (3, "third"));

        var result = await _person.RunAsync("logs", "marcus", "--operator-namespace", Namespace);
        result.ExitCode.Should().Be(0, result.Errors);
        result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(": ")[1]).Should().Equal("first", "second", "third", "fourth");
        result.Output.Should().Contain("[operator-a] Information: first");
        result.Errors.Should().Contain("the log of pod").And.Contain("operator-new");

        var administrator = await PluginBed.RunAsAsync(cluster.Plane.AdminKubeconfig, "logs", "marcus", "-n", Namespace, "--operator-namespace", Namespace);
        administrator.Output.Should().Contain("[operator-b (leader)] Information: second");

        var others = await _person.RunAsync("logs", "marcus");
        others.ExitCode.Should().Be(5);
        others.Errors.Should().Contain("its logs are for those who run it").And.Contain($"kubectl describe oauthtoken marcus -n {Namespace}");
    }

    [Fact]
    public async Task Doctor_finds_nothing_wrong_where_nothing_is_and_the_mount_that_is_never_updated()
    {
        await InstallAsync();
        var healthy = await DoctorAsync(cluster.Plane.AdminKubeconfig, "--postgres");
        healthy.Output.Should().NotContain("FAIL").And.NotContain("warn");
        healthy.ExitCode.Should().Be(0, healthy.Output + healthy.Errors);
        foreach (var check in new[] { "API server", "CRD", "your rights", "operator's rights", "operator ", "leader", "key", "Postgres", "provider", "mounts" })
            healthy.Output.Should().MatchRegex($"(?m)^ok +{check}");

        await AddPodAsync("app", mount: """{"name": "token", "mountPath": "/token/access_token", "subPath": "access_token"}""");
        var frozen = await DoctorAsync(cluster.Plane.AdminKubeconfig);
        frozen.ExitCode.Should().Be(1);
        frozen.Output.Should().Contain("Secret marcus is mounted by subPath in pod app");
    }

    [Fact]
    public async Task Doctor_fails_without_an_operator_and_leaves_open_what_the_person_may_not_see()
    {
        var result = await _person.RunAsync("doctor", "--operator-namespace", Namespace);
        result.ExitCode.Should().Be(1);
        result.Output.Should().MatchRegex("(?m)^FAIL +operator +There is no pod of the operator")
            .And.MatchRegex("(?m)^warn +CRD +cannot be checked, since you may not")
            .And.MatchRegex("(?m)^ok +your rights").And.MatchRegex("(?m)^warn +leader +cannot be checked");
    }

    private Task<CommandResult> DoctorAsync(string kubeconfig, params string[] more) => Command.RunAsync(
        "dotnet",
        [PluginBed.Program, "kubectl-oauthtoken", "doctor", "-n", Namespace, "--operator-namespace", Namespace, .. more],
        environment: new Dictionary<string, string?>
        {
            ["KUBECONFIG"] = kubeconfig,
            ["DATABASE_URL"] = _bed.Database.Uri,
            [TestKeyring.Setting] = _bed.Keyring.Folder,
            ["Providers__google__TokenEndpoint"] = _bed.Tokens.TokenEndpoint.ToString(),
        });

    /// <summary>All that an operator leaves in its namespace.</summary>
    private async Task InstallAsync()
    {
        await AddPodAsync("operator-a", ready: true);
        await HoldLeaseAsync("operator-a_1234");
        await _bed.WriteSecretAsync("token-operator-keys", "2026-05-01", "not shown");
        await cluster.Plane.ServiceAccountKubeconfigAsync(Namespace, "token-operator");
        await _bed.Kubectl.RunAsync(["create", "rolebinding", "-n", Namespace, "token-operator", "--clusterrole=token-operator", $"--serviceaccount={Namespace}:token-operator"]);
    }

    private async Task AddPodAsync(string name, bool ready = false, string mount = """{"name": "token", "mountPath": "/token"}""")
    {
        var status = ready ? """{"conditions": [{"type": "Ready", "status": "True"}]}""" : "{}";
        var labels = name == "app" ? "{}" : """{"app.kubernetes.io/name": "token-operator", "app.kubernetes.io/component": "manager"}""";
        var pod =
            $$"""
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "{{name}}", "namespace": "{{Namespace}}", "labels": {{labels}} },
             "spec": {"nodeName": "node-{{Namespace}}", "serviceAccountName": "person", "automountServiceAccountToken": false,
               "volumes": [{"name": "token", "secret": {"secretName": "{{(name == "app" ? "marcus" : "other")}}"} }],
               "containers": [{"name": "manager", "image": "none", "volumeMounts": [{{mount}}]}]},
             "status": {{status}} }
            """;
        await _bed.Kubectl.RunAsync(["create", "-f", "-"], pod);
        if (ready)
            await _bed.Kubectl.RunAsync(["replace", "--raw", $"/api/v1/namespaces/{Namespace}/pods/{name}/status", "-f", "-"], pod);
    }

    private Task HoldLeaseAsync(string holder) => _bed.Kubectl.ApplyTextAsync(
        $$"""
        {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "token-operator", "namespace": "{{Namespace}}"},
         "spec": {"holderIdentity": "{{holder}}", "leaseDurationSeconds": 3600,
           "renewTime": "{{DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture)}}"} }
        """);

    private string Log(params (int Second, string Message)[] lines) => string.Concat(lines.Select(line =>
        $$"""
        2026-05-01T12:00:0{{line.Second}}.000000000Z {"LogLevel":"Information","Message":"{{line.Message}}","State":{"Namespace":"{{Namespace}}","Name":"marcus"} }
        2026-05-01T12:00:0{{line.Second}}.500000000Z {"LogLevel":"Information","Message":"another's","State":{"Namespace":"{{Namespace}}","Name":"other"} }

        """));
}
