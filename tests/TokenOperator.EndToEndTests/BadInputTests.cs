using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>For every mistake the status says what is wrong, where, and what to do.</summary>
[Collection(ClusterGroup.Name)]
public sealed class BadInputTests(ClusterFixture cluster) : IAsyncLifetime
{
    private const string Canary = "marked-secret-4711";
    private OperatorFixture _fixture = null!;

    public async Task InitializeAsync() => _fixture = await cluster.SharedFixtureAsync();

    public Task DisposeAsync() => Task.CompletedTask;

    [Theory]
    [InlineData("provider", "unheard-of", "UnknownProvider", "docs/providers.md")]
    [InlineData("refreshBefore", "0", "InvalidSpec", "duration")]
    [InlineData("refreshBefore", "-1m", "InvalidSpec", "duration")]
    [InlineData("refreshBefore", "banana", "InvalidSpec", "duration")]
    [InlineData("refreshBefore", "30s", "InvalidSpec", "at least 1m")]
    public async Task An_invalid_spec_is_reported_by_a_condition(string field, string value, string reason, string says)
    {
        var name = $"bad-{field.ToLowerInvariant()}-{value.Trim('-')}";
        await _fixture.AddAccountAsync(name, spec => spec[field] = value);
        var view = await _fixture.SeesAsync(name, "Ready", "False", reason);
        view.Message("Ready").Should().Contain(value).And.Contain(says);
        view.Status("Stalled").Should().Be("True");
    }

    [Fact]
    public async Task A_refreshBefore_longer_than_the_lifetime_refreshes_at_half_of_it()
    {
        await _fixture.AddAccountAsync("hasty", spec => spec["refreshBefore"] = "9h");
        var view = await _fixture.ReadyAsync("hasty");
        var left = DateTimeOffset.Parse(view["expiresAt"]!) - DateTimeOffset.Parse(view["nextRefreshTime"]!);
        left.Should().BeGreaterThan(TimeSpan.FromMinutes(29)).And.BeLessThan(TimeSpan.FromMinutes(34));
    }

    [Theory]
    [InlineData("", "spec.account")]
    [InlineData("bell\a", "spec.account")]
    [InlineData("long", "spec.account")]
    public async Task An_account_name_that_is_empty_or_huge_or_has_control_characters_is_refused_when_it_is_applied(string account, string says)
    {
        var act = () => _fixture.ApplyAsync("bad-account", spec => spec["account"] = account == "long" ? new string('x', 10240) : account);
        (await act.Should().ThrowAsync<InvalidOperationException>()).Which.Message.Should().Contain(says);
    }

    [Theory]
    [InlineData("scopes", "\e]52;c;aGk=\a")]
    [InlineData("scopes", "a\nNext: b")]
    [InlineData("scopes", "a\u202eb")]
    [InlineData("scopes", "long")]
    [InlineData("identity", "a\u2066b")]
    [InlineData("account", "a\u202eb")]
    [InlineData("provider", "a\e[31mb")]
    public async Task Text_that_acts_on_its_reader_is_refused_when_it_is_applied(string field, string text)
    {
        var value = text == "long" ? new string('x', 50_000) : text;
        var act = () => _fixture.ApplyAsync("acting", spec => spec[field] = field == "scopes" ? new System.Text.Json.Nodes.JsonArray(value) : value);
        (await act.Should().ThrowAsync<InvalidOperationException>()).Which.Message.Should().Contain($"spec.{field}");
    }

    [Theory]
    [InlineData("missing", null, "ClientSecretMissing", "does not exist")]
    [InlineData("wrong-key", "other.json", "ClientSecretMissing", "other.json")]
    [InlineData("empty", "", "ClientSecretInvalid", "empty")]
    [InlineData("malformed", "{\"installed\": marked-secret-4711", "ClientSecretInvalid", "JSON")]
    [InlineData("truncated", "{\"installed\": {\"client_id\": \"a\", \"client_secret\": \"marked-secret-4711\"", "ClientSecretInvalid", "JSON")]
    [InlineData("wrong-kind", "{\"type\": \"service_account\", \"private_key\": \"marked-secret-4711\", \"client_id\": \"1\"}", "ClientSecretInvalid", "service account")]
    [InlineData("half", "{\"installed\": {\"client_id\": \"a\"}}", "ClientSecretInvalid", "client_secret")]
    public async Task An_invalid_client_file_is_reported_with_Secret_and_key(string kind, string? content, string reason, string says)
    {
        var (name, secret) = ($"with-client-{kind}", $"client-{kind}");
        if (kind == "wrong-key")
            await _fixture.WriteSecretAsync(secret, content!, "{}");
        else if (content is not null)
            await _fixture.WriteSecretAsync(secret, "credentials.json", content);
        await _fixture.AddAccountAsync(name, spec => spec["clientSecretRef"]!["name"] = secret);
        var view = await _fixture.SeesAsync(name, "Ready", "False", reason);
        view.Message("Ready").Should().Contain($"{_fixture.Namespace}/{secret}").And.Contain(says).And.NotContain(Canary);
        view.Status("Stalled").Should().Be("True");

        await _fixture.WriteSecretAsync(secret, "credentials.json", """{"web": {"client_id": "client-1", "client_secret": "s"}}""");
        await _fixture.ReadyAsync(name);
    }

