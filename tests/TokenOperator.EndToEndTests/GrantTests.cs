using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests;

/// <summary>Grants without a consent, against a server that verifies signatures, claims and times.</summary>
[Collection(PersonGroup.Name)]
public sealed class GrantTests(ClusterFixture cluster) : IAsyncLifetime
{
    private readonly string _file = Path.GetTempFileName();
    private readonly string _folder = Directory.CreateTempSubdirectory("token-operator-grants-").FullName;
    private GrantServer _server = null!;
    private OperatorFixture _fixture = null!;

    public async Task InitializeAsync()
    {
        _server = await GrantServer.StartAsync();
        _fixture = await OperatorFixture.CreateAsync(cluster);
        await File.WriteAllTextAsync(_file, _server.WorkloadToken());
        await File.WriteAllTextAsync(Path.Combine(_folder, "google-workload.yaml"), $$"""
            extends: google
            tokenEndpoint: {{_server.GoogleEndpoint}}
            workloadIdentity: {exchangeEndpoint: "{{_server.ExchangeEndpoint}}", credentialsEndpoint: "{{_server.CredentialsEndpoint}}"}
            """);
        await File.WriteAllTextAsync(Path.Combine(_folder, "microsoft.yaml"), $$"""
            extends: microsoft
            parameters: {tenant: contoso.example}
            tokenEndpoint: {{_server.EntraEndpoint}}
            workloadIdentity: {clientAssertion: true}
            """);
        await _fixture.WriteSecretAsync("machine", "credentials.json", $$"""{"client_id":"{{GrantServer.ClientId}}","client_secret":"{{GrantServer.ClientSecret}}"}""");
        await _fixture.WriteSecretAsync("mailer", "private-key", _server.ServiceAccountKey);
        await _fixture.WriteSecretAsync("app", "private-key", _server.GitHubKey);
        await StartAsync();
    }

    public async Task DisposeAsync()
    {
        await _fixture.DisposeAsync();
        await _server.DisposeAsync();
        File.Delete(_file);
        Directory.Delete(_folder, recursive: true);
    }

    private Task<OperatorProcess> StartAsync(params (string Name, string Value)[] settings) => _fixture.StartOperatorAsync(
    [
        ("Providers__plain__TokenEndpoint", $"{_server.ClientCredentialsEndpoint}"),
        ("Providers__google__TokenEndpoint", $"{_server.GoogleEndpoint}"),
        ("Providers__github-app__TokenEndpoint", $"{_server.GitHubApi}"),
        ("ProviderFolder", _folder),
        ("WorkloadIdentityTokenFile", _file),
        ("WorkloadIdentityNamespaces", _fixture.Namespace),
        ("Logging__LogLevel__Default", "Trace"),
        .. settings,
    ]);

    private Task ApplyAsync(string name, string provider, string grant, string spec) => ApplyAsync(_fixture, name, provider, grant, spec);

    private static Task ApplyAsync(OperatorFixture fixture, string name, string provider, string grant, string spec) => fixture.ApplyAsync(name, fields =>
    {
        fields.Remove("clientSecretRef");
        fields.Remove("seedSecretRef");
        fields["provider"] = provider;
        fields["grant"] = grant;
        foreach (var (field, value) in JsonNode.Parse(spec)!.AsObject())
            fields[field] = value?.DeepClone();
    });

    private Task ApplyAppAsync(string name, string repositories, string more = "") => ApplyAsync(
        name, "github-app", "GitHubApp",
        $$$"""{ {{{more}}} "githubApp": {"appID": {{{GrantServer.AppId}}}, "privateKeySecretRef": {"name": "app"}, "owner": "{{{GrantServer.Owner}}}", "repositories": {{{repositories}}}, "permissions": {"contents": "read"} } }""");

    private Task ApplyGoogleWorkloadAsync(string name, string scope, string more = "") => ApplyAsync(name, "google-workload", "WorkloadIdentity", GoogleWorkload(scope, more));

    private static string GoogleWorkload(string scope, string more = "") =>
        $$$"""{"scopes": ["{{{scope}}}"], "workloadIdentity": { {{{more}}} "googleAudience": "{{{GrantServer.GoogleAudience}}}", "serviceAccount": "{{{GrantServer.ServiceAccount}}}"}}""";

