using System.Text;
using System.Text.Json.Nodes;
using Npgsql;
using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests;

/// <summary>
/// Recognizable tokens, secrets, keys and passwords pass through every path and every failure, with all logs at Trace and a
/// Postgres that logs everything it can. Then the test searches everything that was written for them.
/// </summary>
[Collection(ClusterGroup.Name)]
public sealed class NothingIsShownTests(ClusterFixture cluster)
{
    private static readonly PostgresServerOptions Talkative = new()
    {
        Settings = new Dictionary<string, string>
        {
            ["log_statement"] = "all",
            ["log_min_messages"] = "debug2",
            ["log_min_error_statement"] = "debug5",
            ["log_min_duration_statement"] = "0",
            ["log_parameter_max_length"] = "-1",
            ["log_parameter_max_length_on_error"] = "-1",
            ["log_error_verbosity"] = "verbose",
            ["log_connections"] = "on",
        },
    };

    private readonly Canaries _canaries = new();
    private readonly StringBuilder _said = new();
    private readonly int _publicPort = Ports.Free();

    [Fact]
    public async Task Tokens_secrets_keys_and_passwords_are_written_only_where_they_belong()
    {
        using var keyring = new TestKeyring();
        AddKey(keyring, "2026-01-01");
        await using var postgres = await PostgresServer.StartAsync(Talkative);
        await using var telemetry = await OtlpReceiver.StartAsync();
        await using var fixture = await OperatorFixture.CreateAsync(cluster, new TokenServerBehaviour { RotateRefreshTokens = true }, postgres, keyring);
        _canaries.Add("password", new NpgsqlConnectionStringBuilder(fixture.Database.ConnectionString).Password!);
        var secret = _canaries.New("client-secret");
        await fixture.WriteSecretAsync("client", "credentials.json", $$$"""{"installed":{"client_id":"client-1","client_secret":"{{{secret}}}"}}""");
        await using var grants = await GrantServer.StartAsync();
        await fixture.WriteSecretAsync("mailer", "private-key", grants.ServiceAccountKey);
        AddPrivateKey(grants.ServiceAccountKey);
        await fixture.StartOperatorAsync([.. Talking(telemetry), ("Providers__google__TimeoutSeconds", "3"), ("Providers__assertions__TokenEndpoint", $"{grants.GoogleEndpoint}"),
            ("ClusterProviders", "true"), ("SelfService__PublicUrl", $"http://127.0.0.1:{_publicPort}/"), ("SelfService__Port", $"{_publicPort}")]);
        _canaries.Add("the operator's own token", (await File.ReadAllTextAsync(cluster.OperatorKubeconfig)).Split("token: ")[1].Split('\n')[0]);

        await fixture.AddAccountAsync("good", spec => spec["secretName"] = "output");
        await fixture.ReadyAsync("good");
        var cmdline = await File.ReadAllTextAsync($"/proc/{fixture.Operator.Id}/cmdline");
        var authorized = DeviceCodesAsync(fixture);
        await Task.WhenAll(ProviderFailuresAsync(fixture, secret), InputFailuresAsync(fixture), VerbsAsync(fixture), AssertionsAsync(fixture), authorized);
        AddKey(keyring, "2026-02-02");
        await SayAsync(fixture.RunVerbAsync("keys", "rotate"));
        await SayAsync(fixture.RunVerbAsync("keys", "status"));
        await StoreFailuresAsync(fixture);

        var written = new List<(string Place, string Text)>
        {
            ("the metrics", await GetAsync(fixture, "/metrics")),
            ("healthz", await GetAsync(fixture, "/healthz")),
            ("readyz", await GetAsync(fixture, "/readyz")),
            ("an address that is not there", await GetAsync(fixture, "/nothing")),
            ("the process arguments", cmdline),
            ("the OAuthTokens", await JsonAsync("/apis/tokenoperator.dev/v1beta1", fixture, "oauthtokens")),
            ("the events", await JsonAsync("/apis/events.k8s.io/v1", fixture, "events")),
        };
        await fixture.Operator.StopAsync();
        written.Add(("the operator's log", fixture.Operator.Log));
        written.Add(("the traces by OTLP", telemetry.Received("/v1/traces")));
        written.Add(("the metrics by OTLP", telemetry.Received("/v1/metrics")));
        written.Add(("the API server's audit log", await ReadAsync(cluster.Plane.AuditLog.File)));
        written.Add(("the API server's log", await ReadAsync(Path.Combine(cluster.Plane.Folder, "kube-apiserver.log"))));
        written.Add(("etcd's log", await ReadAsync(Path.Combine(cluster.Plane.Folder, "etcd.log"))));
        written.Add(("what the verbs said", _said.ToString()));
        // The code that a person enters is for the person who started the consent. Postgres has it until the consent ends.
        var userCodes = new Canaries();
        foreach (var (device, user) in fixture.Tokens.DeviceCodes)
        {
            _canaries.Add("device code", device);
            userCodes.Add("user code", user);
        }

        written.SelectMany(text => userCodes.FoundIn(text.Place, text.Text)).Should().BeEmpty();
        written.Add(("what authorize said", await authorized));
        userCodes.FoundIn(written[^1].Place, written[^1].Text).Should().ContainSingle("the person enters it");
        await postgres.ExecuteAsync("checkpoint", fixture.Database.Name);
        await postgres.StopAsync();

        foreach (var token in fixture.Tokens.IssuedTokens)
            _canaries.Add("token", token);
        foreach (var token in grants.Issued.Keys)
            _canaries.Add("token of an assertion", token);
        foreach (var assertion in grants.Requests.Select(request => request.Form.GetValueOrDefault("assertion")).OfType<string>())
            _canaries.Add("assertion", assertion);
        grants.Requests.Should().HaveCountGreaterThan(1, "an assertion was accepted, and another one was refused");
        var found = written.SelectMany(text => _canaries.FoundIn(text.Place, text.Text)).ToList();
        foreach (var file in Directory.EnumerateFiles(postgres.Folder, "*", SearchOption.AllDirectories).Where(file => !file.Contains(".s.PGSQL", StringComparison.Ordinal)))
            found.AddRange(_canaries.FoundIn(Path.GetRelativePath(postgres.Folder, file), await File.ReadAllBytesAsync(file)));
        found.Should().BeEmpty();

        // The search works: names are not secret, and occur in each of these.
        written.Where(text => text.Text.Contains("good", StringComparison.Ordinal)).Select(text => text.Place)
            .Should().Contain(["the OAuthTokens", "the events", "the operator's log", "what the verbs said", "the metrics by OTLP", "the API server's audit log"]);
        written.Single(text => text.Place == "the traces by OTLP").Text.Should().Contain("oauth_tokens").And.Contain("exception.stacktrace");
        (await File.ReadAllTextAsync(postgres.LogFile)).Should().Contain("ciphertext").And.Contain("good", "the server did log its parameters");
        await OutputHoldsOnlyAnAccessTokenAsync(fixture);
    }

