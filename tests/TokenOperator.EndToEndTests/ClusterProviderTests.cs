using System.Text.Json.Nodes;
using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests;

/// <summary>Providers that administrators describe while the operator runs: ClusterOAuthProviders, and files in a folder.</summary>
[Collection(LinkGroup.Name)]
public sealed class ClusterProviderTests(ClusterFixture cluster) : IAsyncLifetime
{
    private const string Aggregates = "rbac.authorization.k8s.io/aggregate-to-";
    private const string Providers = "/apis/tokenoperator.dev/v1beta1/clusteroauthproviders";

    private readonly string _name = $"acme-{Guid.NewGuid():N}"[..12];
    private OperatorFixture _fixture = null!;

    public async Task InitializeAsync() => _fixture = await OperatorFixture.CreateAsync(cluster);

    public async Task DisposeAsync() => await _fixture.DisposeAsync();

    [Fact]
    public async Task A_ClusterOAuthProvider_serves_the_OAuthTokens_that_name_it_and_no_change_needs_a_restart()
    {
        await StartAsync();
        var grant = await _fixture.AddAccountAsync("marcus", spec => spec["provider"] = _name);
        await _fixture.SeesAsync("marcus", "Ready", "False", "UnknownProvider");

        await ApplyAsync(_fixture.Tokens.TokenEndpoint);
        await _fixture.ReadyAsync("marcus");
        var accepted = await AcceptedAsync("True", "Valid");
        accepted.Status["tokenEndpointHost"]!.ToString().Should().Be(_fixture.Tokens.TokenEndpoint.Authority);
        accepted.Status["usedBy"]!.GetValue<int>().Should().Be(1);
        (await _fixture.Kubectl.RunAsync($"get coap {_name}")).Should().MatchRegex($@"ACCEPTED +ENDPOINT +USED BY +AGE\n{_name} +True +{_fixture.Tokens.TokenEndpoint.Authority} +1 ");

        // A document that is not valid: the one before stays in use.
        await ApplyAsync(_fixture.Tokens.TokenEndpoint, spec =>
        {
            spec["timeout"] = "soon";
            spec["rotation"] = new JsonObject { ["mode"] = "daily" };
            spec["errors"] = new JsonObject { ["rules"] = new JsonArray(new JsonObject { ["class"] = "transient" }) };
        });
        var invalid = (await AcceptedAsync("False", "Invalid")).Message;
        invalid.Should().Contain("spec.timeout is \"soon\"").And.Contain("spec.rotation.mode is \"daily\"").And.Contain("spec.errors.rules[0] matches every response")
            .And.EndWith("the previous document stays in use.");
        await _fixture.RefreshAsync("marcus", "while-invalid");

        // Another host, where the same refresh token works.
        await using var moved = await ScriptedTokenServer.StartAsync();
        moved.AddAccount("marcus", grant.RefreshToken);
        await ApplyAsync(moved.TokenEndpoint);
        var refusal = (await AcceptedAsync("False", "EndpointMoved")).Message;
        await _fixture.RefreshAsync("marcus", "before-the-move");
        moved.Requests.Should().BeEmpty("nobody has allowed that");

        var command = refusal.Split("run: kubectl ")[1].Split(" Until then")[0];
        await _fixture.Kubectl.RunAsync(command.Split(' '));
        await AcceptedAsync("True", "Valid");
        var asked = _fixture.Tokens.Requests.Count;
        await _fixture.RefreshAsync("marcus", "after-the-move");
        moved.AskedFor(grant.RefreshToken).Should().Be(1);
        _fixture.Tokens.Requests.Should().HaveCount(asked);

        await cluster.Plane.DeleteAsync($"{Providers}/{_name}");
        await _fixture.SeesAsync("marcus", "Ready", "False", "UnknownProvider");
        _fixture.Operator.HasExited.Should().BeFalse();
    }

