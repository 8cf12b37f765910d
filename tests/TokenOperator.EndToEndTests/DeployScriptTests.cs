using System.Globalization;
using System.Text.Json.Nodes;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>hack/deploy.sh, which make deploy calls, on a real API server without a kubelet.</summary>
[Collection(ClusterGroup.Name)]
public sealed class DeployScriptTests(ClusterFixture cluster)
{
    private const string Image = "registry.example.com:5000/team/token-operator";
    private const string Settings = "token-operator-settings";
    private const string DeploymentPath = $"/apis/apps/v1/namespaces/{ClusterFixture.OperatorNamespace}/deployments/token-operator";
    private const string Digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    [Fact]
    public async Task It_sets_the_image_of_the_Deployment_creates_a_key_and_changes_nothing_the_second_time()
    {
        var first = await DeployAsync($"{Image}:0.1.0");
        first.Errors.Should().Contain("the pods wait for the Secret token-operator-postgres");
        (await ImageAsync()).Should().Be($"{Image}:0.1.0");
        var before = await VersionsAsync();
        before.Should().Contain("Secret/token-operator-keys ").And.Contain("NetworkPolicy/token-operator ");

        await cluster.Plane.Kubectl.RunAsync(["apply", "-k", Repository.File("config/trial")]);
        var second = await DeployAsync($"{Image}:0.1.0");
        second.Errors.Should().NotContain("token-operator-postgres", "it is there now");
        (await VersionsAsync()).Should().ContainAll(before.Split('\n'));

        await DeployAsync($"{Image}@{Digest}");
        (await ImageAsync()).Should().Be($"{Image}@{Digest}");
    }

    [Theory]
    [InlineData("", "", "no image was given; *")]
    [InlineData("my image:1", "", "\"my image:1\" is not the name of an image: *")]
    [InlineData("registry/name:", "", "\"registry/name:\" is not the name of an image: *")]
    [InlineData(Image, "Mail", "\"Mail\" is not the name of a namespace*")]
    [InlineData(Image, ",", "NAMESPACES is \",\": *")]
    [InlineData(Image, "default,default", "NAMESPACES names default twice*")]
    [InlineData(Image, "default,nowhere", "nothing was changed: create the namespace nowhere first*")]
    public async Task A_wrong_call_is_refused_before_anything_is_applied(string image, string namespaces, string sentence)
    {
        var result = await cluster.RunScriptAsync("deploy.sh", [image, namespaces]);
        result.ExitCode.Should().Be(1);
        result.Output.Should().BeEmpty("kubectl apply prints what it does");
        result.Errors.TrimEnd().Split('\n')[^1].Should().Match($"deploy: {sentence}");
    }

    [Fact]
    public async Task A_cluster_that_does_not_answer_is_reported_as_unreachable()
    {
        var result = await cluster.RunScriptAsync("deploy.sh", [Image], kubeconfig: "/nonexistent");
        result.ExitCode.Should().Be(1);
        result.Errors.Should().Contain("deploy: the cluster does not answer (see above); set KUBECONFIG");
    }

    [Fact]
    public async Task Switching_between_an_installation_for_all_and_for_some_namespaces_reports_what_is_left_over()
    {
        var some = await DeployAsync(Image, "default");
        (await NamespacesAsync()).Should().Be("default");
        await RunSuggestionAsync(some, "kubectl delete clusterrolebindings,clusterroles ");
        (await cluster.Plane.Kubectl.RunAsync("get clusterrolebindings,clusterroles -l app.kubernetes.io/name=token-operator -o name")).Should().BeEmpty();

        (await DeployAsync(Image, "default,kube-public")).Errors.Should().NotContain("kubectl delete", "nothing is left");
        var fewer = await DeployAsync(Image, "default");
        await RunSuggestionAsync(fewer, "kubectl delete rolebinding,role token-operator -n kube-public");
        (await DeployAsync(Image, "default")).Errors.Should().NotContain("kubectl delete");

        var all = await DeployAsync(Image);
        all.Errors.Should().NotContain("serves only");
        (await NamespacesAsync()).Should().BeEmpty();
        await RunSuggestionAsync(all, "kubectl delete rolebinding,role token-operator -n default");

        // An earlier version wrote the list into this ConfigMap.
        await cluster.Plane.Kubectl.RunAsync($"create configmap {Settings} -n {ClusterFixture.OperatorNamespace} --from-literal=Namespaces=default");
        (await DeployAsync(Image)).Errors.Should().Contain("the operator serves only default, because the ConfigMap token-operator-settings says so");
        await DeleteSettingsAsync();
    }

    [Theory]
    [InlineData("create")]
    [InlineData("apply")]
    public async Task The_settings_of_the_administrators_stay_as_they_are(string verb)
    {
        await DeleteSettingsAsync();
        const string settings = $$"""
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{Settings}}", "namespace": "{{ClusterFixture.OperatorNamespace}}"},
             "data": {"Providers__google__TokenEndpoint": "https://tokens.example.com/token"} }
            """;
        await cluster.Plane.Kubectl.RunAsync([verb, "-f", "-"], settings);
        var before = await SettingsAsync();

        foreach (var namespaces in new[] { "default", "default,kube-public", "" })
        {
            await DeployAsync(Image, namespaces);
            (await NamespacesAsync()).Should().Be(namespaces);
        }

        JsonNode.DeepEquals(await SettingsAsync(), before).Should().BeTrue("refresh tokens go where the administrator says");
        await DeleteSettingsAsync();
    }

