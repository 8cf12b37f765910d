using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Documents;
using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests;

/// <summary>
/// A user follows a page of the documentation. The manifests and commands are those of the page, with the identifier and secret of a client
/// and a free port in place of the examples. The operator and the plugin reach servers of the test at the addresses of the real ones.
/// </summary>
[Collection(PersonGroup.Name)]
public sealed partial class ProviderWalkTests(ClusterFixture cluster) : IAsyncLifetime
{
    private static readonly string[] Namespaces = ["apps", "mail", "ci", "jobs"];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("token-operator-walk-");
    private readonly int _port = Ports.Free();
    private (string Id, string Secret) _client = ("", "");
    private OperatorFixture? _fixture;
    private StandInProxy? _proxy;

    public async Task InitializeAsync()
    {
        foreach (var ns in Namespaces)
            await cluster.Plane.CreateNamespaceAsync(ns);
    }

    public async Task DisposeAsync()
    {
        foreach (var ns in Namespaces)
            await cluster.Plane.Kubectl.RunAsync($"delete oauthtokens,secrets --all -n {ns}");
        await cluster.Plane.Kubectl.RunAsync("delete clusteroauthproviders --all");
        if (_fixture is not null)
            await _fixture.DisposeAsync();
        if (_proxy is not null)
            await _proxy.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Theory]
    [InlineData("microsoft", "login.microsoftonline.com", "1h", "tenant: contoso.example")]
    [InlineData("slack", "slack.com", "12h", "team_id: T1, bot_user_id: B1, token_type: bot")]
    [InlineData("salesforce", "login.salesforce.com", "1h", "instance_url: https://moved.my.salesforce.com")]
    [InlineData("xero", "identity.xero.com", "30m", "")]
    [InlineData("keycloak", "sso.example.com", "5m", "")]
    // Only the response to the consent has these values. The refresh that follows keeps them.
    [InlineData("quickbooks", "oauth.platform.intuit.com", "1h", "realmId: 9130355377388383")]
    [InlineData("zoho", "accounts.zoho.eu", "1h", "accounts-server: https://accounts.zoho.eu, location: eu, api_domain: https://www.zohoapis.eu, token_type: Zoho-oauthtoken")]
    public async Task The_page_of_a_provider_leads_to_a_token_that_is_refreshed(string name, string host, string lifetime, string keys)
    {
        var blocks = DocumentationPage.Read($"docs/providers/{name}.md").Under("Apply");
        await using var provider = await RecordedProvider.StartAsync(Exchange(name));
        await StartAsync((RecordedProvider.ClientId, provider.ClientSecret), (host, provider.AnswerAsync));

        await ApplyAsync(blocks);
        var refreshToken = await ConsentAsync(blocks, provider, $"marcus-{name}");
        await RefreshAsync(provider, $"marcus-{name}", refreshToken);

        var secret = await SecretAsync($"marcus-{name}-token", "apps");
        DurationText.TryParse(lifetime, out var expected).Should().BeTrue();
        secret.ExpiresAt.Should().BeCloseTo(DateTimeOffset.UtcNow + expected, TimeSpan.FromMinutes(2));
        foreach (var (key, value) in keys.Split(", ", StringSplitOptions.RemoveEmptyEntries).Select(pair => (pair.Split(": ")[0], pair.Split(": ")[1])))
            secret[key].Should().Be(value, "of the key {0}", key);
        provider.Refusals.Should().BeEmpty();
        _proxy!.Refused.Should().BeEmpty();
    }

