using System.Globalization;
using System.Text.Json.Nodes;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>The verbs of kubectl oauthtoken that read the operator's pods. There is no real node: the pods are only objects, with logs from <see cref="FakeKubelet"/>.</summary>
[Collection(PersonGroup.Name)]
public sealed class PluginOperatorTests(ClusterFixture cluster) : IAsyncLifetime
{
    private OperatorFixture _fixture = null!;
    private PluginFixture _person = null!;
    private FakeKubelet _kubelet = null!;

    private string Namespace => _fixture.Namespace;

    public async Task InitializeAsync()
    {
        _fixture = await OperatorFixture.StartAsync(cluster);
        _person = await PluginFixture.CreateAsync(cluster, _fixture);
        _kubelet = await FakeKubelet.StartAsync();
        await _kubelet.RegisterAsync(_fixture.Kubectl, $"node-{Namespace}");
        await _fixture.AddAccountAsync("marcus");
        await _fixture.ReadyAsync("marcus");
    }

    public async Task DisposeAsync()
    {
        await _fixture.Kubectl.RunAsync(["delete", "node", $"node-{Namespace}"]);
        await _kubelet.DisposeAsync();
        await _fixture.DisposeAsync();
    }

    [Fact]
    public async Task Logs_shows_the_lines_of_all_replicas_about_one_object_oldest_first()
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
        result.Errors.Should().Contain("the log of the pod").And.Contain("operator-new");

        var administrator = await PluginFixture.RunAsAsync(cluster.Plane.AdminKubeconfig, "logs", "marcus", "-n", Namespace, "--operator-namespace", Namespace);
        administrator.Output.Should().Contain("[operator-b (leader)] Information: second");

