using System.Text.RegularExpressions;
using TokenOperator.TestBed;
using TokenOperator.TestBed.Faults;

namespace TokenOperator.EndToEndTests;

/// <summary>Ways to the API server that a kubeconfig or the command line names, for both programs: a path in front of the API, a proxy, another cluster or user.</summary>
[Collection(PersonGroup.Name)]
public sealed class KubeconfigRouteTests(ClusterFixture cluster) : IAsyncLifetime
{
    private OperatorFixture _fixture = null!;
    private PluginFixture _person = null!;

    public async Task InitializeAsync()
    {
        _fixture = await OperatorFixture.CreateAsync(cluster);
        _person = await PluginFixture.CreateAsync(cluster, _fixture);
    }

    public async Task DisposeAsync() => await _fixture.DisposeAsync();

    [Fact]
    public async Task The_operator_and_the_plugin_keep_the_path_of_the_servers_address()
    {
        await using var gateway = await HttpFaultProxy.StartAsync(cluster.Plane.Server, cluster.Plane.CertificateAuthorityFile, "/k8s/clusters/c-m-1");
        await _fixture.StartOperatorAsync(("KUBECONFIG", await RedirectAsync(cluster.OperatorKubeconfig, "operator", gateway)));
        var person = await RedirectAsync(_person.Kubeconfig, "person", gateway);

        await _fixture.AddAccountAsync("marcus");
        await _fixture.ReadyAsync("marcus");
        await WorksAsync(person);
        gateway.Exchanges.Should().Contain(exchange => exchange.Query.Contains("watch=true", StringComparison.Ordinal));

        var dropped = await PluginFixture.RunAsAsync(person, "status", "-n", _fixture.Namespace, "--server", $"{new Uri(gateway.Address, "/k8s/clusters/")}");
        dropped.ExitCode.Should().Be(4, "the gateway serves nothing there: {0}", dropped.Errors);
    }

    [Fact]
    public async Task The_operator_and_the_plugin_reach_the_API_server_through_the_proxy_of_the_kubeconfig_alone()
    {
        await using var proxy = ConnectProxy.Start("me:hunter2");
        var named = proxy.Address.ToString().Replace("://", "://me:hunter2@", StringComparison.Ordinal);
        await _fixture.StartOperatorAsync(("KUBECONFIG", await ThroughAsync(cluster.OperatorKubeconfig, "operator", named)));
        var person = await ThroughAsync(_person.Kubeconfig, "person", named);

        await _fixture.AddAccountAsync("marcus");
        await _fixture.ReadyAsync("marcus");
        await WorksAsync(person);
        proxy.Targets.Should().HaveCountGreaterThan(1).And.OnlyContain(target => target == cluster.Plane.Server.Authority);

        var refused = await PluginFixture.RunAsAsync(await ThroughAsync(_person.Kubeconfig, "wrong", proxy.Address.ToString().Replace("://", "://me:wrong@", StringComparison.Ordinal)), "status");
        refused.ExitCode.Should().Be(3);
        refused.Errors.Should().Contain($"through the proxy {proxy.Address.GetLeftPart(UriPartial.Authority)}").And.Contain("407").And.NotContain("wrong@");
    }

    [Fact]
    public async Task The_command_line_can_name_another_cluster_another_user_and_a_timeout()
    {
        await _fixture.ApplyAsync("marcus");
        await using var gateway = await HttpFaultProxy.StartAsync(cluster.Plane.Server, cluster.Plane.CertificateAuthorityFile, "/gateway");
        // The first file has the context. The second one has another cluster and another user.
        var other = await RedirectAsync(cluster.Plane.AdminKubeconfig, "other", gateway);
        await File.WriteAllTextAsync(other, (await File.ReadAllTextAsync(other)).Replace(": test-bed\n", ": other\n", StringComparison.Ordinal));
        var both = $"{_person.Kubeconfig}:{other}";

        (await PluginFixture.RunAsAsync(both, "status", "-A")).ExitCode.Should().Be(5, "the person may not");
        gateway.Exchanges.Should().BeEmpty();
        var all = await PluginFixture.RunAsAsync(both, "status", "-A", "--cluster", "other", "--user", "admin", "-o", "name");
        all.Output.Should().Contain("oauthtoken.tokenoperator.dev/marcus\n", all.Errors);
        gateway.Exchanges.Should().NotBeEmpty();

        var silence = gateway.Silence(_ => true);
        var silent = await PluginFixture.RunAsAsync(both, "status", "--cluster", "other", "--user", "admin", "--request-timeout", "1s");
        silent.ExitCode.Should().Be(3);
        silent.Errors.Should().Contain("did not answer within 1 s");
        silence.End();

        (await PluginFixture.RunAsAsync(both, "status", "--cluster", "missing")).Errors.Should().Contain("has no cluster missing. It has: test-bed, other. Choose one with --cluster.");
    }