    [Fact]
    public async Task Accounts_wait_for_the_limit_of_their_OAuth_client_and_say_so_while_those_of_another_client_do_not()
    {
        await StartAsync();
        await ApplyAsync(_fixture.Tokens.TokenEndpoint, spec => spec["limits"] = new JsonObject { ["clientRequestsPerSecond"] = 0.01 });
        await _fixture.AddAccountAsync("first", spec => spec["provider"] = _name);
        await _fixture.ReadyAsync("first");
        await _fixture.AddAccountAsync("second", spec => spec["provider"] = _name);
        await _fixture.WriteSecretAsync("other-client", "credentials.json", """{"installed": {"client_id": "another-client", "client_secret": "another-secret"}}""");
        await _fixture.AddAccountAsync("third", spec =>
        {
            spec["provider"] = _name;
            spec["clientSecretRef"]!["name"] = "other-client";
        });

        await _fixture.ReadyAsync("third");
        // What waits has not been handled, so the status does not name the newest spec.
        var waiting = await Eventually.SeesAsync(() => _fixture.GetAsync("second"), view => view.Reason("Ready") == "Pending" && view.Message("Ready")?.Contains("limits", StringComparison.Ordinal) == true);
        waiting.Message("Ready").Should().Contain("many accounts of the OAuth client in Secret").And.Contain($"spec.limits.clientRequestsPerSecond of ClusterOAuthProvider {_name} limits");

        await ApplyAsync(_fixture.Tokens.TokenEndpoint, spec => spec["limits"] = new JsonObject { ["requestsPerSecond"] = 50 });
        await _fixture.ReadyAsync("second");
    }

    [Fact]
    public async Task After_a_restart_the_operator_still_knows_which_host_the_accounts_are_at()
    {
        await StartAsync();
        await ApplyAsync(_fixture.Tokens.TokenEndpoint);
        var grant = await _fixture.AddAccountAsync("marcus", spec => spec["provider"] = _name);
        await _fixture.ReadyAsync("marcus");
        await AcceptedAsync("True", "Valid");
        await _fixture.Operator.StopAsync();
        await using var moved = await ScriptedTokenServer.StartAsync();
        moved.AddAccount("marcus", grant.RefreshToken);
        await ApplyAsync(moved.TokenEndpoint);

        await StartAsync();
        await AcceptedAsync("False", "EndpointMoved");
        var view = await _fixture.SeesAsync("marcus", "Stalled", "True", "ProviderMoved");
        view.Message("Stalled").Should().Contain($"ClusterOAuthProvider {_name}: the token endpoint moves from {_fixture.Tokens.TokenEndpoint.Authority} to {moved.TokenEndpoint.Authority}");
        view.Status("Ready").Should().Be("True", "the Secret still holds a token that is valid");
        moved.Requests.Should().BeEmpty();

        await _fixture.Kubectl.RunAsync(["annotate", "clusteroauthprovider", _name, $"tokenoperator.dev/allow-endpoint-move-from={_fixture.Tokens.TokenEndpoint.Authority}"]);
        await _fixture.SeesAsync("marcus", "Stalled", "False");
        await _fixture.RefreshAsync("marcus", "moved");
        moved.AskedFor(grant.RefreshToken).Should().Be(1);
    }

    [Fact]
    public async Task A_refresh_token_does_not_follow_settings_that_lose_or_change_an_address_until_another_setting_allows_it()
    {
        const string Address = "Providers__google__TokenEndpoint";
        await _fixture.StartOperatorAsync();
        var grant = await _fixture.AddAccountAsync("marcus");
        await _fixture.ReadyAsync("marcus");
        await using var moved = await ScriptedTokenServer.StartAsync();
        moved.AddAccount("marcus", grant.RefreshToken);

        // Without the setting, the name means the entry of the built-in catalogue.
        var view = await RestartAsync((Address, null!), ("Providers__google__RevocationEndpoint", null!));
        view.Message("Stalled").Should().StartWith($"The built-in catalogue (google.yaml): the token endpoint moves from {_fixture.Tokens.TokenEndpoint.Authority} to oauth2.googleapis.com, ");
        view.Status("Ready").Should().Be("True", "the Secret still holds a token that is valid");

        view = await RestartAsync((Address, moved.TokenEndpoint.ToString()));
        view.Message("Stalled").Should().Contain($" to {moved.TokenEndpoint.Authority}, ");
        await _fixture.RequestRefreshAsync("marcus", "before-the-move");
        await Eventually.SeesAsync(() => _fixture.GetAsync("marcus"), seen => seen["lastHandledRefreshRequest"] == "before-the-move");
        moved.Requests.Should().BeEmpty("nobody has allowed that");
        var asked = _fixture.Tokens.Requests.Count;

        var permission = view.Message("Stalled")!.Split("give the operator the setting ")[1].Split('=');
        await _fixture.Operator.StopAsync();
        await _fixture.StartOperatorAsync((Address, moved.TokenEndpoint.ToString()), (permission[0], permission[1]));
        await _fixture.SeesAsync("marcus", "Stalled", "False");
        await _fixture.RefreshAsync("marcus", "moved");
        moved.AskedFor(grant.RefreshToken).Should().Be(1);

        // The account belongs to the new host now.
        await _fixture.Operator.StopAsync();
        await _fixture.StartOperatorAsync((Address, moved.TokenEndpoint.ToString()));
        await _fixture.RefreshAsync("marcus", "after-the-move");
        moved.AskedFor(grant.RefreshToken).Should().Be(2);
        _fixture.Tokens.Requests.Should().HaveCount(asked);

        async Task<TokenView> RestartAsync(params (string Name, string Value)[] settings)
        {
            await _fixture.Operator.StopAsync();
            await _fixture.StartOperatorAsync(settings);
            var to = settings[0].Value is { } address ? new Uri(address).Authority : "oauth2.googleapis.com";
            return await Eventually.SeesAsync(() => _fixture.GetAsync("marcus"), seen => seen.Reason("Stalled") == "ProviderMoved" && seen.Message("Stalled")?.Contains($" to {to}, ", StringComparison.Ordinal) == true);
        }
    }