    /// <summary>Rows in plain text are in Postgres and in its log, because the settings ask for it. The operator writes them nowhere else.</summary>
    [Fact]
    public async Task Rows_in_plain_text_that_Postgres_quotes_are_in_no_output_of_the_operator()
    {
        (string, string) plain = ("Encryption", "None");
        await using var postgres = await PostgresServer.StartAsync(Talkative);
        await using var telemetry = await OtlpReceiver.StartAsync();
        await using var fixture = await OperatorFixture.CreateAsync(cluster, new TokenServerBehaviour { RotateRefreshTokens = true }, postgres);
        await fixture.StartOperatorAsync([.. Talking(telemetry), plain]);
        var grant = await fixture.AddAccountAsync("good");
        await fixture.ReadyAsync("good");
        (await fixture.QueryAsync("select token_data->>'refresh_token' from oauth_tokens")).Should().Be(grant.RefreshToken);

        await QuoteRowsAsync(fixture, "before update");
        await fixture.RequestRefreshAsync("good");
        await fixture.SeesAsync("good", "Ready", "True", "StoreUnavailable");
        await SayAsync(fixture.RunVerbAsync([plain], "accounts", "allow", "google", "good", "--namespace", fixture.Namespace));
        var seen = new List<(string Place, string Text)>
        {
            ("the OAuthTokens", await JsonAsync("/apis/tokenoperator.dev/v1beta1", fixture, "oauthtokens")),
            ("the events", await JsonAsync("/apis/events.k8s.io/v1", fixture, "events")),
        };
        await fixture.Operator.StopAsync();
        seen.Add(("the operator's log", fixture.Operator.Log));
        seen.Add(("the traces by OTLP", telemetry.Received("/v1/traces")));
        seen.Add(("what the verb said", _said.ToString()));

        foreach (var token in fixture.Tokens.IssuedTokens)
            _canaries.Add("token", token);
        seen.SelectMany(text => _canaries.FoundIn(text.Place, text.Text)).Should().BeEmpty();
        const string Raised = "P0001";
        seen.Where(text => text.Text.Contains(Raised, StringComparison.Ordinal)).Select(text => text.Place)
            .Should().Contain(["the operator's log", "the traces by OTLP", "what the verb said"], "the error was seen there");
        _canaries.FoundIn("the server's log", await File.ReadAllTextAsync(postgres.LogFile)).Should().NotBeEmpty("the server did quote them");
    }