    [Fact]
    public async Task A_server_without_TLS_needs_no_kubeconfig_and_gets_no_credentials()
    {
        await using var gateway = await HttpFaultProxy.StartAsync(new Uri("http://127.0.0.1:1"));
        gateway.Refuse(_ => true, 403);
        foreach (var kubeconfig in new[] { "/does/not/exist", _person.Kubeconfig })
            (await PluginFixture.RunAsAsync(kubeconfig, "status", "-s", gateway.Address.ToString())).ExitCode.Should().Be(5);

        gateway.Exchanges.Should().OnlyContain(exchange => exchange.Authorization.Length == 0)
            .And.Subject.Count(exchange => exchange.Path.EndsWith("/oauthtokens", StringComparison.Ordinal)).Should().Be(2);
    }

    /// <summary>kubectl proxy signs in with its own kubeconfig, and serves HTTP.</summary>
    [Fact]
    public async Task A_kubectl_proxy_is_reached_by_its_host_and_port_without_a_user()
    {
        await _fixture.ApplyAsync("marcus");
        var log = _person.File("proxy.log");
        await using var proxy = _fixture.Kubectl.Start("proxy --port 0", log);
        var address = (await Eventually.SeesAsync(
            async () => await File.ReadAllTextAsync(log), text => text.Contains("127.0.0.1:", StringComparison.Ordinal) && text.EndsWith('\n'))).Split(' ')[^1].Trim();
        var kubeconfig = _person.File("proxy.kubeconfig");
        await File.WriteAllTextAsync(kubeconfig,
            """
            current-context: here
            clusters: [{name: c, cluster: {server: "SERVER"}}]
            contexts: [{name: here, context: {cluster: c, namespace: NAMESPACE}}]
            """.Replace("SERVER", address, StringComparison.Ordinal).Replace("NAMESPACE", _fixture.Namespace, StringComparison.Ordinal));

        foreach (var (file, words) in new[] { (kubeconfig, Array.Empty<string>()), ("/does/not/exist", ["--server", address, "-n", _fixture.Namespace]) })
        {
            var result = await PluginFixture.RunAsAsync(file, ["status", "-o", "name", "--request-timeout", "1m30.5s", .. words]);
            result.Output.Should().Be("oauthtoken.tokenoperator.dev/marcus\n", result.Errors);
        }

        // kubectl reads the same kubeconfig in the same way.
        (await _fixture.Kubectl.As(kubeconfig).RunAsync("get oauthtokens -o name")).Should().Be("oauthtoken.tokenoperator.dev/marcus\n");
    }

    /// <summary>The API server decides what someone may do who does not sign in.</summary>
    [Fact]
    public async Task A_context_without_a_user_reaches_the_API_server_as_nobody()
    {
        var kubeconfig = _person.File("anonymous.kubeconfig");
        await File.WriteAllTextAsync(kubeconfig, Regex.Replace(await File.ReadAllTextAsync(_person.Kubeconfig), "\n +user: .+", ""));

        var result = await PluginFixture.RunAsAsync(kubeconfig, "status");

        result.ExitCode.Should().Be(5, result.Errors);
    }

    [Fact]
    public async Task Status_selects_by_labels_and_prints_templates()
    {
        foreach (var name in new[] { "one", "two" })
            await _fixture.ApplyAsync(name);
        await _fixture.Kubectl.RunAsync($"label oauthtoken two -n {_fixture.Namespace} app=billing");

        (await _person.RunAsync("status", "-l", "app=billing", "-o", "jsonpath={.items[*].metadata.name}")).Output.Should().Be("two");
        (await _person.RunAsync("status", "-l", "app!=billing", "-o", "name")).Output.Should().Be("oauthtoken.tokenoperator.dev/one\n");
        (await _person.RunAsync("status", "-l", "app=mail")).Errors.Should().Contain("has no OAuthTokens with these labels");
        var invalid = await _person.RunAsync("status", "-l", "app==!");
        invalid.ExitCode.Should().Be(1);
        invalid.Errors.Should().Contain("unable to parse requirement");
        var unfit = await _person.RunAsync("status", "-o", "jsonpath={.items[7].metadata.name}");
        unfit.ExitCode.Should().Be(2);
        unfit.Errors.Should().Contain("array index out of bounds: index 7, length 2").And.NotContain("   at ");
    }

    private async Task WorksAsync(string kubeconfig)
    {
        var result = await PluginFixture.RunAsAsync(kubeconfig, "refresh", "marcus", "--wait", "-n", _fixture.Namespace);
        result.ExitCode.Should().Be(0, result.Output + result.Errors);
    }

    private Task<string> RedirectAsync(string kubeconfig, string name, HttpFaultProxy gateway) => KubeconfigFile.RedirectAsync(kubeconfig, _person.File($"{name}.kubeconfig"), gateway.Address, gateway.Authority);

    private async Task<string> ThroughAsync(string kubeconfig, string name, string proxy)
    {
        var copy = _person.File($"{name}-proxy.kubeconfig");
        await File.WriteAllTextAsync(copy, (await File.ReadAllTextAsync(kubeconfig)).Replace("server: ", $"proxy-url: {proxy}\n    server: ", StringComparison.Ordinal));
        return copy;
    }
}
