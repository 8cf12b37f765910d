using System.Text.Json.Nodes;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary><c>kubectl oauthtoken authorize</c> against a real API server, a real operator and a third-party authorization server.</summary>
[Collection(PersonGroup.Name)]
public sealed class AuthorizeTests(ClusterFixture cluster)
{
    [Fact]
    public async Task A_token_that_needed_a_human_is_Ready_again_after_a_consent_in_the_browser_and_records_who_consented()
    {
        await using var fixture = await ConsentFixture.CreateAsync(cluster);
        await fixture.StartOperatorAsync();
        var person = await PluginFixture.CreateAsync(cluster, fixture.Operators);
        await fixture.AddDeadAccountAsync("marcus");

        await using (var run = fixture.Authorize(person.Kubeconfig, "marcus"))
        {
            using var browser = new PlainBrowser();
            var back = await browser.ConsentAsync(await run.AddressAsync(), "marcus");
            var page = await browser.OpenAsync(back);
            (await run.EndAsync()).Should().Be(0, run.Output);
            page.Text.Should().Contain("The consent of marcus@example.com was saved").And.NotContain(back.Query);
            page.Headers["Content-Security-Policy"].Should().StartWith("default-src 'none'");
            run.Output.Should().Contain("Ready: the Secret");
        }

        await fixture.Operators.SeesAsync("marcus", "Stalled", "False");
        (await fixture.Operators.StoredDocumentAsync("marcus")).Should().Contain("\"account\":\"marcus@example.com\"").And.Contain("\"subject\":\"marcus\"");
        (await fixture.Server.IsActiveAsync((await fixture.Operators.SecretAsync("marcus"))!["access_token"]!)).Should().BeTrue();

        // Someone else's account, now that an identity is on record.
        await fixture.EndGrantAsync("marcus");
        var seed = (await fixture.Operators.SecretAsync("marcus-seed"))!.Version;
        await using (var run = fixture.Authorize(person.Kubeconfig, "marcus"))
        {
            using var browser = new PlainBrowser();
            var page = await browser.OpenAsync(await browser.ConsentAsync(await run.AddressAsync(), "eve"));
            (await run.EndAsync()).Should().Be(5, run.Output);
            page.Status.Should().Be(403);
            run.Output.Should().Contain("another account").And.Contain("the consent is from eve@example.com, but marcus@example.com is expected").And.Contain("was not revoked");
        }

        (await fixture.Operators.SecretAsync("marcus-seed"))!.Version.Should().Be(seed, "a refused consent changes nothing");
        fixture.Operators.Tokens.Requests.Should().NotContain(request => request.Path == "/revoke", "another OAuthToken may use the account of eve");
        (await fixture.Operators.GetAsync("marcus")).Status("Stalled").Should().Be("True");
    }

    [Fact]
    public async Task A_Secret_that_the_cluster_would_reject_is_reported_before_anyone_is_asked_to_consent()
    {
        await using var fixture = await ConsentFixture.CreateAsync(cluster);
        await fixture.StartOperatorAsync();
        var person = await PluginFixture.CreateAsync(cluster, fixture.Operators);
        await fixture.AddDeadAccountAsync("marcus");
        // A quota stands for every policy that rejects a Secret.
        await fixture.Operators.Kubectl.RunAsync(["patch", "oauthtoken", "marcus", "-n", fixture.Operators.Namespace, "--type", "merge", "-p", """{"spec":{"seedSecretRef":null}}"""]);
        await RejectSecretsAsync(fixture.Operators.Namespace);

        await using var run = fixture.Authorize(person.Kubeconfig, "marcus");
        (await run.EndAsync()).Should().Be(5, run.Output);
        run.Output.Should().Contain("nobody was asked to consent").And.Contain("exceeded quota").And.Contain("spec.secretTemplate.labels").And.NotContain("http://127.0.0.1");
    }