    private static (string, string)[] Talking(OtlpReceiver telemetry) =>
    [
        ("Logging__LogLevel__Default", "Trace"), ("Logging__LogLevel__TokenOperator", "Trace"), ("Logging__LogLevel__Microsoft", "Trace"),
        ("Logging__Format", "json"), ("OTEL_EXPORTER_OTLP_ENDPOINT", telemetry.Address.ToString()), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
    ];

    /// <summary>The private key of a service account signs an assertion that is accepted, and one that is refused.</summary>
    private static async Task AssertionsAsync(OperatorFixture fixture)
    {
        foreach (var (name, subject) in new[] { ("mailbox", GrantServer.Person), ("nobody", "nobody@example.com") })
        {
            await fixture.ApplyAsync(name, fields =>
            {
                fields.Remove("clientSecretRef");
                fields.Remove("seedSecretRef");
                fields["provider"] = "assertions";
                fields["grant"] = "JWTBearer";
                fields["scopes"] = new JsonArray(GrantServer.Scope);
                fields["jwtBearer"] = new JsonObject { ["keySecretRef"] = new JsonObject { ["name"] = "mailer" }, ["subject"] = subject };
            });
        }

        await fixture.ReadyAsync("mailbox");
        await fixture.SeesAsync("nobody", "Refreshed", "False");
    }

