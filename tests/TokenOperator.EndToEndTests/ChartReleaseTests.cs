using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>Releases of charts/token-operator on a real API server, from the first install to the end.</summary>
public sealed class ChartReleaseTests(ChartFixture fixture) : IClassFixture<ChartFixture>, IAsyncLifetime
{
    private const string System = ClusterFixture.OperatorNamespace;
    private const string Keys = "token-operator-keys";

    /// <summary>The kind of the Prometheus operator, without its schema.</summary>
    private const string PrometheusRules = """
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata: {name: prometheusrules.monitoring.coreos.com}
        spec:
          group: monitoring.coreos.com
          names: {kind: PrometheusRule, plural: prometheusrules}
          scope: Namespaced
          versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
        """;

    public Task InitializeAsync() => Task.CompletedTask;

    /// <summary>Removes what a release leaves.</summary>
    public async Task DisposeAsync()
    {
        await fixture.Helm.TryRunAsync(["uninstall", "token-operator", "--namespace", System]);
        await fixture.Plane.Kubectl.RunAsync($"delete secret,configmap,crd {Keys} token-operator-settings oauthtokens.tokenoperator.dev clusteroauthproviders.tokenoperator.dev -n {System} --ignore-not-found");
    }

    [Fact]
    public async Task A_release_is_upgraded_rolled_back_and_removed_while_CRDs_objects_keys_and_settings_stay()
    {
        var previous = PreviousChart((_, text) => text.Replace("shortNames: [oat]", "shortNames: [old]", StringComparison.Ordinal));
        await RunAsync("install", "token-operator", previous, "--create-namespace", "--set", "encryption.create=true,replicaCount=1");
        (await CrdAsync())["spec"]!["names"]!["shortNames"]![0]!.ToString().Should().Be("old");
        var keys = await KeysAsync();
        keys.Should().HaveCount(1);
        Convert.FromBase64String((string)keys.Single().Value!).Should().HaveCount(32);
        await fixture.Plane.ApplyAsync(Manifests.OAuthToken("default", "kept"));
        await fixture.Plane.Kubectl.RunAsync($"create configmap token-operator-settings -n {System} --from-literal=Providers__google__TokenEndpoint=https://tokens.example.com/token");
        var settings = await SettingsAsync();

        var notes = await RunAsync("upgrade", "token-operator", Helm.Chart, "--set", "encryption.create=true,replicaCount=3,namespaces={default}");
        notes.Should().Contain("The pods wait for the Secret token-operator-postgres").And.NotContain($"The pods wait for the Secret {Keys}");
        (await DeploymentAsync())!["spec"]!["replicas"]!.GetValue<int>().Should().Be(3);
        (await CrdAsync())["spec"]!["names"]!["shortNames"]![0]!.ToString().Should().Be("oat", "an upgrade of the chart upgrades the CRDs");
        (await RoleAsync("default")).Should().NotBeNull();
        (await ClusterRoleAsync()).Should().BeNull("the operator serves only one namespace now");

        await RunAsync("rollback", "token-operator", "1");
        (await DeploymentAsync())!["spec"]!["replicas"]!.GetValue<int>().Should().Be(1);
        (await RoleAsync("default")).Should().BeNull();
        (await ClusterRoleAsync()).Should().NotBeNull();

        await RunAsync("uninstall", "token-operator");
        (await DeploymentAsync()).Should().BeNull();
        (await fixture.Plane.GetAsync("/apis/tokenoperator.dev/v1beta1/namespaces/default/oauthtokens/kept")).Should().NotBeNull();

        await RunAsync("install", "token-operator", Helm.Chart, "--set", "encryption.create=true");
        JsonNode.DeepEquals(await KeysAsync(), keys).Should().BeTrue("without the keys, the rows in Postgres cannot be read");
        JsonNode.DeepEquals(await SettingsAsync(), settings).Should().BeTrue("they decide where refresh tokens are sent");
    }

