using System.Text.Json.Nodes;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>Clusters whose objects an earlier release stored as v1alpha1. What is stored is read from etcd itself.</summary>
[Collection(LinkGroup.Name)]
public sealed class StorageVersionTests : IAsyncLifetime
{
    private const string Tokens = "oauthtokens";
    private const string Providers = "clusteroauthproviders";
    private const string Current = "v1beta1";
    private const string Earlier = "v1alpha1";
    private const string Denied = "may not move them";

    private ClusterFixture _cluster = null!;
    private OperatorFixture _fixture = null!;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _fixture.DisposeAsync();
        await _cluster.DisposeAsync();
    }

    [Fact]
    public async Task An_object_of_the_earlier_version_gets_its_token_and_kubectl_warns_that_the_version_is_deprecated()
    {
        await InstallAsync(_ => { });
        await StartOperatorAsync();
        await _fixture.WriteSeedAsync("marcus", _fixture.Tokens.AddAccount("marcus").RefreshToken);

        var applied = await _fixture.Kubectl.TryRunAsync(["apply", "-f", "-"], Written(Manifests.OAuthToken(_fixture.Namespace, "marcus")).ToJsonString());

        applied.ExitCode.Should().Be(0, applied.Errors);
        applied.Errors.Should().Contain("Warning: tokenoperator.dev/v1alpha1 is deprecated. Use tokenoperator.dev/v1beta1");
        await _fixture.ReadyAsync("marcus");
        (await _fixture.SecretAsync("marcus"))!["access_token"].Should().NotBeNullOrEmpty();
        foreach (var resource in new[] { "token-operator", "oauthtokens.v1alpha1.tokenoperator.dev", "oauthtokens.v1beta1.tokenoperator.dev" })
            (await _fixture.Kubectl.RunAsync($"get {resource} -A")).Should().MatchRegex(@"marcus +google +marcus +True +Refreshed");
    }

    [Fact]
    public async Task The_plugin_works_with_an_earlier_release_and_without_the_rights_an_upgrade_leaves_the_stored_objects_as_they_are_and_says_so_once()
    {
        await InstallAsync(versions => versions.RemoveAt(0));
        await AddAsync("marcus");
        var page = await PluginAsync("status", "-A");
        page.Output.Should().Contain("marcus", page.Errors);
        (await PluginAsync("suspend", "marcus", "-n", _fixture.Namespace)).ExitCode.Should().Be(0);
        (await PluginAsync("resume", "marcus", "-n", _fixture.Namespace)).ExitCode.Should().Be(0);
        (await PluginAsync("doctor", "-n", _fixture.Namespace)).Output.Should().Contain("serves only v1alpha1");
        await _fixture.Kubectl.RunAsync("delete clusterrolebinding token-operator-stored-versions");
        await _cluster.Plane.MayAsync(
            $"{ClusterFixture.OperatorNamespace}:{ClusterFixture.ServiceAccount}", "get", "customresourcedefinitions.apiextensions.k8s.io", name: "oauthtokens.tokenoperator.dev", isAllowed: false);

        await UpgradeAsync();
        await StartOperatorAsync();

        await _fixture.ReadyAsync("marcus");
        await Eventually.IsTrueAsync(() => Count(Denied) == 2, "it says so for both kinds");
        _fixture.Operator.Log.Should().Contain("get customresourcedefinitions.apiextensions.k8s.io oauthtokens.tokenoperator.dev: 403");
        (await DefinedAsync(Tokens)).Should().Equal(Earlier, Current);
        await _fixture.RefreshAsync("marcus", "later");
        Count(Denied).Should().Be(2);

        await _cluster.Plane.ApplyAsync(Manifests.OAuthToken(_fixture.Namespace, "zoe"));
        await RunAsync(DocumentationPage.Read("docs/upgrade.md").Under("Versions of the API").Single(block => block.Text.Contains("replace")).Text);
        foreach (var plural in new[] { Tokens, Providers })
            (await DefinedAsync(plural)).Should().Equal(Current);
        (await StoredAsync(Tokens)).Should().Equal(Current, Current);
    }

    [Fact]
    public async Task All_objects_move_to_the_current_version_without_anyones_doing_and_nothing_else_changes()
    {
        await InstallAsync(versions => (versions[0]!["storage"], versions[1]!["storage"]) = (false, true));
        string[] names = ["anna", "marcus", "zoe"];
        foreach (var name in names)
            await AddAsync(name);
        await _cluster.Plane.ApplyAsync(Written(Manifests.ClusterOAuthProvider("acme", new JsonObject { ["tokenEndpoint"] = "https://idp.example/token" })));
        await StartOperatorAsync();
        foreach (var name in names)
            await _fixture.ReadyAsync(name);
        await _fixture.ProviderSeesAsync("acme", "True", "Valid");
        await _fixture.Operator.StopAsync();
        // As the operator of that release wrote it.
        await _fixture.Kubectl.RunAsync(["patch", "secret", "marcus", "-n", _fixture.Namespace, "--type=json", "-p", """[{"op": "replace", "path": "/metadata/ownerReferences/0/apiVersion", "value": "tokenoperator.dev/v1alpha1"}]"""]);
        (await StoredAsync(Tokens)).Should().Equal(Earlier, Earlier, Earlier);
        (await StoredAsync(Providers)).Should().Equal(Earlier);
        var (secrets, generations, asked) = (await SecretsAsync("anna", "zoe"), await GenerationsAsync(names), _fixture.Tokens.ConnectionCount);

        await UpgradeAsync();
        (await DefinedAsync(Tokens)).Should().Equal(Earlier, Current);
        (await StoredAsync(Tokens)).Should().Equal(Earlier, Earlier, Earlier);
        var before = await RequestsAsync();
        await StartOperatorAsync();

        await Eventually.SeesAsync(() => DefinedAsync(Tokens), versions => versions.SequenceEqual([Current]));
        await Eventually.SeesAsync(() => DefinedAsync(Providers), versions => versions.SequenceEqual([Current]));
        (await StoredAsync(Tokens)).Should().Equal(Current, Current, Current);
        (await StoredAsync(Providers)).Should().Equal(Current);
        await Eventually.SeesAsync(
            () => _fixture.Kubectl.RunAsync($"get secret marcus -n {_fixture.Namespace} -o jsonpath={{.metadata.ownerReferences[*].apiVersion}}"), version => version == "tokenoperator.dev/v1beta1");
        (await SecretsAsync("anna", "zoe")).Should().Equal(secrets, "a Secret with the right owner is not written");
        (await GenerationsAsync(names)).Should().Equal(generations);
        _fixture.Tokens.ConnectionCount.Should().Be(asked);
        var writes = (await RequestsAsync()).Skip(before.Count).Where(request => request.IsWrite && request.Resource != "leases").Select(request => $"{request.Resource} {request.Name} {request.Status}");
        writes.Should().BeEquivalentTo(
            "secrets marcus 200", "oauthtokens/status anna 200", "oauthtokens/status marcus 200", "oauthtokens/status zoe 200", "clusteroauthproviders/status acme 200",
            "customresourcedefinitions/status oauthtokens.tokenoperator.dev 200", "customresourcedefinitions/status clusteroauthproviders.tokenoperator.dev 200");

        (await RequestsAsync()).Where(request => request.Group == "apiextensions.k8s.io").Select(request => $"{request.Verb} {request.Resource} {request.Name}").Distinct()
            .Should().BeEquivalentTo(await GrantedAsync(), "it has exactly the rights that it uses");

        await _fixture.Operator.StopAsync();
        before = await RequestsAsync();
        await StartOperatorAsync();
        await _fixture.RefreshAsync("anna", "after-the-second-start");
        (await RequestsAsync()).Skip(before.Count).Where(request => request.Resource.StartsWith("customresourcedefinitions", StringComparison.Ordinal))
            .Select(request => $"{request.Verb} {request.Name}").Should().BeEquivalentTo("get oauthtokens.tokenoperator.dev", "get clusteroauthproviders.tokenoperator.dev");
    }

    /// <summary>Installs the CRDs of config/ with a change to their versions, and the rights, but no operator.</summary>
    private async Task InstallAsync(Action<JsonArray> change)
    {
        _cluster = await ClusterFixture.StartAsync(async plane =>
        {
            foreach (var file in Directory.GetFiles(Repository.File("config/crds"), "tokenoperator.dev_*.yaml"))
            {
                var definition = YamlStream.Parse(await File.ReadAllTextAsync(file)).Single();
                var versions = definition["spec"]!["versions"]!.AsArray();
                change(versions);
                if (versions.Count == 1)
                    versions[0]!["storage"] = true;
                await plane.Kubectl.ApplyTextAsync(definition.ToJsonString());
                await plane.Kubectl.RunAsync($"wait --for=condition=Established crd/{definition["metadata"]!["name"]} --timeout=30s");
            }

            await plane.CreateNamespaceAsync(ClusterFixture.OperatorNamespace);
            await plane.Kubectl.RunAsync(["apply", "-k", Repository.File("config/rbac")]);
            await Manifests.HasRightsAsync(plane, ClusterFixture.OperatorNamespace, ClusterFixture.ServiceAccount);
            return await plane.ServiceAccountKubeconfigAsync(ClusterFixture.OperatorNamespace, ClusterFixture.ServiceAccount);
        });
        _fixture = await OperatorFixture.CreateAsync(_cluster);
    }

    private Task<string> UpgradeAsync() => _fixture.Kubectl.RunAsync(["apply", "-k", Repository.File("config/crds")]);

    /// <summary>Starts an operator of all namespaces.</summary>
    private Task<OperatorProcess> StartOperatorAsync() => _fixture.StartOperatorAsync(("Namespaces", ""));

    private async Task AddAsync(string name)
    {
        await _fixture.WriteSeedAsync(name, _fixture.Tokens.AddAccount(name).RefreshToken);
        await _cluster.Plane.ApplyAsync(Written(Manifests.OAuthToken(_fixture.Namespace, name)));
    }

    /// <summary>An object as its author wrote it for the earlier release.</summary>
    private static JsonObject Written(JsonObject manifest)
    {
        manifest["apiVersion"] = $"tokenoperator.dev/{Earlier}";
        return manifest;
    }

    /// <summary>Runs the commands of a page as an administrator would.</summary>
    private async Task RunAsync(string commands)
    {
        var result = await Command.RunAsync("bash", ["-c", commands], environment: new Dictionary<string, string?>
        {
            ["KUBECONFIG"] = _cluster.Plane.AdminKubeconfig,
            ["PATH"] = $"{(await TestAssets.FindAsync()).Folder}:{Environment.GetEnvironmentVariable("PATH")}",
        });
        result.ExitCode.Should().Be(0, result.Errors);
    }

    private Task<CommandResult> PluginAsync(params string[] words) => PluginFixture.RunAsAsync(_cluster.Plane.AdminKubeconfig, words);

    private int Count(string text) => _fixture.Operator.Log.Split(text).Length - 1;

    /// <summary>The versions in which etcd holds the objects of a kind.</summary>
    private async Task<IEnumerable<string>> StoredAsync(string plural) =>
        (await _cluster.Plane.StoredAsync($"tokenoperator.dev/{plural}")).Select(stored => ((string)stored["apiVersion"]!).Split('/')[1]);

    /// <summary>The versions in which the CRD says that objects are stored.</summary>
    private async Task<IEnumerable<string>> DefinedAsync(string plural) =>
        (await _cluster.Plane.GetAsync($"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{plural}.tokenoperator.dev"))!["status"]!["storedVersions"]!.AsArray().Select(version => (string)version!);

    private async Task<IReadOnlyList<string>> SecretsAsync(params IEnumerable<string> names) =>
        [.. await Task.WhenAll(names.Select(async name => (await _fixture.SecretAsync(name))!.Version))];

    private async Task<IReadOnlyList<string>> GenerationsAsync(IEnumerable<string> names) =>
        [.. await Task.WhenAll(names.Select(async name => (await _fixture.GetAsync(name)).Json["metadata"]!["generation"]!.ToString()))];

    private async Task<IEnumerable<string>> GrantedAsync() =>
        from rule in (await _cluster.Plane.GetAsync("/apis/rbac.authorization.k8s.io/v1/clusterroles/token-operator-stored-versions"))!["rules"]!.AsArray()
        from verb in rule["verbs"]!.AsArray()
        from resource in rule["resources"]!.AsArray()
        from name in rule["resourceNames"]!.AsArray()
        select $"{verb} {resource} {name}";

    private Task<IReadOnlyList<AuditedRequest>> RequestsAsync() => _cluster.Plane.AuditLog.RequestsAsync(OperatorFixture.User);
}