    /// <summary>A value beside the token, and two consents by a code for another device: on the operator's page, and with the plugin.</summary>
    /// <returns>What the plugin said.</returns>
    private async Task<string> DeviceCodesAsync(OperatorFixture fixture)
    {
        var provider = $"devices-{fixture.Namespace}";
        await fixture.ApplyProviderAsync(provider, new JsonObject
        {
            ["tokenEndpoint"] = fixture.Tokens.TokenEndpoint.ToString(),
            ["deviceAuthorizationEndpoint"] = fixture.Tokens.DeviceAuthorizationEndpoint.ToString(),
            ["export"] = new JsonObject { ["instance_url"] = "response.instance_url" },
            ["identity"] = new JsonObject { ["responsePath"] = "user" },
        });
        var first = fixture.Tokens.AddAccount("device");
        fixture.Tokens.Next("device", Consent(fixture, out var value));
        await fixture.WriteSeedAsync("device", first.RefreshToken);
        await fixture.ApplyAsync("device", spec => (spec["provider"], spec["identity"], spec["scopes"]) = (provider, "marcus", new JsonArray("mail")));
        await IsPublishedAsync();

        var link = await EndAsync("for-the-page");
        using var browser = new PlainBrowser();
        await browser.OpenLinkAsync(new Uri(link));
        var begun = await browser.PostAsync(new Uri(link + "/code"));
        var waiting = await browser.OpenAsync(begun.Redirect!);
        var (device, user) = fixture.Tokens.DeviceCodes[^1];
        waiting.Text.Should().Contain(user).And.NotContain(device);
        await Eventually.IsTrueAsync(
            async () =>
            {
                await browser.OpenAsync(begun.Redirect!);
                return IsPolled(device);
            },
            "the page polls");
        fixture.Tokens.Next(device, Consent(fixture, out value));
        (await Eventually.SeesAsync(() => browser.OpenAsync(begun.Redirect!), page => !page.Text.Contains("http-equiv", StringComparison.Ordinal))).Text.Should().Contain("has your consent");
        await IsPublishedAsync();

        await EndAsync("for-the-plugin");
        var authorize = PluginFixture.RunAsAsync(cluster.Plane.AdminKubeconfig, "authorize", "device", "-n", fixture.Namespace, "--device");
        (device, _) = (await Eventually.SeesAsync(() => fixture.Tokens.DeviceCodes, codes => codes.Count == 2))[^1];
        await Eventually.IsTrueAsync(() => IsPolled(device), "the plugin polls");
        fixture.Tokens.Next(device, Consent(fixture, out value));
        var result = await authorize;
        result.ExitCode.Should().Be(0, result.Errors);
        await IsPublishedAsync();
        return result.Output + result.Errors;

        bool IsPolled(string code) => fixture.Tokens.Requests.Any(request => request.Form.GetValueOrDefault("device_code") == code);

        // The operator writes the Secret before the status.
        async Task IsPublishedAsync()
        {
            await Eventually.SeesAsync(() => fixture.SecretAsync("device"), secret => secret?["instance_url"] == value);
            await fixture.SeesAsync("device", "Stalled", "False");
        }

        // The owner ends the consent at the provider.
        async Task<string> EndAsync(string request)
        {
            fixture.Tokens.Next("device", ScriptedAnswer.Error(400, "invalid_grant", "Token has been revoked."));
            await fixture.HandledAsync("device", request);
            return (await Eventually.SeesAsync(() => fixture.GetAsync("device"), view => view.Reason("Stalled") == "ReauthorizationRequired" && view["authorizationURL"] is not null))["authorizationURL"]!;
        }
    }

    /// <summary>The response to a consent, with new tokens and a new value.</summary>
    private ScriptedAnswer Consent(OperatorFixture fixture, out string value)
    {
        var refreshToken = _canaries.New("refresh-token");
        fixture.Tokens.AddAccount("device", refreshToken);
        value = $"https://{_canaries.New("exported")}.example/";
        return ScriptedAnswer.Json(new JsonObject
        {
            ["access_token"] = _canaries.New("access-token"),
            ["expires_in"] = 3600,
            ["refresh_token"] = refreshToken,
            ["instance_url"] = value,
            ["user"] = "marcus",
        }.ToJsonString());
    }

    private void AddPrivateKey(string serviceAccount)
    {
        var pem = (string)JsonNode.Parse(serviceAccount)!["private_key"]!;
        foreach (var line in pem.Split('\n').Where(line => line.Length > 32 && !line.Contains("PRIVATE", StringComparison.Ordinal)))
            _canaries.Add("private key", line);
    }