    [Fact]
    public async Task A_consent_that_cannot_be_saved_is_kept_until_the_cause_is_removed_and_a_new_Secret_has_the_labels_of_the_template()
    {
        await using var fixture = await ConsentFixture.CreateAsync(cluster);
        await fixture.StartOperatorAsync();
        var person = await PluginFixture.CreateAsync(cluster, fixture.Operators);
        await fixture.AddDeadAccountAsync("marcus");
        var ns = fixture.Operators.Namespace;
        await fixture.Operators.Kubectl.RunAsync(["patch", "oauthtoken", "marcus", "-n", ns, "--type", "merge", "-p", """{"spec":{"seedSecretRef":null,"secretTemplate":{"labels":{"team":"mail"}}}}"""]);
        await fixture.Operators.Kubectl.RunAsync($"delete secret marcus-seed -n {ns}");

        await using var run = fixture.Authorize(person.Kubeconfig, "marcus");
        var address = await run.AddressAsync();
        await RejectSecretsAsync(ns);
        using var browser = new PlainBrowser();
        var page = browser.OpenAsync(await browser.ConsentAsync(address, "marcus"));
        await Eventually.IsTrueAsync(() => run.Output.Contains("still in memory", StringComparison.Ordinal), "it says that it could not save the consent");
        run.Output.Should().Contain("exceeded quota");
        await fixture.Operators.Kubectl.RunAsync($"delete resourcequota no-secrets -n {ns}");
        await Eventually.IsTrueAsync(
            async () =>
            {
                await run.PasteAsync("");
                return run.Output.Contains("Saved the consent", StringComparison.Ordinal);
            },
            "the API server forgets the quota");

        (await run.EndAsync()).Should().Be(0, run.Output);
        (await page).Text.Should().Contain("was saved");
        (await fixture.Operators.Kubectl.RunAsync($"get secret marcus-seed -n {ns} -o jsonpath={{.metadata.labels.team}}")).Should().Be("mail");
    }

    /// <summary>No controller keeps the status of a quota in the test bed.</summary>
    private async Task RejectSecretsAsync(string ns)
    {
        await cluster.Plane.ApplyJsonAsync(
            $$"""{"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "no-secrets", "namespace": "{{ns}}"}, "spec": {"hard": {"secrets": "0"} } }""");
        await cluster.Plane.MergeAsync(
            $"/api/v1/namespaces/{ns}/resourcequotas/no-secrets/status",
            new JsonObject { ["status"] = new JsonObject { ["hard"] = new JsonObject { ["secrets"] = "0" }, ["used"] = new JsonObject { ["secrets"] = "0" } } });
        await Eventually.IsTrueAsync(
            async () => (await cluster.Plane.Kubectl.TryRunAsync(["create", "secret", "generic", "probe", "-n", ns, "--dry-run=server"])).ExitCode != 0,
            "the API server enforces the quota");
    }

    [Fact]
    public async Task Without_a_browser_the_user_pastes_the_final_address_or_the_code()
    {
        await using var fixture = await ConsentFixture.CreateAsync(cluster);
        await fixture.StartOperatorAsync();
        var person = await PluginFixture.CreateAsync(cluster, fixture.Operators);
        foreach (var codeAlone in new[] { false, true })
        {
            var name = codeAlone ? "by-code" : "by-address";
            await fixture.AddDeadAccountAsync(name, $"{name}@example.com");
            await using var run = fixture.Authorize(person.Kubeconfig, name, words: "--no-browser");
            using var browser = new PlainBrowser();
            var back = await browser.ConsentAsync(await run.AddressAsync(), name);
            await run.PasteAsync(codeAlone ? Microsoft.AspNetCore.WebUtilities.QueryHelpers.ParseQuery(back.Query)["code"].ToString() : back.AbsoluteUri);
            (await run.EndAsync()).Should().Be(0, run.Output);
        }
    }

    [Fact]
    public async Task Where_only_https_is_accepted_the_user_pastes_the_address_that_nothing_listens_at()
    {
        var registered = new Uri("https://localhost/");
        await using var fixture = await ConsentFixture.CreateAsync(cluster);
        await fixture.Server.AllowRedirectAsync(registered);
        await fixture.StartOperatorAsync();
        var person = await PluginFixture.CreateAsync(cluster, fixture.Operators);
        await fixture.AddDeadAccountAsync("marcus");

        await using var run = fixture.Authorize(person.Kubeconfig, "marcus", words: ["--redirect-uri", registered.AbsoluteUri]);
        using var browser = new PlainBrowser();
        var back = await browser.ConsentAsync(await run.AddressAsync(), "marcus");
        back.GetLeftPart(UriPartial.Path).Should().Be(registered.AbsoluteUri);
        await run.PasteAsync(back.AbsoluteUri);
        (await run.EndAsync()).Should().Be(0, run.Output);
    }

    [Fact]
    public async Task The_redirect_address_can_name_localhost()
    {
        await using var fixture = await ConsentFixture.CreateAsync(cluster);
        await fixture.StartOperatorAsync();
        var person = await PluginFixture.CreateAsync(cluster, fixture.Operators);
        await fixture.AddDeadAccountAsync("marcus");

        await using var run = fixture.Authorize(person.Kubeconfig, "marcus", words: ["--redirect-host", "localhost"]);
        using var browser = new PlainBrowser();
        var back = await browser.ConsentAsync(await run.AddressAsync(), "marcus");
        back.Host.Should().Be("localhost");
        var page = await browser.OpenAsync(back);

        (await run.EndAsync()).Should().Be(0, run.Output);
        page.Text.Should().Contain("was saved");
    }