    [Fact]
    public async Task Each_grant_writes_its_Secret_and_a_restart_asks_for_nothing()
    {
        await ApplyAsync("machine-token", "plain", "ClientCredentials", """{"clientSecretRef": {"name": "machine"}, "scopes": ["read"], "clientCredentials": {"audience": "https://api.example"}}""");
        await ApplyAsync("mailbox", "google", "JWTBearer", $$$"""{"scopes": ["{{{GrantServer.Scope}}}"], "jwtBearer": {"keySecretRef": {"name": "mailer"}, "subject": "{{{GrantServer.Person}}}"}}""");
        await ApplyAppAsync("deploy", """["one", "two"]""");
        await ApplyAsync("own", "microsoft", "WorkloadIdentity", $$$"""{"scopes": ["https://graph.microsoft.com/.default"], "workloadIdentity": {"clientID": "{{{GrantServer.EntraClientId}}}"}}""");
        var tokens = new Dictionary<string, string> { ["machine-token"] = "machine", ["mailbox"] = GrantServer.Person, ["deploy"] = """["one","two"] {"contents":"read"}""", ["own"] = "entra" };
        foreach (var (name, what) in tokens)
        {
            var ready = await _fixture.ReadyAsync(name);
            var secret = (await _fixture.SecretAsync(name))!;
            _server.Issued[secret["access_token"]!].Should().Be(what);
            secret.ExpiresAt.Should().BeAfter(DateTimeOffset.Parse(ready["lastRefreshTime"]!, CultureInfo.InvariantCulture).AddMinutes(55));
            (await _fixture.QueryAsync($"select array_to_string(namespaces, ',') from oauth_tokens where account = '{name}'")).Should().Be(_fixture.Namespace);
        }

        var before = _server.Requests.Count;
        await _fixture.Operator.StopAsync();
        var log = _fixture.Operator.Log;
        await StartAsync();
        await _fixture.ApplyAsync("after-restart", fields => fields["suspend"] = true);
        await _fixture.SeesAsync("after-restart", "Ready", "False", "Suspended");
        foreach (var name in tokens.Keys)
            await _fixture.ReadyAsync(name);
        _server.Requests.Should().HaveCount(before, "the tokens are in Postgres");

        foreach (var secret in _server.Issued.Keys.Concat([GrantServer.ClientSecret, "BEGIN", "eyJ"]))
            log.Should().NotContain(secret);
    }

    [Fact]
    public async Task The_operators_own_identity_brings_a_token_of_a_service_account_and_of_a_person_whom_it_acts_for_only_in_the_namespaces_of_the_list()
    {
        await using var stranger = await OperatorFixture.CreateAsync(cluster);
        await _fixture.Operator.StopAsync();
        await StartAsync(("Namespaces", $"{_fixture.Namespace},{stranger.Namespace}"));
        await ApplyAsync(stranger, "robot", "google-workload", "WorkloadIdentity", GoogleWorkload(GrantServer.Scope));
        (await stranger.SeesAsync("robot", "Stalled", "True", "WorkloadIdentityNotAllowed")).Message("Stalled").Should().Contain("WorkloadIdentityNamespaces");
        _server.Requests.Should().BeEmpty("the operator's token is not sent for a namespace that is not on the list");

        const string Storage = "https://www.googleapis.com/auth/devstorage.read_only";
        await ApplyGoogleWorkloadAsync("robot", Storage);
        await ApplyGoogleWorkloadAsync("mailbox", GrantServer.Scope, $"\"subject\": \"{GrantServer.Person}\",");
        foreach (var (name, what) in new[] { ("robot", $"{GrantServer.ServiceAccount} {Storage}"), ("mailbox", GrantServer.Person) })
        {
            await _fixture.ReadyAsync(name);
            _server.Issued[(await _fixture.SecretAsync(name))!["access_token"]!].Should().Be(what);
        }

        _server.Requests.Select(request => request.Path.Split(':')[^1]).Should().BeEquivalentTo("/sts/token", "/sts/token", "generateAccessToken", "signJwt", "/google/token");

        // The kubelet has replaced the token in the file, and the cluster that Google trusts is another one.
        await File.WriteAllTextAsync(_file, _server.WorkloadToken("system:serviceaccount:token-operator-system:another"));
        await _fixture.RequestRefreshAsync("robot");
        (await _fixture.SeesAsync("robot", "Refreshed", "False", "GrantRejected")).Message("Refreshed").Should().Contain("rejected by the attribute condition");
        await File.WriteAllTextAsync(_file, _server.WorkloadToken());
        await _fixture.RefreshAsync("robot", "trusted-again");
        _fixture.Operator.Log.Should().NotContain("eyJ");
    }

    [Fact]
    public async Task Other_inputs_bring_another_token_at_once_and_a_younger_object_with_other_inputs_gets_none()
    {
        await ApplyAppAsync("narrow", """["one", "two"]""");
        await _fixture.ReadyAsync("narrow");
        // Creation times have whole seconds. Of two objects of the same second, the first by name is the older one.
        await ApplyAppAsync("younger", """["three"]""", "\"account\": \"narrow\",");
        var conflict = await _fixture.SeesAsync("younger", "Stalled", "True", "GrantConflict");
        conflict.Message("Stalled").Should().Contain($"{_fixture.Namespace}/narrow");
        (await _fixture.SecretAsync("younger")).Should().BeNull();

        await ApplyAppAsync("narrow", """["one"]""");
        await Eventually.SeesAsync(
            async () => _server.Issued.GetValueOrDefault((await _fixture.SecretAsync("narrow"))!["access_token"]!),
            what => what == """["one"] {"contents":"read"}""");
        await _fixture.ReadyAsync("narrow");
        _server.Requests.Count(request => request.Path.EndsWith("/access_tokens", StringComparison.Ordinal)).Should().Be(2, "the younger object asks for nothing");
    }