    [Fact]
    public async Task A_Deployment_whose_selector_cannot_change_is_created_anew()
    {
        await DeployAsync(Image);
        var deployment = (await cluster.Plane.GetAsync(DeploymentPath))!.AsObject();
        var before = (string)deployment["metadata"]!["uid"]!;
        await cluster.Plane.DeleteAsync(DeploymentPath);
        foreach (var labels in new[] { deployment["spec"]!["selector"]!["matchLabels"]!, deployment["spec"]!["template"]!["metadata"]!["labels"]! })
            labels.AsObject().Remove("app.kubernetes.io/instance");
        deployment["metadata"]!.AsObject().Remove("resourceVersion");
        await cluster.Plane.Kubectl.RunAsync(["create", "-f", "-"], deployment.ToJsonString());

        (await DeployAsync(Image)).Errors.Should().Contain("the Deployment is created anew");
        (await DeployAsync(Image)).Errors.Should().NotContain("anew");

        var after = (await cluster.Plane.GetAsync(DeploymentPath))!;
        ((string)after["spec"]!["selector"]!["matchLabels"]!["app.kubernetes.io/instance"]!).Should().Be("token-operator");
        ((string)after["metadata"]!["uid"]!).Should().NotBe(before);
    }

    [Fact]
    public async Task On_OpenShift_the_Deployment_names_no_user_and_no_group_because_the_platform_assigns_them()
    {
        await DeployAsync(Image);
        (await PodSecurityAsync()).Should().Contain("runAsUser").And.Contain("fsGroup");
        const string constraints = """
            {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "securitycontextconstraints.security.openshift.io"},
             "spec": {"group": "security.openshift.io", "scope": "Cluster", "names": {"plural": "securitycontextconstraints", "kind": "SecurityContextConstraints"},
              "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true} } }]} }
            """;
        await cluster.Plane.Kubectl.RunAsync(["create", "-f", "-"], constraints);
        try
        {
            await Eventually.IsTrueAsync(async () => (await cluster.Plane.Kubectl.RunAsync("api-versions")).Contains("security.openshift.io/v1", StringComparison.Ordinal));
            await DeployAsync(Image);
            (await PodSecurityAsync()).Should().Contain("runAsNonRoot").And.NotContainAny("runAsUser", "runAsGroup", "fsGroup");
        }
        finally
        {
            await cluster.Plane.Kubectl.RunAsync("delete crd securitycontextconstraints.security.openshift.io");
        }
    }

    [Fact]
    public async Task OAuthTokens_can_be_selected_by_their_fields_if_the_cluster_knows_such_fields()
    {
        await DeployAsync(Image);
        var minor = int.Parse(((string)(await cluster.Plane.GetAsync("/version"))!["minor"]!).TrimEnd('+'), CultureInfo.InvariantCulture);
        var crd = await cluster.Plane.GetAsync("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/oauthtokens.tokenoperator.dev");
        crd!["spec"]!["versions"]!.AsArray().Should().OnlyContain(version => version!.AsObject().ContainsKey("selectableFields") == (minor >= 31));
    }

    /// <summary>Runs the command that the script suggests.</summary>
    private async Task RunSuggestionAsync(CommandResult result, string start)
    {
        var command = result.Errors.Split('\n').Select(line => line.IndexOf(start, StringComparison.Ordinal) is >= 0 and var at ? line[at..] : null).Should().ContainSingle(line => line != null, result.Errors).Subject!;
        await cluster.Plane.Kubectl.RunAsync(command.Split(' ').Skip(1).Select(word => word.Trim('\'')));
    }

    private Task<JsonNode?> SettingsAsync() => cluster.Plane.GetAsync($"/api/v1/namespaces/{ClusterFixture.OperatorNamespace}/configmaps/{Settings}");

    /// <summary>The variable Namespaces of the Deployment.</summary>
    private Task<string> NamespacesAsync() => cluster.Plane.Kubectl.RunAsync(
        ["get", "deployment", "token-operator", "-n", ClusterFixture.OperatorNamespace, "-o", "jsonpath={.spec.template.spec.containers[0].env[?(@.name==\"Namespaces\")].value}"]);

    private Task<string> PodSecurityAsync() => cluster.Plane.Kubectl.RunAsync(
        $"get deployment token-operator -n {ClusterFixture.OperatorNamespace} -o jsonpath={{.spec.template.spec.securityContext}}");

    private Task<string> DeleteSettingsAsync() => cluster.Plane.Kubectl.RunAsync($"delete configmap {Settings} -n {ClusterFixture.OperatorNamespace} --ignore-not-found");

    private async Task<CommandResult> DeployAsync(params string[] arguments)
    {
        var result = await cluster.RunScriptAsync("deploy.sh", arguments);
        result.ExitCode.Should().Be(0, result.Errors);
        return result;
    }

    private Task<string> ImageAsync() => cluster.Plane.Kubectl.RunAsync(
        $"get deployment token-operator -n {ClusterFixture.OperatorNamespace} -o jsonpath={{.spec.template.spec.containers[0].image}}");

    /// <summary>All objects of an installation with their versions, one per line.</summary>
    private async Task<string> VersionsAsync()
    {
        const string Namespaced = "deployments,services,networkpolicies,secrets,serviceaccounts,roles,rolebindings";
        const string Wide = "crds,clusterroles,clusterrolebindings";
        const string Lines = "-o=jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.resourceVersion}{\"\\n\"}{end}";
        return (await cluster.Plane.Kubectl.RunAsync(["get", Namespaced, "-n", ClusterFixture.OperatorNamespace, Lines])
            + await cluster.Plane.Kubectl.RunAsync(["get", Wide, "-l", "app.kubernetes.io/name=token-operator", Lines])).Trim();
    }
}