    [Fact]
    public async Task A_refresh_at_Xero_whose_answer_is_lost_is_asked_for_again_with_the_same_refresh_token()
    {
        var blocks = DocumentationPage.Read("docs/providers/xero.md").Under("Apply");
        await using var provider = await RecordedProvider.StartAsync(Exchange("xero"));
        await StartAsync((RecordedProvider.ClientId, provider.ClientSecret), ("identity.xero.com", provider.AnswerAsync));
        await ApplyAsync(blocks);
        var refreshToken = await ConsentAsync(blocks, provider, "marcus-xero");
        var step = provider.Steps.Last(step => step["granted"] is not null);

        provider.Expect("refresh", provider.RefreshParameters(refreshToken), RecordedProvider.AnswerOf(step, DateTimeOffset.UtcNow) with { IsLost = true });
        await PluginAsync("refresh", "marcus-xero", "-n", "apps");
        await _fixture!.Operator.LogsAsync("Refreshing xero/marcus failed: ProviderUnavailable");

        await Eventually.SeesAsync(() => SecretAsync("marcus-xero-token", "apps"), secret => secret["access_token"] == (string?)step["granted"]!["accessToken"]);
        provider.Refusals.Should().BeEmpty();
    }

    [Theory]
    [InlineData("A Gmail mailbox by a service account", "mail", "marcus-gmail", GrantServer.Person)]
    [InlineData("A GitHub App token for two repositories", "ci", "deploy", """["website","api"] {"contents":"read","deployments":"write"}""")]
    [InlineData("Client credentials at Keycloak", "jobs", "reporting", "machine")]
    public async Task The_page_of_grants_leads_to_a_token_without_a_consent(string heading, string ns, string name, string what)
    {
        await using var server = await GrantServer.StartAsync();
        server.GoogleAssertionAudience = "https://oauth2.googleapis.com/token";
        server.Repositories = ["website", "api"];
        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, "mailer-4f2a.json"), server.ServiceAccountKey);
        await File.WriteAllTextAsync(Path.Combine(_folder.FullName, "deploy-app.private-key.pem"), server.GitHubKey);
        await StartAsync(
            server.Client,
            ("oauth2.googleapis.com", At("/google", server)),
            ("api.github.com", At("/github", server)),
            ("keycloak.example.com", Only("/realms/staff/protocol/openid-connect/token", "/plain/token", server)));

        // What follows on the page is for GitHub Enterprise Server.
        foreach (var block in DocumentationPage.Read("docs/grants.md").Under(heading).Where(block => !block.Text.Contains("github.example.com", StringComparison.Ordinal)))
            await FollowAsync(block);

        await SeesAsync(name, ns, view => view.Status("Ready") == "True");
        server.Issued[(await SecretAsync(name, ns))["access_token"]!].Should().Be(what);
        _proxy!.Refused.Should().BeEmpty();
    }

    [Fact]
    public async Task A_provider_that_is_not_in_the_catalogue_needs_one_file()
    {
        var exchange = JsonNode.Parse(
            """
            {
              "token": "https://idp.acme.example/oauth2/token", "client": "basic",
              "exchanges": [
                {"call": "code", "body": {"access_token": "at-1", "refresh_token": "rt-1", "expires_in": 3600, "token_type": "Bearer"}, "granted": {"accessToken": "at-1"}},
                {"call": "refresh", "body": {"access_token": "at-2", "refresh_token": "rt-2", "expires_in": 3600, "token_type": "Bearer"}, "granted": {"accessToken": "at-2"}}]
            }
            """)!.AsObject();
        CodeBlock[] blocks = [.. DocumentationPage.Read("docs/providers.md").Under("Add a provider").Where(block => block.Text.Contains("acme", StringComparison.Ordinal))];
        await using var provider = await RecordedProvider.StartAsync(exchange);
        await StartAsync((RecordedProvider.ClientId, provider.ClientSecret), ("idp.acme.example", provider.AnswerAsync));

        await ApplyAsync(blocks);
        await RefreshAsync(provider, "marcus-acme", await ConsentAsync(blocks, provider, "marcus-acme"));

        provider.Refusals.Should().BeEmpty();
    }

    [Fact]
    public async Task Every_manifest_of_every_page_is_accepted_as_it_stands()
    {
        var blocks = DocumentationPage.All().SelectMany(page => page.Blocks.Where(block => block.Language == "yaml").Select(block => (page.Path, Block: block))).ToList();
        // Beside these, a page has whole objects, so that nobody has to guess what is around a fragment.
        (string Path, string Begins)[] fragments =
        [
            ("docs/authorize.md", "spec:\n  identity"), ("docs/grants.md", "extraVolumes:"), ("docs/install.md", "networkPolicy:"), ("docs/provider-check.md", "extends:"), ("docs/providers.md", "providers:"), ("docs/use-the-token.md", "    volumeMounts:"),
        ];
        blocks.Where(found => !found.Block.IsManifest).Should().OnlyContain(found => fragments.Any(known => known.Path == found.Path && found.Block.Text.StartsWith(known.Begins, StringComparison.Ordinal)));

        // The API server of the tests does not have the kinds of Kyverno.
        var manifests = blocks.Where(found => found.Block.IsManifest && !found.Block.Text.Contains("apiVersion: kyverno.io/", StringComparison.Ordinal)).ToList();
        manifests.Should().HaveCountGreaterThan(60);
        foreach (var ns in manifests.SelectMany(found => NamespaceOf().Matches(found.Block.Text)).Select(match => match.Groups[1].Value).Distinct())
            await cluster.Plane.CreateNamespaceAsync(ns);
        foreach (var (path, block) in manifests)
        {
            var result = await cluster.Plane.Kubectl.TryRunAsync(["apply", "--dry-run=server", "-f", "-"], block.Text);
            result.ExitCode.Should().Be(0, "of a manifest of {0}: {1}\n{2}", path, result.Errors, block.Text);
        }
    }

    [GeneratedRegex(@"namespace: ([a-z-]+)")]
    private static partial Regex NamespaceOf();

    private static JsonObject Exchange(string name)
    {
        var exchange = YamlInput.Read(File.ReadAllText(Repository.File($"tests/TokenOperator.Tests/Providers/Exchanges/{name}.yaml")), out var error);
        return exchange ?? throw new FormatException(error);
    }

    /// <summary>Passes every request on, with <paramref name="prefix"/> before its path.</summary>
    private static RequestDelegate At(string prefix, GrantServer server) => context =>
    {
        context.Request.Path = prefix + context.Request.Path;
        return server.AnswerAsync(context);
    };

    /// <summary>Passes requests for one path on, as requests for another.</summary>
    private static RequestDelegate Only(string path, string target, GrantServer server) => context =>
    {
        if (context.Request.Path == path)
            context.Request.Path = target;
        return server.AnswerAsync(context);
    };

    private async Task StartAsync((string Id, string Secret) client, params (string Host, RequestDelegate Answer)[] hosts)
    {
        _client = client;
        _proxy = await StandInProxy.StartAsync(hosts.ToDictionary(host => host.Host, host => host.Answer));
        _fixture = await OperatorFixture.CreateAsync(cluster);
        await _fixture.StartOperatorAsync(
        [
            ("Namespaces", string.Join(',', Namespaces)),
            ("ClusterProviders", "true"),
            // The test bed sets another address.
            ("Providers__google__TokenEndpoint", "https://oauth2.googleapis.com/token"),
            ("Providers__google__RevocationEndpoint", "https://oauth2.googleapis.com/revoke"),
            .. _proxy.Environment,
        ]);
    }

    private async Task ApplyAsync(IEnumerable<CodeBlock> blocks)
    {
        foreach (var block in blocks.Where(block => block.IsManifest))
            await FollowAsync(block);
    }

    /// <summary>Applies a manifest, or runs a command.</summary>
    private async Task FollowAsync(CodeBlock block)
    {
        // JSON in YAML: the secret of a client can have any character.
        var text = block.Text.Replace("YOUR-CLIENT-ID", _client.Id, StringComparison.Ordinal);
        if (block.IsManifest)
        {
            await cluster.Plane.Kubectl.ApplyTextAsync(text.Replace("YOUR-CLIENT-SECRET", JsonValue.Create(_client.Secret).ToJsonString(), StringComparison.Ordinal));
            return;
        }

        var result = await Command.RunAsync(
            "/bin/sh", ["-ec", $"cd \"$1\"\n{text.Replace("YOUR-CLIENT-SECRET", _client.Secret, StringComparison.Ordinal)}", "sh", _folder.FullName],
            environment: new Dictionary<string, string?>
            {
                ["KUBECONFIG"] = cluster.Plane.AdminKubeconfig,
                ["PATH"] = $"{Environment.GetEnvironmentVariable("PATH")}:{(await TestAssets.FindAsync()).Folder}",
            });
        result.ExitCode.Should().Be(0, "{0}", result.Errors);
    }

    /// <summary>Runs the page's <c>kubectl oauthtoken authorize</c>, consents in the browser, and returns the refresh token.</summary>
    private async Task<string> ConsentAsync(IReadOnlyList<CodeBlock> blocks, RecordedProvider provider, string name)
    {
        var step = provider.Steps.First(step => (string?)step["call"] == "code");
        var command = blocks.Single(block => block.Text.StartsWith("kubectl oauthtoken authorize", StringComparison.Ordinal)).Text.Trim().Replace("8765", $"{_port}", StringComparison.Ordinal);
        var entity = (await cluster.Plane.GetAsync($"/apis/tokenoperator.dev/v1beta1/namespaces/apps/oauthtokens/{name}"))!;
        await using var run = ConsentFixture.AuthorizeRun.Start(_folder.FullName, command.Split(' ')[2..], PluginEnvironment());

        var address = await run.AddressAsync();
        var query = QueryHelpers.ParseQuery(address.Query).ToDictionary(parameter => parameter.Key, parameter => (string?)parameter.Value);
        var redirect = query["redirect_uri"]!;
        var scopes = entity["spec"]!["scopes"]?.AsArray().Select(scope => (string)scope!) ?? [];
        var challenge = query.GetValueOrDefault("code_challenge") ?? "";
        query.Remove("login_hint");
        query.Should().BeEquivalentTo(provider.ConsentParameters(scopes, redirect, query["state"]!, challenge));

        provider.Expect("code", provider.CodeParameters(redirect, verifier: null), RecordedProvider.AnswerOf(step, DateTimeOffset.UtcNow));
        using var browser = new PlainBrowser();
        await browser.OpenAsync(new Uri(redirect + provider.Callback(query["state"]!)));
        (await run.EndAsync()).Should().Be(0, run.Output);
        if (challenge.Length > 0)
            Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(provider.LastParameters["code_verifier"]))).Should().Be(challenge);
        (await SecretAsync($"{name}-token", "apps"))["access_token"].Should().Be((string?)step["granted"]!["accessToken"]);
        return (string)step["body"]!["refresh_token"]!;
    }

    /// <summary>Requests a refresh, as the documentation says, and waits until the Secret has what the recorded exchange has.</summary>
    private async Task RefreshAsync(RecordedProvider provider, string name, string refreshToken)
    {
        var step = provider.Steps.First(step => (string?)step["call"] == "refresh" && step["granted"] is not null);
        provider.Expect("refresh", provider.RefreshParameters(refreshToken), RecordedProvider.AnswerOf(step, DateTimeOffset.UtcNow));
        await PluginAsync("refresh", name, "-n", "apps", "--wait");
        await Eventually.SeesAsync(() => SecretAsync($"{name}-token", "apps"), secret => secret["access_token"] == (string?)step["granted"]!["accessToken"]);
    }

    private async Task PluginAsync(params string[] words)
    {
        var result = await Command.RunAsync(PluginProgram.Starter, [PluginProgram.Path, .. words], environment: PluginEnvironment());
        result.ExitCode.Should().Be(0, "{0}{1}", result.Output, result.Errors);
    }

    private Dictionary<string, string?> PluginEnvironment() => new(_proxy!.Environment.Select(variable => KeyValuePair.Create(variable.Name, (string?)variable.Value)))
    {
        ["KUBECONFIG"] = cluster.Plane.AdminKubeconfig,
        ["BROWSER"] = "/bin/true",
    };

    private Task<TokenView> SeesAsync(string name, string ns, Func<TokenView, bool> until) => Eventually.SeesAsync(
        async () => new TokenView((await cluster.Plane.GetAsync($"/apis/tokenoperator.dev/v1beta1/namespaces/{ns}/oauthtokens/{name}"))!), until);

    private async Task<SecretView> SecretAsync(string name, string ns) => new((await cluster.Plane.GetAsync($"/api/v1/namespaces/{ns}/secrets/{name}"))!);
}
