namespace TokenOperator.EndToEndTests;

/// <summary>The verbs of kubectl oauthtoken that change something.</summary>
[Collection(PersonGroup.Name)]
public sealed class PluginActingTests(ClusterFixture cluster) : IAsyncLifetime
{
    private OperatorFixture _fixture = null!;
    private PluginFixture _person = null!;

    public async Task InitializeAsync()
    {
        _fixture = await OperatorFixture.StartAsync(cluster);
        _person = await PluginFixture.CreateAsync(cluster, _fixture);
    }

    public async Task DisposeAsync() => await _fixture.DisposeAsync();

    [Fact]
    public async Task Refresh_requests_one_refresh_and_reports_the_result()
    {
        var grant = await _fixture.AddAccountAsync("asked");
        await _fixture.ReadyAsync("asked");
        var before = _fixture.Tokens.AskedFor(grant.RefreshToken);
        var good = await _person.RunAsync("refresh", "asked", "--wait");
        good.ExitCode.Should().Be(0, good.Errors);
        good.Output.Should().StartWith($"Refreshed: the Secret {_fixture.Namespace}/asked holds a token that is valid until");
        _fixture.Tokens.AskedFor(grant.RefreshToken).Should().Be(before + 1);

        grant.IsRevoked = true;
        var dead = await _person.RunAsync("refresh", "asked", "--wait");
        dead.ExitCode.Should().Be(1);
        dead.Output.Should().Contain("asked: ReauthorizationRequired").And.Contain("Next: ");
        (await _person.RunAsync("refresh", "no-such")).ExitCode.Should().Be(4);
    }

    [Fact]
    public async Task Refresh_reports_a_timeout_when_no_operator_acts()
    {
        await _fixture.AddAccountAsync("unheard");
        await _fixture.ReadyAsync("unheard");
        await _fixture.Operator.StopAsync();
        var result = await _person.RunAsync("refresh", "unheard", "--wait", "--timeout", "1s");
        result.ExitCode.Should().Be(1);
        result.Errors.Should().Contain("did not refresh the token within 1s").And.Contain("kubectl oauthtoken doctor");
    }

    [Fact]
    public async Task Suspend_stops_refreshing_and_resume_starts_it_again()
    {
        await _fixture.AddAccountAsync("resting");
        await _fixture.ReadyAsync("resting");
        (await _person.RunAsync("suspend", "resting")).ExitCode.Should().Be(0);
        await _fixture.SeesAsync("resting", "Ready", "True", "Suspended");
        var suspended = await _person.RunAsync("status", "resting");
        suspended.ExitCode.Should().Be(0, "its token is still valid");
        suspended.Output.Should().Contain($"Next: kubectl oauthtoken resume resting -n {_fixture.Namespace}");
        (await _person.RunAsync("refresh", "resting")).ExitCode.Should().Be(5);
        (await _fixture.GetAsync("resting")).Json["metadata"]!["annotations"]?["tokenoperator.dev/refresh-requested-at"].Should().BeNull("a refused command changes nothing");
        (await _person.RunAsync("suspend", "resting")).Output.Should().Contain("is already suspended");

        (await _person.RunAsync("resume", "resting")).ExitCode.Should().Be(0);
        await _fixture.SeesAsync("resting", "Ready", "True", "Refreshed");
        (await _person.RunAsync("suspend", "no-such")).Errors.Should().Contain($"The OAuthToken {_fixture.Namespace}/no-such does not exist.");
    }

    [Fact]
    public async Task An_administrator_who_acts_as_someone_else_has_that_users_rights_only()
    {
        await _fixture.AddAccountAsync("guarded");
        await _fixture.ReadyAsync("guarded");
        var admin = cluster.Plane.AdminKubeconfig;
        var person = $"system:serviceaccount:{_fixture.Namespace}:person";
        var acting = _person.File("acting.kubeconfig");
        await File.WriteAllTextAsync(acting, (await File.ReadAllTextAsync(admin)).Replace("token: ", "as: jane\n    as-groups: [mail, shop]\n    token: ", StringComparison.Ordinal));

        foreach (var (kubeconfig, words) in new (string, string[])[] { (admin, ["--as", "jane"]), (admin, ["--as=jane", "--as-group", "mail", "--as-group", "shop", "--as-uid", "17"]), (acting, []) })
        {
            var refused = await PluginFixture.RunAsAsync(kubeconfig, [.. words, "suspend", "guarded", "-n", _fixture.Namespace]);
            refused.ExitCode.Should().Be(5, refused.Errors);
            refused.Errors.Should().Contain("User \"jane\" cannot get resource \"oauthtokens\"");
        }

        (await PluginFixture.RunAsAsync(admin, "status", "guarded", "-n", _fixture.Namespace, "--as", person)).ExitCode.Should().Be(0);
        (await PluginFixture.RunAsAsync(admin, "status", "guarded", "-n", _fixture.Namespace, "--as", "jane", "--as-group", "mail", "--as-group", "system:masters")).ExitCode
            .Should().Be(0, "each group reaches the API server");
        (await PluginFixture.RunAsAsync(admin, "status", "-n", _fixture.Namespace, "--as-group", "mail")).Errors.Should().Contain("--as");
        (await _fixture.GetAsync("guarded")).Json["spec"]!["suspend"]!.GetValue<bool>().Should().BeFalse();
    }