        var others = await _person.RunAsync("logs", "marcus");
        others.ExitCode.Should().Be(5);
        others.Errors.Should().Contain("Only the operator's administrators can read its logs").And.Contain($"kubectl describe oauthtoken marcus -n {Namespace}");
    }

    [Fact]
    public async Task Following_logs_shows_each_new_line_once_and_those_of_a_replica_that_starts_later()
    {
        await AddPodAsync("operator-a");
        _kubelet.Logs["operator-a"] = Log((1, "first"));
        await using var logs = _person.Start(_person.File("follow.log"), "logs", "marcus", "-f", "--operator-namespace", Namespace);
        await ShowsAsync("first");
        // In the same second as the previous line, from which the log is requested again.
        _kubelet.Logs["operator-a"] += Log((1, "second")).Replace(":01.0", ":01.7", StringComparison.Ordinal);
        await ShowsAsync("second");
        await AddPodAsync("operator-b");
        _kubelet.Logs["operator-b"] = Log((2, "third"));
        await ShowsAsync("third");

        (await logs.StopAsync()).Should().BeOneOf(130, 143);
        File.ReadAllLines(logs.LogFile).Where(line => line.Contains("Information", StringComparison.Ordinal)).Select(line => line[(line.IndexOf('[', StringComparison.Ordinal))..])
            .Should().Equal("[operator-a] Information: first", "[operator-a] Information: second", "[operator-b] Information: third");

        Task ShowsAsync(string line) => Eventually.SeesAsync(() => File.ReadAllText(logs.LogFile), text => text.Contains(line, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Doctor_passes_on_a_healthy_install_and_finds_a_mount_that_never_updates()
    {
        await InstallAsync();
        var healthy = await DoctorAsync(cluster.Plane.AdminKubeconfig);
        healthy.Output.Should().NotContain("FAIL").And.NotContain("warn");
        healthy.ExitCode.Should().Be(0, healthy.Output + healthy.Errors);
        foreach (var check in new[] { "API server", "CRD", "your rights", "operator's rights", "operator ", "leader", "key", "Postgres", "provider", "mounts" })
            healthy.Output.Should().MatchRegex($"(?m)^ok +{check}");

        await AddPodAsync("app", mount: """{"name": "token", "mountPath": "/token/access_token", "subPath": "access_token"}""");
        var frozen = await DoctorAsync(cluster.Plane.AdminKubeconfig);
        frozen.ExitCode.Should().Be(1);
        frozen.Output.Should().Contain("The Secret marcus is mounted with subPath in pod app");
    }

    [Fact]
    public async Task Doctor_uses_the_names_in_the_Deployment_and_reports_each_missing_part()
    {
        await cluster.Plane.ApplyJsonAsync(
            $$"""
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "mine", "namespace": "{{Namespace}}"},
             "spec": {"selector": {"matchLabels": {"app": "mine"} }, "template": {
               "metadata": {"labels": {"app": "mine", "app.kubernetes.io/name": "token-operator", "app.kubernetes.io/component": "manager"} },
               "spec": {"serviceAccountName": "mine", "volumes": [{"name": "keys", "secret": {"secretName": "mine-keys"} }],
                 "containers": [{"name": "manager", "image": "none", "envFrom": [{"configMapRef": {"name": "mine-settings"} }],
                   "env": [{"name": "Encryption__KeyringPath", "value": "/keys"}], "volumeMounts": [{"name": "keys", "mountPath": "/keys"}]}]} } } }
            """);
        await _fixture.Kubectl.RunAsync(["create", "configmap", "mine-settings", "-n", Namespace, "--from-literal=LeaderElection__LeaseName=mine-lease"]);
        var nobody = $"127.0.0.1:{Ports.Free()}";

        var result = await DoctorInAsync(
            new() { ["Providers__google__TokenEndpoint"] = $"http://{nobody}" }, cluster.Plane.AdminKubeconfig);
        result.ExitCode.Should().Be(1);
        result.Output.Should().MatchRegex($"(?m)^FAIL +operator's rights +The ServiceAccount {Namespace}/mine cannot list oauthtokens, .*patch oauthtokens/status")
            .And.MatchRegex("(?m)^FAIL +operator +The namespace .* has no operator pods.*kubectl describe deployment mine ")
            .And.MatchRegex($"(?m)^FAIL +leader +No operator leads: no one holds the lease {Namespace}/mine-lease")
            .And.MatchRegex($"(?m)^warn +key +The Secret {Namespace}/mine-keys does not exist")
            .And.MatchRegex("(?m)^warn +provider +This machine cannot reach google");

        await HoldLeaseAsync("operator-a_1234", "mine-lease");
        await _fixture.WriteSecretAsync("mine-keys", "2026-05-01", "not shown");
        var repaired = await DoctorInAsync(new() { ["Providers__google__TokenEndpoint"] = "banana" }, cluster.Plane.AdminKubeconfig);
        repaired.Output.Should().MatchRegex("(?m)^ok +leader +operator-a_1234 leads").And.MatchRegex("(?m)^ok +key ")
            .And.MatchRegex("(?m)^warn +provider +The connection from this machine was not checked. The setting Providers__google__TokenEndpoint");
    }

    [Fact]
    public async Task Doctor_fails_without_an_operator_and_warns_about_checks_that_the_user_has_no_rights_for()
    {
        var result = await _person.RunAsync("doctor", "--operator-namespace", Namespace);
        result.ExitCode.Should().Be(1);
        result.Output.Should().MatchRegex("(?m)^FAIL +operator +The namespace .* has no operator pods")
            .And.MatchRegex("(?m)^warn +CRD +This cannot be checked: .*403 Forbidden")
            .And.MatchRegex("(?m)^ok +your rights").And.MatchRegex("(?m)^warn +leader +This cannot be checked");
    }

    private Task<CommandResult> DoctorAsync(string kubeconfig, params string[] more) => DoctorInAsync([], kubeconfig, more);

    private Task<CommandResult> DoctorInAsync(Dictionary<string, string?> environment, string kubeconfig, params string[] more)
    {
        environment["KUBECONFIG"] = kubeconfig;
        environment.TryAdd("DATABASE_URL", _fixture.Database.Uri);
        environment.TryAdd(TestKeyring.Setting, _fixture.Keyring.Folder);
        environment.TryAdd("Providers__google__TokenEndpoint", _fixture.Tokens.TokenEndpoint.ToString());
        return Command.RunAsync(PluginProgram.Starter, [PluginProgram.Path, "doctor", "-n", Namespace, "--operator-namespace", Namespace, .. more], environment: environment);
    }

    /// <summary>Creates all objects of an operator in its namespace.</summary>
    private async Task InstallAsync()
    {
        await AddPodAsync("operator-a", ready: true);
        await HoldLeaseAsync("operator-a_1234");
        await _fixture.WriteSecretAsync("token-operator-keys", "2026-05-01", "not shown");
        await cluster.Plane.ServiceAccountKubeconfigAsync(Namespace, "token-operator");
        await cluster.Plane.BindAsync($"{Namespace}:token-operator", "ClusterRole", "token-operator", Namespace);
    }

    private async Task AddPodAsync(string name, bool ready = false, string mount = """{"name": "token", "mountPath": "/token"}""")
    {
        var labels = name == "app" ? "{}" : """{"app.kubernetes.io/name": "token-operator", "app.kubernetes.io/component": "manager"}""";
        await cluster.Plane.ApplyJsonAsync(
            $$"""
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "{{name}}", "namespace": "{{Namespace}}", "labels": {{labels}} },
             "spec": {"nodeName": "node-{{Namespace}}", "serviceAccountName": "person", "automountServiceAccountToken": false,
               "volumes": [{"name": "token", "secret": {"secretName": "{{(name == "app" ? "marcus" : "other")}}"} }],
               "containers": [{"name": "manager", "image": "none", "volumeMounts": [{{mount}}]}]} }
            """);
        if (ready)
        {
            await cluster.Plane.MergeAsync(
                $"/api/v1/namespaces/{Namespace}/pods/{name}/status",
                JsonNode.Parse("""{"status": {"conditions": [{"type": "Ready", "status": "True"}]}}""")!.AsObject());
        }
    }

    private Task HoldLeaseAsync(string holder, string lease = "token-operator") => cluster.Plane.ApplyJsonAsync(
        $$"""
        {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "{{lease}}", "namespace": "{{Namespace}}"},
         "spec": {"holderIdentity": "{{holder}}", "leaseDurationSeconds": 3600,
           "renewTime": "{{DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture)}}"} }
        """);

    private string Log(params (int Second, string Message)[] lines) => string.Concat(lines.Select(line =>
        $$"""
        2026-05-01T12:00:0{{line.Second}}.000000000Z {"LogLevel":"Information","Message":"{{line.Message}}","State":{"Namespace":"{{Namespace}}","Name":"marcus"} }
        2026-05-01T12:00:0{{line.Second}}.500000000Z {"LogLevel":"Information","Message":"another's","State":{"Namespace":"{{Namespace}}","Name":"other"} }

        """));
}