    [Fact]
    public async Task Metrics_status_doctor_suspend_and_refreshBefore_work_for_each_grant_as_for_a_refresh_token_and_none_is_told_to_consent()
    {
        var person = await PluginFixture.CreateAsync(cluster, _fixture);
        const string Early = "\"refreshBefore\": \"20m\",";
        await ApplyAsync("machine-token", "plain", "ClientCredentials", $$"""{ {{Early}} "clientSecretRef": {"name": "machine"}, "scopes": ["read"] }""");
        await ApplyAsync("mailbox", "google", "JWTBearer", $$$"""{ {{{Early}}} "scopes": ["{{{GrantServer.Scope}}}"], "jwtBearer": {"keySecretRef": {"name": "mailer"}, "subject": "{{{GrantServer.Person}}}"} }""");
        await ApplyAppAsync("deploy", """["one"]""", Early);
        await ApplyAsync("own", "microsoft", "WorkloadIdentity", $$$"""{ {{{Early}}} "scopes": ["https://graph.microsoft.com/.default"], "workloadIdentity": {"clientID": "{{{GrantServer.EntraClientId}}}"} }""");
        (string Name, string Reason)[] table = [("machine-token", "ClientRejected"), ("mailbox", "NotDelegated"), ("deploy", "InstallationMissing"), ("own", "GrantRejected")];

        foreach (var (name, _) in table)
        {
            await _fixture.ReadyAsync(name);
            await MeasuresAsync(name, ("ready", 1), ("needs_human", 0), ("suspended", 0), ("persisted", 1), ("failures", 0), ("consent_expiry_timestamp_seconds", null), ("problem", null));
            var (expiry, next) = ((await MetricAsync(name, "expiry_timestamp_seconds"))!.Value, (await MetricAsync(name, "next_refresh_timestamp_seconds"))!.Value);
            (expiry - next).Should().BeInRange(20 * 60, 22 * 60 + 1, "of {0}: refreshBefore and its jitter", name);
        }

        (await person.StatusAsync()).Select(item => (item.GetProperty("health").GetString(), item.TryGetProperty("nextStep", out _))).Should().Equal(Enumerable.Repeat<(string?, bool)>(("Ok", false), 4));
        (await DoctorAsync(person)).Should().MatchRegex("(?m)^ok +OAuthTokens +All 4 are healthy");

        await BreakAsync(isBroken: true);
        foreach (var (name, reason) in table)
        {
            await FailsAsync(name, reason);
            var view = await _fixture.SeesAsync(name, "Stalled", "True", reason);
            view["authorizationURL"].Should().BeNull();
            await MeasuresAsync(name, ("ready", 1), ("needs_human", 1), ("failures", 1), ("problem", 1));
            var status = (await person.StatusAsync(name)).Single();
            (status.GetProperty("health").GetString(), status.GetProperty("reason").GetString(), status.GetProperty("needsHuman").GetBoolean()).Should().Be(("Warning", reason, true));
            $"{status.GetProperty("message")} {status.GetProperty("nextStep")}".Should().NotContainEquivalentOf("consent").And.NotContain("oauthtoken authorize").And.NotContain("seed");
        }

        var doctor = await DoctorAsync(person);
        doctor.Should().ContainAll(table.Select(row => $"{row.Name}: {row.Reason}")).And.NotContain("authorize");
        var authorize = await person.RunAsync("authorize", "mailbox");
        authorize.ExitCode.Should().Be(5);
        authorize.Errors.Should().Contain("needs no consent").And.Contain("spec.grant is JWTBearer");

        await BreakAsync(isBroken: false);
        foreach (var (name, _) in table)
        {
            await _fixture.RefreshAsync(name, "repaired");
            await MeasuresAsync(name, ("needs_human", 0), ("failures", 0), ("problem", null));
            (await person.RunAsync("suspend", name)).ExitCode.Should().Be(0);
            await _fixture.SeesAsync(name, "Ready", "True", "Suspended");
            await MeasuresAsync(name, ("ready", 1), ("suspended", 1), ("next_refresh_timestamp_seconds", null));
        }

        var asked = _server.Requests.Count;
        foreach (var (name, _) in table)
        {
            (await person.RunAsync("refresh", name)).ExitCode.Should().Be(5, "{0} is suspended", name);
            (await person.RunAsync("resume", name)).ExitCode.Should().Be(0);
            await _fixture.SeesAsync(name, "Ready", "True", "Refreshed");
            await MeasuresAsync(name, ("suspended", 0));
        }

        _server.Requests.Should().HaveCount(asked, "the tokens are still fresh");
    }