    /// <summary>Answers of every class that contain the secrets of their request, and tokens that must not be stored.</summary>
    private async Task ProviderFailuresAsync(OperatorFixture fixture, string clientSecret)
    {
        var stray = _canaries.New("stray-token");
        var failures = new Dictionary<string, Func<string, ScriptedAnswer>>
        {
            ["dead"] = token => ScriptedAnswer.Error(400, "invalid_grant", $"Token {token} of {clientSecret} is dead"),
            ["policy"] = token => ScriptedAnswer.Error(400, "invalid_grant", token, "invalid_rapt"),
            ["limited"] = token => ScriptedAnswer.Error(429, token, clientSecret),
            ["broken"] = token => ScriptedAnswer.Error(503, clientSecret, token),
            ["html"] = token => ScriptedAnswer.Html(502) with { Body = $"<html>{token} {clientSecret}</html>" },
            ["nonsense"] = token => ScriptedAnswer.Json($"{token} {clientSecret}"),
            ["lifeless"] = token => ScriptedAnswer.Json($$"""{"access_token": "{{stray}}", "refresh_token": "{{stray}}", "error_uri": "{{token}}"}"""),
            ["negative"] = token => ScriptedAnswer.Json($$"""{"access_token": "{{stray}}", "expires_in": -1, "scope": "{{token}}"}"""),
            ["elsewhere"] = token => ScriptedAnswer.Redirect(302, new Uri(fixture.Tokens.Address, $"/{token}?{clientSecret}")),
            ["cut"] = _ => ScriptedAnswer.Cut,
            ["stalled"] = _ => ScriptedAnswer.Stall,
        };
        foreach (var (name, answer) in failures)
        {
            var grant = fixture.Tokens.AddAccount(name);
            fixture.Tokens.Always(name, answer(grant.RefreshToken));
            await fixture.WriteSeedAsync(name, grant.RefreshToken);
            await fixture.ApplyAsync(name);
        }

        foreach (var name in failures.Keys)
            await fixture.SeesAsync(name, "Refreshed", "False", within: TimeSpan.FromSeconds(60));
        // This answer stops all accounts of the client, so the account has its own client.
        var rejected = fixture.Tokens.AddAccount("rejected");
        var otherSecret = _canaries.New("client-secret");
        fixture.Tokens.Always("rejected", ScriptedAnswer.Error(401, "invalid_client", $"{otherSecret} {rejected.RefreshToken}"));
        await fixture.WriteSecretAsync("other-client", "credentials.json", $$"""{"client_id":"client-2","client_secret":"{{otherSecret}}"}""");
        await fixture.WriteSeedAsync("rejected", rejected.RefreshToken);
        await fixture.ApplyAsync("rejected", spec => spec["clientSecretRef"]!["name"] = "other-client");
        await fixture.SeesAsync("rejected", "Refreshed", "False", "ClientRejected");

        await fixture.AddAccountAsync("revoked", spec => spec["deletionPolicy"] = "Revoke");
        await fixture.ReadyAsync("revoked");
        await fixture.DeleteAsync("revoked");
    }

    /// <summary>Invalid seeds and clients that contain a secret, and a Secret of someone else.</summary>
    private async Task InputFailuresAsync(OperatorFixture fixture)
    {
        var (token, key) = (_canaries.New("refresh-token"), _canaries.New("private-key"));
        string[] seeds =
        [
            $$"""{"refresh_token": "{{token}}""",
            $$"""{"refresh_token": "{{token}}" "x": 1}""",
            $$"""{"refresh_token": ["{{token}}"]}""",
            $$"""{"refresh_token": "{{token}}\n"}""",
            $$"""{"refresh_token": "{{token}}", "refresh_token": "{{token}}"}""",
            $$"""{"type": "service_account", "private_key": "{{key}}"}""",
            $"my token: {token}",
        ];
        for (var i = 0; i < seeds.Length; i++)
        {
            await fixture.WriteSecretAsync($"bad-{i}-seed", "token.json", seeds[i]);
            await fixture.ApplyAsync($"bad-{i}");
        }

        fixture.Tokens.AddAccount("clientless", token);
        await fixture.WriteSecretAsync("bad-client", "credentials.json", $$"""{"client_id": "client-1", "client_secret": "{{key}}""");
        await fixture.WriteSeedAsync("clientless", token);
        await fixture.ApplyAsync("clientless", spec => spec["clientSecretRef"]!["name"] = "bad-client");
        await fixture.WriteSecretAsync("taken", "password", _canaries.New("theirs"));
        await fixture.AddAccountAsync("taken");
        for (var i = 0; i < seeds.Length; i++)
            await fixture.SeesAsync($"bad-{i}", "Stalled", "True", "SeedInvalid");
        await fixture.SeesAsync("clientless", "Stalled", "True", "ClientSecretInvalid");
        await fixture.SeesAsync("taken", "Stalled", "True", "SecretConflict");
    }