    [Fact]
    public async Task An_entry_of_the_catalogue_needs_the_parameters_of_an_administrator()
    {
        await StartAsync();
        await _fixture.AddAccountAsync("mailbox", spec => spec["provider"] = "microsoft");
        var view = await _fixture.SeesAsync("mailbox", "Ready", "False", "ProviderNotConfigured");
        view.Message("Ready").Should().Contain("needs values for tenant").And.Contain("extends: microsoft");

        await ApplyAsync(new JsonObject { ["extends"] = "microsoft" });
        (await AcceptedAsync("False", "ParametersMissing")).Message.Should().Contain("set parameters.tenant");
        await ApplyAsync(new JsonObject { ["extends"] = "microsoft", ["parameters"] = new JsonObject { ["tenant"] = "contoso.example" } });
        (await AcceptedAsync("True", "Valid")).Status["tokenEndpointHost"]!.ToString().Should().Be("login.microsoftonline.com");
    }

    [Fact]
    public async Task A_file_in_the_folder_serves_OAuthTokens_and_a_change_of_it_needs_no_restart()
    {
        var folder = Directory.CreateTempSubdirectory("token-operator-providers-").FullName;
        var file = Path.Combine(folder, $"{_name}.yaml");
        await File.WriteAllTextAsync(file, $"tokenEndpoint: {_fixture.Tokens.TokenEndpoint}\n");
        await _fixture.StartOperatorAsync(("ProviderFolder", folder));
        await _fixture.AddAccountAsync("marcus", spec => spec["provider"] = _name);
        await _fixture.AddAccountAsync("later", spec => spec["provider"] = $"{_name}-2");
        await _fixture.ReadyAsync("marcus");
        await _fixture.SeesAsync("later", "Ready", "False", "UnknownProvider");

        await File.WriteAllTextAsync(Path.Combine(folder, $"{_name}-2.yaml"), $"extends: {_name}\n");
        await _fixture.ReadyAsync("later");

        await File.WriteAllTextAsync(Path.Combine(folder, $"{_name}-3.yaml"), "tokenEndpoint: 3\n");
        await _fixture.AddAccountAsync("broken", spec => spec["provider"] = $"{_name}-3");
        var view = await Eventually.SeesAsync(() => _fixture.GetAsync("broken"), seen => seen.Reason("Ready") == "ProviderInvalid");
        view.Message("Ready").Should().Contain($"The file {_name}-3.yaml: tokenEndpoint is 3");
        await _fixture.Operator.LogsAsync($"The document of the provider {_name}-3, the file {_name}-3.yaml, is not valid");

        File.Delete(file);
        await _fixture.SeesAsync("marcus", "Ready", "False", "UnknownProvider");
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Kubectl_explains_the_document_and_refuses_a_field_that_it_does_not_have()
    {
        var apply = () => _fixture.Kubectl.ApplyTextAsync(Manifests.ClusterOAuthProvider(_name, new JsonObject { ["tokenEndpoint"] = "https://idp.example/token", ["rotation"] = new JsonObject { ["mod"] = "never" } }).ToJsonString());
        (await apply.Should().ThrowAsync<Exception>()).Which.Message.Should().Contain("unknown field").And.Contain("mod");
        (await _fixture.Kubectl.RunAsync("explain clusteroauthprovider.spec.rotation.onReplay")).Should().Contain("revokesGrant");
        (await _fixture.Kubectl.RunAsync("explain clusteroauthprovider.spec")).Should().Contain("tokenEndpoint").And.Contain("parameterDeclarations");
    }

    [Fact]
    public async Task An_OAuthToken_cannot_bend_an_address()
    {
        await StartAsync();
        await using var evil = await ScriptedTokenServer.StartAsync();
        await ApplyAsync(new JsonObject
        {
            ["parameterDeclarations"] = new JsonObject { ["part"] = new JsonObject { ["default"] = "token" } },
            ["tokenEndpoint"] = $"{_fixture.Tokens.Address}{{part}}",
            ["refresh"] = new JsonObject { ["sendScopes"] = true },
            ["export"] = new JsonObject { ["part"] = "parameter.part", ["next"] = "response.token_endpoint" },
        });
        var n = 0;
        foreach (var account in new[] { "{part}", "../evil", $"{evil.Address}", "marcus\\@evil.example", "%2e%2e/evil?x=#y" })
        {
            var name = $"bent-{n++}";
            await _fixture.WriteSeedAsync(name, _fixture.Tokens.AddAccount(name).RefreshToken);
            await _fixture.ApplyAsync(name, spec =>
            {
                spec["provider"] = _name;
                spec["account"] = account;
                spec["scopes"] = new JsonArray("https://mail.google.com/");
                spec["secretTemplate"] = new JsonObject { ["annotations"] = new JsonObject { ["example.com/part"] = $"{{part}} {evil.TokenEndpoint}" } };
            });
            await _fixture.ReadyAsync(name);
        }

        foreach (var scope in new[] { "{part}", $"{evil.TokenEndpoint}", "../../evil" })
        {
            var name = $"bent-{n++}";
            await _fixture.WriteSeedAsync(name, _fixture.Tokens.AddAccount(name).RefreshToken);
            await _fixture.ApplyAsync(name, spec =>
            {
                spec["provider"] = _name;
                spec["scopes"] = new JsonArray(scope);
            });
            await Eventually.SeesAsync(() => _fixture.GetAsync(name), view => view["lastRefreshTime"] is not null || view.Reason("Ready") == "ScopesMissing");
        }

        // A value that the provider sends is for the app, also if it names a place that the document could mean.
        var evilValue = new JsonObject { ["access_token"] = "access-token-1", ["expires_in"] = 3600, ["token_endpoint"] = evil.TokenEndpoint.ToString() };
        _fixture.Tokens.Next("bent-0", ScriptedAnswer.Json(evilValue.ToJsonString()));
        await _fixture.RefreshAsync("bent-0", "with-a-value");
        var secret = (await _fixture.SecretAsync("bent-0"))!;
        (secret["next"], secret["part"]).Should().Be((evil.TokenEndpoint.ToString(), "token"));
        await _fixture.RefreshAsync("bent-0", "after-the-value");

        // Parameters of the spec are parameters of the request, and none of the document.
        await _fixture.ApplyAsync("bent-machine", spec =>
        {
            spec.Remove("seedSecretRef");
            spec["provider"] = _name;
            spec["grant"] = "ClientCredentials";
            spec["clientCredentials"] = new JsonObject
            {
                ["audience"] = evil.TokenEndpoint.ToString(),
                ["resource"] = evil.TokenEndpoint.ToString(),
                ["parameters"] = new JsonObject { ["part"] = "../evil", ["tokenEndpoint"] = evil.TokenEndpoint.ToString() },
            };
        });
        await _fixture.SeesAsync("bent-machine", "Refreshed", "False");
        _fixture.Tokens.Requests[^1].Form["part"].Should().Be("../evil");

        // A name of a provider that is part of an address does not exist.
        var apply = () => _fixture.ApplyAsync("elsewhere", spec => spec["provider"] = $"{_name}/../evil");
        await apply.Should().ThrowAsync<InvalidOperationException>().WithMessage("*422*spec.provider*");
        _fixture.Tokens.Requests.Should().HaveCountGreaterThanOrEqualTo(n).And.OnlyContain(request => request.Path == "/token");
        evil.Requests.Should().BeEmpty();
    }

    [Fact]
    public async Task Of_several_documents_of_one_name_the_source_decides_and_each_loser_is_named()
    {
        await using var inFolder = await ScriptedTokenServer.StartAsync();
        var folder = Directory.CreateTempSubdirectory("token-operator-providers-").FullName;
        await File.WriteAllTextAsync(Path.Combine(folder, $"{_name}.yaml"), $"tokenEndpoint: {inFolder.TokenEndpoint}\n");
        (string, string)[] sources = [("ClusterProviders", "true"), ("ProviderFolder", folder)];
        await ApplyAsync(_fixture.Tokens.TokenEndpoint);
        await _fixture.StartOperatorAsync(sources);
        await _fixture.AddAccountAsync("marcus", spec => spec["provider"] = _name);
        await _fixture.ReadyAsync("marcus");
        (await AcceptedAsync("True", "Valid")).Message.Should().Contain($"It takes precedence over the file {_name}.yaml.");
        inFolder.Requests.Should().BeEmpty();
        await _fixture.Operator.LogsAsync($"The provider {_name} has several documents: the file {_name}.yaml is not used, because ClusterOAuthProvider {_name} takes precedence");

        await _fixture.Operator.StopAsync();
        await _fixture.StartOperatorAsync([.. sources, ($"Providers__{_name}__TokenEndpoint", $"{_fixture.Tokens.TokenEndpoint}")]);
        (await AcceptedAsync("False", "Overridden")).Message.Should().Contain($"the settings Providers__{_name}__*").And.Contain("take precedence");
        await _fixture.Operator.LogsAsync($"ClusterOAuthProvider {_name} is not used");
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_cycle_of_extends_is_named_serves_nobody_and_ends_with_the_document_that_closes_it()
    {
        await StartAsync();
        var other = $"{_name}-b";
        await ApplyAsync(new JsonObject { ["extends"] = other });
        await _fixture.ApplyProviderAsync(other, new JsonObject { ["extends"] = _name, ["tokenEndpoint"] = _fixture.Tokens.TokenEndpoint.ToString() });
        await _fixture.AddAccountAsync("marcus", spec => spec["provider"] = _name);

        (await AcceptedAsync("False", "Invalid")).Message.Should().Contain($"{_name} extends {other} extends {_name}");
        (await _fixture.ProviderSeesAsync(other, "False", "Invalid")).Message.Should().Contain($"{other} extends {_name} extends {other}");
        (await _fixture.SeesAsync("marcus", "Ready", "False", "ProviderInvalid")).Message("Ready").Should().Contain("extends");
        _fixture.Tokens.Requests.Should().BeEmpty();

        await _fixture.ApplyProviderAsync(other, new JsonObject { ["tokenEndpoint"] = _fixture.Tokens.TokenEndpoint.ToString() });
        await AcceptedAsync("True", "Valid");
        await _fixture.ReadyAsync("marcus");
    }

    [Fact]
    public async Task Extends_obtains_neither_the_client_nor_the_accounts_of_another_provider()
    {
        await using var attacker = await OperatorFixture.CreateAsync(cluster);
        await _fixture.StartOperatorAsync(("ClusterProviders", "true"), ("Namespaces", $"{_fixture.Namespace},{attacker.Namespace}"));
        await ApplyAsync(_fixture.Tokens.TokenEndpoint);
        var grant = await _fixture.AddAccountAsync("marcus", spec => spec["provider"] = _name);
        await _fixture.ReadyAsync("marcus");
        var copy = $"{_name}-x";
        var withClient = () => _fixture.ApplyProviderAsync(copy, new JsonObject { ["extends"] = _name, ["clientSecretRef"] = new JsonObject { ["name"] = "client", ["namespace"] = _fixture.Namespace } });
        await withClient.Should().ThrowAsync<InvalidOperationException>().WithMessage("*clientSecretRef*");
        await _fixture.ApplyProviderAsync(copy, new JsonObject { ["extends"] = _name });
        await _fixture.ProviderSeesAsync(copy, "True", "Valid");

        var asked = _fixture.Tokens.Requests.Count;
        await attacker.Kubectl.RunAsync(["delete", "secret", "client", "-n", attacker.Namespace]);
        await attacker.ApplyAsync("marcus", spec => (spec["provider"], spec["account"]) = (copy, "marcus"));
        await attacker.SeesAsync("marcus", "Ready", "False", "SeedMissing");
        await attacker.WriteSeedAsync("marcus", _fixture.Tokens.AddAccount("own").RefreshToken);
        await attacker.SeesAsync("marcus", "Ready", "False", "ClientSecretMissing");
        _fixture.Tokens.Requests.Should().HaveCount(asked);
        _fixture.Tokens.AskedFor(grant.RefreshToken).Should().Be(1);
    }

    [Fact]
    public async Task A_person_with_the_roles_edit_and_admin_can_neither_write_nor_read_ClusterOAuthProviders()
    {
        var person = await cluster.Plane.ServiceAccountKubeconfigAsync(_fixture.Namespace, "person");
        // No controller aggregates roles here, so the rules of all roles that admin would have are put together.
        var roles = (await cluster.Plane.GetAsync("/apis/rbac.authorization.k8s.io/v1/clusterroles"))!["items"]!.AsArray()
            .Where(role => role!["metadata"]!["labels"]?.AsObject().Any(label => label.Key is $"{Aggregates}view" or $"{Aggregates}edit" or $"{Aggregates}admin") == true).ToList();
        roles.Select(role => (string)role!["metadata"]!["name"]!).Should().Contain(["token-operator-edit", "token-operator-view", "system:aggregate-to-admin"]);
        var rules = new JsonArray([.. roles.SelectMany(role => role!["rules"]?.AsArray() ?? []).Select(rule => rule!.DeepClone())]);
        var role = new JsonObject
        {
            ["apiVersion"] = "rbac.authorization.k8s.io/v1",
            ["kind"] = "ClusterRole",
            ["metadata"] = new JsonObject { ["name"] = $"everything-{_name}" },
            ["rules"] = rules,
        };
        await _fixture.Kubectl.ApplyTextAsync(role.ToJsonString());
        // In the whole cluster: more than a namespace gives.
        var binding = await cluster.Plane.BindAsync($"{_fixture.Namespace}:person", "ClusterRole", $"everything-{_name}");
        var kubectl = cluster.Plane.Kubectl.As(person);

        (await kubectl.TryRunAsync(["auth", "can-i", "create", "oauthtokens", "-n", _fixture.Namespace])).ExitCode.Should().Be(0);
        foreach (var verb in new[] { "get", "list", "watch", "create", "update", "patch", "delete" })
        {
            foreach (var resource in new[] { "clusteroauthproviders.tokenoperator.dev", "clusteroauthproviders.tokenoperator.dev/status" })
                (await kubectl.TryRunAsync(["auth", "can-i", verb, resource])).ExitCode.Should().NotBe(0, "of {0} {1}", verb, resource);
        }

        await ApplyAsync(_fixture.Tokens.TokenEndpoint);
        var write = await kubectl.TryRunAsync(["patch", "clusteroauthprovider", _name, "--type=merge", "-p", """{"spec":{"tokenEndpoint":"https://evil.example/token"}}"""]);
        write.Errors.Should().Contain("Forbidden").And.Contain("clusteroauthproviders");
        await _fixture.Kubectl.RunAsync(["delete", "clusterrolebinding", binding]);
        await _fixture.Kubectl.RunAsync(["delete", "clusterrole", $"everything-{_name}"]);
    }

    private Task<OperatorProcess> StartAsync() => _fixture.StartOperatorAsync(("ClusterProviders", "true"));

    private Task ApplyAsync(Uri tokenEndpoint, Action<JsonObject>? change = null)
    {
        var spec = new JsonObject
        {
            ["tokenEndpoint"] = tokenEndpoint.ToString(),
            ["timeout"] = "20s",
            ["rotation"] = new JsonObject { ["mode"] = "sometimes" },
            ["errors"] = new JsonObject { ["rules"] = new JsonArray(new JsonObject { ["code"] = "busy", ["class"] = "transient" }) },
        };
        change?.Invoke(spec);
        return ApplyAsync(spec);
    }

    private Task ApplyAsync(JsonObject spec) => _fixture.ApplyProviderAsync(_name, spec);

    private Task<(JsonNode Status, string Message)> AcceptedAsync(string status, string reason) => _fixture.ProviderSeesAsync(_name, status, reason);
}
