using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>hack/deploy.sh, which make deploy calls, on a real API server without a kubelet.</summary>
[Collection(ClusterGroup.Name)]
public sealed class DeployScriptTests(ClusterFixture cluster)
{
    private const string Image = "registry.example.com:5000/team/token-operator";
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
        some.Errors.Should().Contain("kubectl delete clusterrolebinding,clusterrole token-operator");
        var all = await DeployAsync(Image);
        all.Errors.Should().Contain("the operator still serves only default");
        await cluster.Plane.Kubectl.RunAsync($"delete configmap token-operator-settings -n {ClusterFixture.OperatorNamespace}");
        (await DeployAsync(Image)).Errors.Should().NotContain("still");
    }

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