    [Fact]
    public async Task Seed_fixes_an_account_whose_refresh_token_is_dead()
    {
        var grant = await _fixture.AddAccountAsync("dead");
        await _fixture.ReadyAsync("dead");
        grant.IsRevoked = true;
        await _fixture.RequestRefreshAsync("dead");
        await _fixture.SeesAsync("dead", "Stalled", "True", "ReauthorizationRequired");

        var consented = _fixture.Tokens.AddAccount("dead");
        var result = await _person.RunAsync("seed", "dead", "--from-file", await FileAsync(consented.RefreshToken));
        result.ExitCode.Should().Be(0, result.Output + result.Errors);
        result.Output.Should().Contain("Ready: ").And.NotContain(consented.RefreshToken);
        result.Errors.Should().Contain("Waiting up to 1m until");
        (await _fixture.GetAsync("dead")).Status("Refreshed").Should().Be("True");
    }

    [Fact]
    public async Task Seed_creates_the_Secret_and_names_it_in_an_object_that_names_none()
    {
        await _fixture.ApplyAsync("bare", spec => spec.Remove("seedSecretRef"));
        await _fixture.SeesAsync("bare", "Stalled", "True", "SeedMissing");
        var result = await _person.RunAsync("seed", "bare", "--from-file", await FileAsync(_fixture.Tokens.AddAccount("bare").RefreshToken));
        result.ExitCode.Should().Be(0, result.Output + result.Errors);
        ((string?)(await _fixture.GetAsync("bare")).Json["spec"]!["seedSecretRef"]!["name"]).Should().Be("bare-seed");

        var again = await _person.RunAsync("seed", "bare", "--from-file", await FileAsync("another"));
        again.ExitCode.Should().Be(0);
        again.Output.Should().Contain("is Ready with its current refresh token");
    }

    [Fact]
    public async Task A_dead_seed_is_reported_before_the_timeout()
    {
        await _fixture.ApplyAsync("hopeless");
        await _fixture.SeesAsync("hopeless", "Stalled", "True", "SeedMissing");
        var grant = _fixture.Tokens.AddAccount("hopeless");
        grant.IsRevoked = true;
        var result = await _person.RunAsync("seed", "hopeless", "--from-file", await FileAsync(grant.RefreshToken), "--timeout", "1h");
        result.ExitCode.Should().Be(1);
        result.Output.Should().Contain("hopeless: ReauthorizationRequired");
    }

    [Fact]
    public async Task Seed_refuses_a_file_without_a_token_and_a_Secret_of_another_use_and_writes_nothing()
    {
        await _fixture.ApplyAsync("strict", spec => spec.Remove("seedSecretRef"));
        var file = _person.File("wrong.json");
        await File.WriteAllTextAsync(file, """{"installed": {"client_id": "x", "client_secret": "marked-secret"}}""");
        var wrong = await _person.RunAsync("seed", "strict", "--from-file", file);
        wrong.ExitCode.Should().Be(2);
        wrong.Errors.Should().Contain("an OAuth client file (credentials.json) was found").And.NotContain("marked-secret");
        (await _fixture.SecretAsync("strict-seed")).Should().BeNull();
        (await _person.RunAsync("seed", "strict", "--from-file", "/does/not/exist")).ExitCode.Should().Be(2);

        await _fixture.WriteSecretAsync("strict-seed", "password", "of someone else");
        var taken = await _person.RunAsync("seed", "strict", "--from-file", await FileAsync("token"));
        taken.ExitCode.Should().Be(5);
        (await _fixture.SecretAsync("strict-seed"))!.Keys.Should().Equal("password");
    }

    private async Task<string> FileAsync(string refreshToken)
    {
        var file = _person.File($"{Guid.NewGuid():N}.json");
        await File.WriteAllTextAsync(file, $$"""{"refresh_token": "{{refreshToken}}"}""");
        return file;
    }
}