    /// <summary>What is wrong with each grant: the secret of the client, the delegation, the installation, the trust in the operator's identity.</summary>
    private async Task BreakAsync(bool isBroken)
    {
        await _fixture.WriteSecretAsync("machine", "credentials.json", $$"""{"client_id":"{{GrantServer.ClientId}}","client_secret":"{{(isBroken ? "another" : GrantServer.ClientSecret)}}"}""");
        (_server.IsDelegated, _server.IsSuspended) = (!isBroken, isBroken);
        await File.WriteAllTextAsync(_file, isBroken ? _server.WorkloadToken("system:serviceaccount:token-operator-system:another") : _server.WorkloadToken());
    }

    /// <summary>Requests refreshes until one fails: the operator learns of a changed Secret from a watch, which can come after the first request.</summary>
    private async Task FailsAsync(string name, string reason)
    {
        const int MaxAttempts = 3;
        for (var attempt = 1; attempt <= MaxAttempts && (await _fixture.HandledAsync(name, $"while-broken-{attempt}")).Reason("Refreshed") != reason;)
            attempt++;
    }

    private async Task<string> DoctorAsync(PluginFixture person) => (await person.RunAsync("doctor", "--operator-namespace", _fixture.Namespace)).Output;

    /// <summary>Waits until the operator exports these values of an OAuthToken; null: nothing.</summary>
    private async Task MeasuresAsync(string name, params (string Metric, double? Value)[] expected)
    {
        foreach (var (metric, value) in expected)
            await Eventually.SeesAsync(() => MetricAsync(name, metric), found => found == value, condition: $"{metric}={value} of {name}");
    }

    private async Task<double?> MetricAsync(string name, string metric)
    {
        using var http = new HttpClient();
        var text = await http.GetStringAsync(new Uri(_fixture.Operator.Address, "/metrics"));
        var sample = text.Split('\n').SingleOrDefault(line => line.StartsWith($"tokenoperator_oauthtoken_{metric}{{", StringComparison.Ordinal)
            && line.Contains($"name=\"{name}\"", StringComparison.Ordinal) && line.Contains($"namespace=\"{_fixture.Namespace}\"", StringComparison.Ordinal));
        return sample is null ? null : double.Parse(sample.Split(' ')[1], CultureInfo.InvariantCulture);
    }

    [Fact]
    public async Task A_failure_is_a_matter_of_configuration_and_offers_no_consent_and_a_new_key_ends_it()
    {
        using var other = RSA.Create(2048);
        await _fixture.WriteSecretAsync("other", "private-key", other.ExportRSAPrivateKeyPem());
        const string Spec = """{"deletionPolicy": "Revoke", "githubApp": {"appID": 123456, "privateKeySecretRef": {"name": "other"}, "installationID": 777}}""";
        await ApplyAsync("broken", "github-app", "GitHubApp", Spec);
        var view = await _fixture.SeesAsync("broken", "Stalled", "True", "KeyRejected");
        view.Message("Stalled").Should().Contain($"Secret {_fixture.Namespace}/other").And.NotContain("authorize");
        view["authorizationURL"].Should().BeNull();
        await _fixture.WriteSecretAsync("other", "private-key", _server.GitHubKey);
        await _fixture.ReadyAsync("broken");

        var token = (await _fixture.SecretAsync("broken"))!["access_token"]!;
        await _fixture.DeleteAsync("broken");
        _server.Issued.Should().NotContainKey(token, "deletionPolicy is Revoke");
        (await _fixture.QueryAsync("select count(*) from oauth_tokens where account = 'broken'")).Should().Be("0");

        await _fixture.WriteSecretAsync("encrypted", "private-key", other.ExportEncryptedPkcs8PrivateKeyPem("p", new PbeParameters(PbeEncryptionAlgorithm.Aes128Cbc, HashAlgorithmName.SHA256, 1000)));
        await ApplyAsync("unread", "github-app", "GitHubApp", Spec.Replace("other", "encrypted", StringComparison.Ordinal));
        (await _fixture.SeesAsync("unread", "Stalled", "True", "PrivateKeyInvalid")).Message("Stalled").Should().Contain("encrypted").And.Contain("openssl");
        await ApplyAsync("misfit", "google", "GitHubApp", Spec);
        (await _fixture.SeesAsync("misfit", "Stalled", "True", "InvalidSpec")).Message("Stalled").Should().Contain("github-app");
    }
}