    /// <summary>The verbs, with valid and invalid files, and with a password that is refused.</summary>
    private async Task VerbsAsync(OperatorFixture fixture)
    {
        var (token, password) = (_canaries.New("typed-token"), _canaries.New("wrong-password"));
        var file = Path.Combine(cluster.Plane.Folder, $"{fixture.Namespace}.json");
        await File.WriteAllTextAsync(file, $$"""{"refresh_token": "{{token}}"}""");
        await SayAsync(fixture.RunVerbAsync("seed", file, "--account", "typed"));
        await File.WriteAllTextAsync(file, $$"""{"refresh_token": "{{token}}""");
        await SayAsync(fixture.RunVerbAsync("seed", file, "--account", "typed"));
        await SayAsync(fixture.RunVerbAsync("accounts", "list"));
        var wrong = new UriBuilder(fixture.Database.Uri) { Password = password }.Uri.AbsoluteUri;
        await SayAsync(fixture.RunVerbAsync([("DATABASE_URL", wrong)], "accounts", "list"));
        await SayAsync(fixture.RunVerbAsync([("DATABASE_URL", $"Host=x;Pasword={password}")], "accounts", "list"));
    }

    /// <summary>A server that quotes whole rows in its errors, a row that was moved, and a server that is away.</summary>
    private static async Task StoreFailuresAsync(OperatorFixture fixture)
    {
        await QuoteRowsAsync(fixture, "before update of token_data");
        await fixture.Postgres.ExecuteAsync(
            "update oauth_tokens set token_data = (select token_data from oauth_tokens where account = 'good') where account = 'limited'", fixture.Database.Name);
        await fixture.RequestRefreshAsync("good", "quoted");
        await fixture.SeesAsync("good", "Persisted", "False");
        await fixture.RequestRefreshAsync("limited", "moved");
        await fixture.SeesAsync("limited", "Stalled", "True", "StoredTokenInvalid");
        await fixture.Postgres.StopAsync(crash: true);
        await fixture.Postgres.StartAgainAsync();
        await fixture.Postgres.ExecuteAsync("drop trigger quote on oauth_tokens", fixture.Database.Name);
        await fixture.SeesAsync("good", "Persisted", "True", within: TimeSpan.FromSeconds(60));
    }

    /// <summary>Makes Postgres refuse to write the row of <c>good</c>, with an error that contains the row.</summary>
    private static Task QuoteRowsAsync(OperatorFixture fixture, string when) => fixture.Postgres.ExecuteAsync(
        $"""
        create function quote() returns trigger language plpgsql as $$ begin raise exception 'no: %', new; end $$;
        create trigger quote {when} on oauth_tokens for each row when (new.account = 'good') execute function quote();
        """,
        fixture.Database.Name);

    private async Task OutputHoldsOnlyAnAccessTokenAsync(OperatorFixture fixture)
    {
        var output = (await fixture.SecretAsync("output"))!;
        fixture.Tokens.IsValid(output["access_token"]!).Should().BeTrue();
        (await fixture.SecretAsync("device"))!["instance_url"].Should().NotBeNull("the value is in the Secret");
        var rest = (JsonObject)output.Json["data"]!.DeepClone();
        rest.Remove("access_token");
        _canaries.FoundIn("the rest of the written Secret", rest.ToJsonString() + output.Json["metadata"]!.ToJsonString()).Should().BeEmpty();
    }

    private void AddKey(TestKeyring keyring, string id)
    {
        var content = keyring.Add(id);
        _canaries.Add($"key {id}", content);
        _canaries.Add($"bytes of key {id}", Convert.FromBase64String(content));
    }

    private async Task SayAsync(Task<CommandResult> verb)
    {
        var result = await verb;
        lock (_said)
            _said.Append(result.Output).Append(result.Errors);
    }

    private static async Task<string> GetAsync(OperatorFixture fixture, string path)
    {
        using var http = new HttpClient { BaseAddress = fixture.Operator.Address };
        using var answer = await http.GetAsync(new Uri(path, UriKind.Relative));
        return await answer.Content.ReadAsStringAsync();
    }

    private static async Task<string> ReadAsync(string file)
    {
        // The file is being written to.
        using var reader = new StreamReader(new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return await reader.ReadToEndAsync();
    }

    private async Task<string> JsonAsync(string api, OperatorFixture fixture, string resource) =>
        (await cluster.Plane.GetAsync($"{api}/namespaces/{fixture.Namespace}/{resource}"))!.ToJsonString();
}