    [Theory]
    [InlineData("empty", "")]
    [InlineData("malformed", "{\"refresh_token\": marked-secret-4711")]
    [InlineData("no-refresh-token", "{\"access_token\": \"marked-secret-4711\", \"expires_in\": 3599}")]
    [InlineData("client-file", "{\"installed\": {\"client_id\": \"a\", \"client_secret\": \"marked-secret-4711\"}}")]
    [InlineData("list", "[\"marked-secret-4711\"]")]
    [InlineData("pickle", "\u0080\u0003}marked-secret-4711")]
    public async Task An_invalid_seed_is_reported_with_Secret_and_key_and_a_valid_one_fixes_it(string kind, string content)
    {
        var name = $"seed-{kind}";
        var grant = _fixture.Tokens.AddAccount(name);
        await _fixture.WriteSecretAsync($"{name}-seed", "token.json", content);
        await _fixture.ApplyAsync(name);
        var view = await _fixture.SeesAsync(name, "Ready", "False", "SeedInvalid");
        view.Message("Ready").Should().Contain($"{_fixture.Namespace}/{name}-seed").And.Contain("token.json").And.NotContain(Canary);
        await _fixture.WriteSeedAsync(name, grant.RefreshToken);
        await _fixture.ReadyAsync(name);
    }

    [Fact]
    public async Task A_seed_that_is_created_later_is_picked_up_automatically()
    {
        var grant = _fixture.Tokens.AddAccount("patient");
        await _fixture.ApplyAsync("patient");
        (await _fixture.SeesAsync("patient", "Ready", "False", "SeedMissing")).Message("Ready").Should().Contain($"{_fixture.Namespace}/patient-seed");
        await _fixture.WriteSeedAsync("patient", grant.RefreshToken);
        await _fixture.ReadyAsync("patient");
    }

    [Theory]
    [InlineData("DATABASE_URL", "", "DATABASE_URL")]
    [InlineData("DATABASE_URL", "postgresql://u:marked-secret-4711@", "DATABASE_URL")]
    [InlineData("Concurrency", "many", "Concurrency")]
    [InlineData("Http__Port", "-1", "Http__Port")]
    [InlineData("LeaderElection__Enabled", "perhaps", "LeaderElection__Enabled")]
    [InlineData("Logging__Format", "xml", "Logging__Format")]
    [InlineData("Providers__google__TokenEndpoint", "nowhere", "Providers__google__TokenEndpoint")]
    [InlineData(TestKeyring.Setting, "", "set Encryption=None")]
    [InlineData(TestKeyring.Setting, "/does/not/exist", "/does/not/exist")]
    [InlineData("Encryption", "marked-secret-4711", "Encryption")]
    public async Task A_wrong_setting_stops_the_start_with_its_name_and_without_its_password(string setting, string value, string says)
    {
        var result = await Command.RunAsync(
            OperatorProgram.Starter, [OperatorProgram.Path, "run"],
            environment: new Dictionary<string, string?> { ["DATABASE_URL"] = _fixture.Database.Uri, ["KUBECONFIG"] = cluster.OperatorKubeconfig, [TestKeyring.Setting] = TestKeyring.Shared.Folder, [setting] = value });
        result.ExitCode.Should().Be(2, result.Errors);
        result.Errors.Should().Contain(says).And.NotContain(Canary);
        result.Errors.Trim().Split('\n').Should().HaveCount(1, "a sentence, not a stack trace");
    }

    [Fact]
    public async Task An_incompatible_table_stops_the_start_and_is_left_as_it_is()
    {
        await using var fixture = await OperatorFixture.CreateAsync(cluster);
        await fixture.Postgres.ExecuteAsync("create table oauth_tokens (id int, provider text, account text, token_data bytea)", fixture.Database.Name);
        var result = await Command.RunAsync(
            OperatorProgram.Starter, [OperatorProgram.Path, "run"],
            environment: new Dictionary<string, string?> { ["DATABASE_URL"] = fixture.Database.Uri, ["KUBECONFIG"] = cluster.OperatorKubeconfig, [TestKeyring.Setting] = TestKeyring.Shared.Folder });
        result.ExitCode.Should().Be(1, result.Errors);
        result.Errors.Should().Contain("token_data").And.Contain("bytea");
        (await fixture.QueryAsync("select count(*) from information_schema.columns where table_name = 'oauth_tokens'")).Should().Be("4");
    }
}