    [Fact]
    public async Task The_provider_is_learned_from_the_cluster_by_those_who_may_read_it_and_others_learn_what_they_may_not()
    {
        await using var fixture = await ConsentFixture.CreateAsync(cluster);
        await fixture.StartOperatorAsync(("ClusterProviders", "true"));
        var person = await PluginFixture.CreateAsync(cluster, fixture.Operators);
        var (ns, provider) = (fixture.Operators.Namespace, $"consents-{fixture.Operators.Namespace}");
        await fixture.Operators.ApplyProviderAsync(provider, new JsonObject
        {
            ["tokenEndpoint"] = fixture.Server.TokenEndpoint.ToString(),
            ["authorizationEndpoint"] = fixture.Server.AuthorizationEndpoint.ToString(),
            ["scopes"] = new JsonObject { ["consent"] = new JsonArray("openid", "email", "offline_access") },
        });
        await fixture.Operators.ApplyAsync("marcus", spec =>
        {
            spec["provider"] = provider;
            spec["scopes"] = new JsonArray("mail");
        });
        await fixture.Operators.SeesAsync("marcus", "Stalled", "True", "SeedMissing");

        await using (var run = fixture.Authorize(person.Kubeconfig, "marcus"))
        {
            (await run.EndAsync()).Should().Be(2, run.Output);
            run.Output.Should().Contain($"The provider \"{provider}\" is not known").And.Contain("you have no right to get clusteroauthproviders in this cluster")
                .And.Contain("--authorization-endpoint").And.NotContain("http://127.0.0.1");
        }

        var binding = await cluster.Plane.BindAsync($"{ns}:person", "ClusterRole", "token-operator-provider-reader");
        await using (var run = fixture.Authorize(person.Kubeconfig, "marcus"))
        {
            using var browser = new PlainBrowser();
            var page = await browser.OpenAsync(await browser.ConsentAsync(await run.AddressAsync(), "marcus"));
            (await run.EndAsync()).Should().Be(0, run.Output);
            page.Text.Should().Contain("was saved");
            run.Output.Should().Contain($"The ClusterOAuthProvider {provider} describes the provider. Secrets are sent to {fixture.Server.Address.Authority}.");
        }

        await fixture.Operators.ReadyAsync("marcus");
        await fixture.Operators.Kubectl.RunAsync(["delete", "clusterrolebinding", binding]);
    }

    [Fact]
    public async Task A_code_that_is_entered_on_another_device_brings_a_consent()
    {
        await using var fixture = await ConsentFixture.CreateAsync(cluster);
        await fixture.StartOperatorAsync();
        var person = await PluginFixture.CreateAsync(cluster, fixture.Operators);
        await fixture.AddDeadAccountAsync("marcus", "marcus@example.com");

        await using (var run = fixture.Authorize(person.Kubeconfig, "marcus", words: "--device"))
        {
            await ConsentFixture.EnterCodeAsync(await run.AddressAsync(), await run.CodeAsync(), "marcus");
            (await run.EndAsync()).Should().Be(0, run.Output);
            run.Output.Should().Contain("Ready: the Secret");
        }

        await fixture.EndGrantAsync("marcus");
        await using (var run = fixture.Authorize(person.Kubeconfig, "marcus", words: "--device"))
        {
            await ConsentFixture.EnterCodeAsync(await run.AddressAsync(), await run.CodeAsync(), "marcus", allow: false);
            (await run.EndAsync()).Should().Be(5, run.Output);
            run.Output.Should().Contain("Consent was denied");
        }
    }

    [Fact]
    public async Task A_denied_consent_a_foreign_answer_and_a_missing_refresh_token_each_have_their_own_message_and_change_nothing()
    {
        await using var fixture = await ConsentFixture.CreateAsync(cluster);
        await fixture.StartOperatorAsync();
        var person = await PluginFixture.CreateAsync(cluster, fixture.Operators);
        await fixture.AddDeadAccountAsync("denied");
        var seed = (await fixture.Operators.SecretAsync("denied-seed"))!.Version;

        await using (var run = fixture.Authorize(person.Kubeconfig, "denied"))
        {
            using var browser = new PlainBrowser();
            var page = await browser.OpenAsync(await browser.ConsentAsync(await run.AddressAsync(), "denied", allow: false));
            (await run.EndAsync()).Should().Be(5);
            run.Output.Should().Contain("Consent was denied in the browser");
            page.Text.Should().Contain("Consent was denied in the browser");
        }

        await using (var run = fixture.Authorize(person.Kubeconfig, "denied"))
        {
            var address = await run.AddressAsync();
            var redirect = new Uri(Microsoft.AspNetCore.WebUtilities.QueryHelpers.ParseQuery(address.Query)["redirect_uri"].ToString());
            redirect.Host.Should().Be("127.0.0.1");
            using var browser = new PlainBrowser();
            var page = await browser.OpenAsync(new Uri(redirect, "/?state=another&code=stolen"));
            (await run.EndAsync()).Should().Be(5);
            run.Output.Should().Contain("its state is another").And.NotContain("stolen");
            page.Text.Should().Contain("its state is another");
        }

        await using (var run = fixture.Authorize(person.Kubeconfig, "denied", words: "--no-browser"))
        {
            await run.AddressAsync();
            await run.PasteAsync("http://127.0.0.1:1/?state=another&code=stolen");
            (await run.EndAsync()).Should().Be(5);
            run.Output.Should().Contain("its state is another");
        }

        await using (var run = fixture.Authorize(person.Kubeconfig, "denied"))
        {
            // The person unticks the box that stands for access while they are away.
            using var browser = new PlainBrowser();
            var form = await browser.OpenAsync(await run.AddressAsync());
            var back = await browser.SubmitAsync(form, default, ("grant", null), ("grant", "mail"), ("grant", "openid"), ("grant", "email"), ("login", "denied"), ("allow", "1"));
            await browser.OpenAsync(back.Redirect!);
            (await run.EndAsync()).Should().Be(5);
            run.Output.Should().Contain("no refresh token");
        }

        (await fixture.Operators.SecretAsync("denied-seed"))!.Version.Should().Be(seed);
    }