    [Fact]
    public async Task An_upgrade_from_CRDs_without_the_current_version_of_the_API_can_be_undone_by_the_command_of_the_documentation()
    {
        var previous = PreviousChart((file, text) => file.Contains("/crds/", StringComparison.Ordinal) ? WithoutCurrentVersion(text) : text);
        await RunAsync("install", "token-operator", previous, "--create-namespace", "--set", "replicaCount=1");
        var token = Manifests.OAuthToken("default", "kept");
        token["apiVersion"] = "tokenoperator.dev/v1alpha1";
        await fixture.Plane.ApplyAsync(token);
        await RunAsync("upgrade", "token-operator", Helm.Chart, "--set", "replicaCount=3");

        var rollback = await fixture.Helm.TryRunAsync(["rollback", "token-operator", "1", "--namespace", System]);
        rollback.ExitCode.Should().NotBe(0);
        rollback.Errors.Should().Contain("must appear in spec.versions");
        await GoBackAsync("helm upgrade token-operator EARLIER_CHART", previous);

        (await DeploymentAsync())!["metadata"]!["labels"]!["helm.sh/chart"]!.ToString().Should().Be("token-operator-0.0.9");
        (await CrdAsync())["spec"]!["versions"]!.AsArray().Select(version => (string?)version!["name"]).Should().Equal(["v1beta1", "v1alpha1"], "an earlier operator uses the other one");
        (await fixture.Plane.GetAsync("/apis/tokenoperator.dev/v1alpha1/namespaces/default/oauthtokens/kept")).Should().NotBeNull();

        await RunAsync("upgrade", "token-operator", Helm.Chart, "--reset-then-reuse-values", "--set", "crds.install=true");
        (await CrdAsync())["metadata"]!["labels"]!["helm.sh/chart"]!.ToString().Should().NotBe("token-operator-0.0.9");
    }

    [Fact]
    public async Task A_key_that_was_added_later_stays_in_an_upgrade_and_in_a_rollback()
    {
        await RunAsync("install", "token-operator", Helm.Chart, "--create-namespace", "--set", "encryption.create=true");
        var added = await Command.RunAsync(Repository.File("hack/new-key.sh"), [], environment: new Dictionary<string, string?>
        {
            ["KUBECONFIG"] = fixture.Plane.AdminKubeconfig,
            ["PATH"] = $"{Environment.GetEnvironmentVariable("PATH")}:{(await TestAssets.FindAsync()).Folder}",
        });
        added.ExitCode.Should().Be(0, added.Errors);
        var keys = await KeysAsync();
        keys.Should().HaveCountGreaterThan(1);

        await RunAsync("upgrade", "token-operator", Helm.Chart, "--set", "encryption.create=true,replicaCount=1");
        JsonNode.DeepEquals(await KeysAsync(), keys).Should().BeTrue();
        await RunAsync("rollback", "token-operator", "1");
        JsonNode.DeepEquals(await KeysAsync(), keys).Should().BeTrue();
    }

    [Fact]
    public async Task A_release_takes_over_what_make_deploy_has_installed()
    {
        await DeployAsync("");
        var before = (await DeploymentAsync())!;
        var keys = await KeysAsync();

        var options = Regex.Match(File.ReadAllText(Repository.File("docs/install.md")), "APPLY_OPTIONS='([^']+)'").Groups[1].Value;
        await DeployAsync(options);
        await RunAsync("upgrade", "token-operator", Helm.Chart, "--install", "--take-ownership", "--force-conflicts", "--set", "replicaCount=3");

        var after = (await DeploymentAsync())!;
        ((string)after["metadata"]!["uid"]!).Should().Be((string)before["metadata"]!["uid"]!, "the pods are replaced one after the other");
        after["spec"]!["replicas"]!.GetValue<int>().Should().Be(3);
        ((string)after["metadata"]!["labels"]!["app.kubernetes.io/managed-by"]!).Should().Be("Helm");
        JsonNode.DeepEquals(await KeysAsync(), keys).Should().BeTrue();

        await RunAsync("upgrade", "token-operator", Helm.Chart, "--reset-then-reuse-values", "--set", "nodeSelector=null,terminationGracePeriodSeconds=60,namespaces={default}");
        var pod = (await DeploymentAsync())!["spec"]!["template"]!["spec"]!;
        pod["terminationGracePeriodSeconds"]!.GetValue<int>().Should().Be(60);
        pod["nodeSelector"].Should().BeNull("Helm alone has set it");
        (await ClusterRoleAsync()).Should().BeNull();
    }