    [Fact]
    public async Task An_object_without_seedSecretRef_gets_one_and_a_healthy_object_needs_no_consent()
    {
        await using var fixture = await ConsentFixture.CreateAsync(cluster);
        await fixture.StartOperatorAsync();
        var person = await PluginFixture.CreateAsync(cluster, fixture.Operators);
        await fixture.Operators.ApplyAsync("first", spec =>
        {
            spec.Remove("seedSecretRef");
            spec["scopes"] = new System.Text.Json.Nodes.JsonArray("mail");
        });
        await fixture.Operators.SeesAsync("first", "Stalled", "True", "SeedMissing");

        await using (var run = fixture.Authorize(person.Kubeconfig, "first"))
        {
            using var browser = new PlainBrowser();
            await browser.OpenAsync(await browser.ConsentAsync(await run.AddressAsync(), "first"));
            (await run.EndAsync()).Should().Be(0, run.Output);
            run.Output.Should().Contain("first-seed, key token.json. spec.seedSecretRef was not set");
        }

        await using (var run = fixture.Authorize(person.Kubeconfig, "first"))
        {
            (await run.EndAsync()).Should().Be(5);
            run.Output.Should().Contain("needs no human action, so nothing was changed");
        }
    }

    [Fact]
    public async Task A_name_that_no_provider_has_is_reported_before_anything_else_with_the_names_that_exist()
    {
        await using var fixture = await ConsentFixture.CreateAsync(cluster);
        var person = await PluginFixture.CreateAsync(cluster, fixture.Operators);
        await fixture.Operators.ApplyAsync("typo", spec =>
        {
            spec["provider"] = "gogle";
            spec["suspend"] = true;
        });

        await using var run = fixture.Authorize(person.Kubeconfig, "typo");
        (await run.EndAsync()).Should().Be(2, run.Output);
        run.Output.Should().Contain("The provider \"gogle\" is not known").And.Contain("Did you mean google?").And.Contain("github").And.Contain("zoom").And.NotContain("suspended");
    }

    [Fact]
    public async Task A_user_without_permission_to_read_the_client_or_write_the_seed_is_told_before_the_consent()
    {
        await using var fixture = await ConsentFixture.CreateAsync(cluster);
        await fixture.StartOperatorAsync();
        await fixture.AddDeadAccountAsync("guarded");
        var kubeconfig = await cluster.Plane.ServiceAccountKubeconfigAsync(fixture.Operators.Namespace, "reader");
        await fixture.Operators.Kubectl.RunAsync(["create", "role", "-n", fixture.Operators.Namespace, "tokens", "--verb=get,list", "--resource=oauthtokens.tokenoperator.dev"]);
        await cluster.Plane.BindAsync($"{fixture.Operators.Namespace}:reader", "Role", "tokens", fixture.Operators.Namespace);

        await using (var run = fixture.Authorize(kubeconfig, "guarded"))
        {
            (await run.EndAsync()).Should().Be(5);
            run.Output.Should().Contain("You cannot read the Secret").And.Contain("/client");
        }

        await fixture.Operators.Kubectl.RunAsync(["create", "role", "-n", fixture.Operators.Namespace, "secrets", "--verb=get", "--resource=secrets"]);
        await cluster.Plane.BindAsync($"{fixture.Operators.Namespace}:reader", "Role", "secrets", fixture.Operators.Namespace);
        await using (var run = fixture.Authorize(kubeconfig, "guarded"))
        {
            (await run.EndAsync()).Should().Be(5);
            run.Output.Should().Contain("You cannot patch secrets guarded-seed").And.NotContain("http");
        }
    }
}