    /// <summary>Without crds.keep, Helm deletes definitions that a chart no longer has, and Kubernetes all objects with them.</summary>
    [Fact]
    public async Task The_way_back_of_a_release_that_does_not_keep_its_CRDs_is_refused_until_it_keeps_them()
    {
        await RunAsync("install", "token-operator", Helm.Chart, "--create-namespace", "--set", "crds.keep=false");
        await fixture.Plane.ApplyAsync(Manifests.OAuthToken("default", "kept"));

        var refused = await fixture.Helm.TryRunAsync(["upgrade", "token-operator", Helm.Chart, "--namespace", System, "--reset-then-reuse-values", "--set", "crds.install=false"]);
        refused.ExitCode.Should().NotBe(0);
        refused.Errors.Should().Contain("crds.install=false would delete the CRDs");
        await GoBackAsync("helm upgrade token-operator CHART", Helm.Chart);
        await GoBackAsync("helm upgrade token-operator EARLIER_CHART", Helm.Chart);

        ((string?)(await CrdAsync())["metadata"]!["deletionTimestamp"]).Should().BeNull();
        (await fixture.Plane.GetAsync("/apis/tokenoperator.dev/v1beta1/namespaces/default/oauthtokens/kept")).Should().NotBeNull();
    }

    /// <summary>Helm applies on the server, which refuses a name that is a number, and two variables with one name.</summary>
    [Fact]
    public async Task A_release_can_have_names_of_digits_and_replace_variables_of_the_chart()
    {
        string[] release = ["2024", "--namespace", "2025"];
        await fixture.Plane.Kubectl.RunAsync("create namespace 2026");
        await fixture.Helm.RunAsync(["install", .. release, Helm.Chart, "--create-namespace", "--set-string", "namespaces={2026},postgres.existingSecret=1,encryption.existingSecret=2,proxy.existingSecret=3",
            "--set", "fullnameOverride=tokens,settings.SSL_CERT_DIR=/certs,extraEnv[0].name=LeaderElection__LeaseName,extraEnv[0].value=lease"]);
        (await fixture.Plane.GetAsync("/apis/rbac.authorization.k8s.io/v1/namespaces/2026/roles/tokens")).Should().NotBeNull();
        await fixture.Helm.RunAsync(["uninstall", .. release]);
    }

    /// <summary>Helm then takes the values of the earlier chart, which has no default for what came later.</summary>
    [EarlierReleaseTheory]
    [MemberData(nameof(EarlierRelease.Versions), MemberType = typeof(EarlierRelease))]
    public async Task An_upgrade_that_reuses_the_values_of_an_earlier_release_has_the_alerts(string version)
    {
        await fixture.Plane.Kubectl.ApplyTextAsync(PrometheusRules);
        await fixture.Plane.Kubectl.RunAsync("wait --for=condition=Established crd/prometheusrules.monitoring.coreos.com --timeout=30s");
        await RunAsync("install", "token-operator", (await EarlierRelease.BuildAsync(version)).Chart, "--create-namespace", "--set", "metrics.prometheusRule.enabled=true");

        await RunAsync("upgrade", "token-operator", Helm.Chart, "--reuse-values");
        var reused = await AlertsAsync();
        await RunAsync("upgrade", "token-operator", Helm.Chart, "--reset-then-reuse-values");

        reused["groups"]!.AsArray().Should().NotBeEmpty();
        JsonNode.DeepEquals(reused, await AlertsAsync()).Should().BeTrue("the address of the documentation is a default");
    }

    [Fact]
    public async Task CRDs_are_removed_with_the_release_only_if_a_value_says_so()
    {
        await RunAsync("install", "token-operator", Helm.Chart, "--create-namespace", "--set", "crds.keep=false");
        await RunAsync("uninstall", "token-operator");
        await Eventually.SeesAsync(() => fixture.Plane.GetAsync("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/oauthtokens.tokenoperator.dev"), crd => crd is null);
    }

    /// <summary>Runs a command of docs/upgrade.md, "Go back".</summary>
    private async Task GoBackAsync(string start, string chart)
    {
        var command = DocumentationPage.Read("docs/upgrade.md").Under("Go back").SelectMany(block => block.Text.Replace("\\\n", "", StringComparison.Ordinal).Split('\n'))
            .Single(line => line.StartsWith(start + " ", StringComparison.Ordinal));
        await fixture.Helm.RunAsync(command.Split(' ', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(word => word is "CHART" or "EARLIER_CHART" ? chart : word));
    }

    /// <summary>Applies the manifests as make deploy does.</summary>
    private async Task DeployAsync(string options)
    {
        var deployed = await Command.RunAsync(Repository.File("hack/deploy.sh"), ["registry.example.com/token-operator:0.1.0"], environment: new Dictionary<string, string?>
        {
            ["KUBECONFIG"] = fixture.Plane.AdminKubeconfig,
            ["LABELS"] = "",
            ["APPLY_OPTIONS"] = options,
            ["PATH"] = $"{Environment.GetEnvironmentVariable("PATH")}:{(await TestAssets.FindAsync()).Folder}",
        });
        deployed.ExitCode.Should().Be(0, deployed.Errors);
    }

    private Task<string> RunAsync(params string[] arguments) => fixture.Helm.RunAsync([.. arguments, "--namespace", System]);

    /// <summary>A CRD as a release had it that knew only the deprecated version of the API.</summary>
    private static string WithoutCurrentVersion(string definition)
    {
        var crd = YamlStream.Parse(definition).Single();
        crd["spec"]!["versions"]!.AsArray().RemoveAt(0);
        crd["spec"]!["versions"]![0]!["storage"] = true;
        return crd.ToJsonString();
    }

    /// <summary>This chart under an earlier version, with files that differ.</summary>
    private string PreviousChart(Func<string, string, string> change)
    {
        var folder = fixture.NewFolder();
        foreach (var file in Directory.GetFiles(Helm.Chart, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(folder, Path.GetRelativePath(Helm.Chart, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.WriteAllText(copy, change(file, File.ReadAllText(file)));
        }

        var chart = Path.Combine(folder, "Chart.yaml");
        File.WriteAllLines(chart, File.ReadAllLines(chart).Select(line => line.StartsWith("version:", StringComparison.Ordinal) ? "version: 0.0.9" : line));
        return folder;
    }

    private async Task<JsonNode> CrdAsync() => (await fixture.Plane.GetAsync("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/oauthtokens.tokenoperator.dev"))!;

    private Task<JsonNode?> DeploymentAsync() => fixture.Plane.GetAsync($"/apis/apps/v1/namespaces/{System}/deployments/token-operator");

    private async Task<JsonNode> AlertsAsync() => (await fixture.Plane.GetAsync($"/apis/monitoring.coreos.com/v1/namespaces/{System}/prometheusrules/token-operator"))!["spec"]!;

    private Task<JsonNode?> RoleAsync(string ns) => fixture.Plane.GetAsync($"/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/roles/token-operator");

    private Task<JsonNode?> ClusterRoleAsync() => fixture.Plane.GetAsync("/apis/rbac.authorization.k8s.io/v1/clusterroles/token-operator");

    private async Task<JsonObject> KeysAsync() => (await fixture.Plane.GetAsync($"/api/v1/namespaces/{System}/secrets/{Keys}"))!["data"]!.AsObject();

    private async Task<JsonNode> SettingsAsync() => (await fixture.Plane.GetAsync($"/api/v1/namespaces/{System}/configmaps/token-operator-settings"))!;
}
