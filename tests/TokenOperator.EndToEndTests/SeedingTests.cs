using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>The ways to import accounts: seed Secrets, the command line, and the existing table of an application.</summary>
[Collection(ClusterGroup.Name)]
public sealed class SeedingTests(ClusterFixture cluster)
{
    [Fact]
    public async Task A_running_operator_picks_up_an_account_that_the_command_line_seeds()
    {
        await using var fixture = await OperatorFixture.StartAsync(cluster);
        var grant = fixture.Tokens.AddAccount("typed");
        await fixture.ApplyAsync("typed", spec => spec.Remove("seedSecretRef"));
        (await fixture.SeesAsync("typed", "Ready", "False", "SeedMissing")).Message("Ready").Should().Contain("token-operator seed FILE --provider google --account typed");

        var file = Path.Combine(cluster.Plane.Folder, "typed.json");
        await File.WriteAllTextAsync(file, $$"""{"token": "old", "refresh_token": "{{grant.RefreshToken}}", "expiry": "2020-01-01T00:00:00Z"}""");
        var result = await fixture.RunVerbAsync("seed", file, "--provider", "google", "--account", "typed", "--namespace", fixture.Namespace);
        result.ExitCode.Should().Be(0, result.Errors);
        // Nothing but the notification of Postgres tells the operator.
        await fixture.ReadyAsync("typed");
        result.Output.Should().Contain(fixture.Namespace).And.NotContain(grant.RefreshToken);

        var again = await fixture.RunVerbAsync("seed", file, "--account", "typed", "--namespace", fixture.Namespace);
        again.ExitCode.Should().Be(0, "the same file again changes nothing");
        await File.WriteAllTextAsync(file, """{"refresh_token": "another"}""");
        (await fixture.RunVerbAsync("seed", file, "--account", "typed")).ExitCode.Should().Be(5, "a working token is not overwritten without --replace");
        fixture.Tokens.AskedFor(grant.RefreshToken).Should().Be(1);
    }

    [Fact]
    public async Task The_existing_table_of_an_application_is_adopted_and_the_command_line_assigns_its_row()
    {
        await using var fixture = await OperatorFixture.CreateAsync(cluster);
        var grant = fixture.Tokens.AddAccount("adopted");
        await fixture.Postgres.ExecuteAsync(
            $$$"""
            create table oauth_tokens (id serial primary key, provider text not null, account text not null, token_data jsonb not null,
              expires_at timestamptz, created_at timestamptz default now(), updated_at timestamptz default now(), unique (provider, account));
            insert into oauth_tokens (provider, account, token_data, expires_at) values
              ('google', 'adopted', '{"access_token": "old", "refresh_token": "{{{grant.RefreshToken}}}", "expires_at": 1577836800.5, "extra": {"kept": true}}', '2020-01-01');
            """,
            fixture.Database.Name);
        await fixture.StartOperatorAsync();
        await fixture.ApplyAsync("adopted", spec => spec.Remove("seedSecretRef"));
        (await fixture.SeesAsync("adopted", "Ready", "False", "AccountNotAllowed")).Message("Ready")
            .Should().Contain($"token-operator accounts allow google adopted --namespace {fixture.Namespace}");
        fixture.Tokens.AskedFor(grant.RefreshToken).Should().Be(0);

        (await fixture.RunVerbAsync("accounts", "allow", "google", "adopted", "--namespace", fixture.Namespace)).ExitCode.Should().Be(0);
        await fixture.ReadyAsync("adopted");
        (await fixture.StoredDocumentAsync("adopted")).Should().Contain("\"extra\":{\"kept\":true}", "nothing of the app's is lost");
        (await fixture.QueryAsync("select token_data::text from oauth_tokens")).Should().Contain("ciphertext").And.NotContain("extra", "what was plain text is encrypted at its next write");
        var list = await fixture.RunVerbAsync("accounts", "list");
        list.Output.Should().Contain("adopted").And.Contain(fixture.Namespace).And.NotContain(grant.RefreshToken);
    }

    [Fact]
    public async Task An_adopted_row_goes_to_the_namespace_whose_seed_holds_the_same_refresh_token()
    {
        await using var fixture = await OperatorFixture.StartAsync(cluster);
        var grant = fixture.Tokens.AddAccount("proven");
        var file = Path.Combine(cluster.Plane.Folder, "proven.json");
        await File.WriteAllTextAsync(file, $$"""{"refresh_token": "{{grant.RefreshToken}}"}""");
        (await fixture.RunVerbAsync("seed", file, "--account", "proven")).ExitCode.Should().Be(0);
        await fixture.WriteSeedAsync("proven", grant.RefreshToken);
        await fixture.ApplyAsync("proven");
        await fixture.ReadyAsync("proven");
        (await fixture.QueryAsync("select array_to_string(namespaces, ',') from oauth_tokens")).Should().Be(fixture.Namespace);
    }

    [Fact]
    public async Task Another_namespace_gets_no_token_of_a_foreign_account()
    {
        await using var fixture = await OperatorFixture.StartAsync(cluster);
        var grant = await fixture.AddAccountAsync("owned");
        await fixture.ReadyAsync("owned");
        await fixture.Operator.StopAsync();
        (await fixture.RunVerbAsync("accounts", "release", "google", "owned")).ExitCode.Should().Be(0);
        (await fixture.RunVerbAsync("accounts", "allow", "google", "owned", "--namespace", "elsewhere")).ExitCode.Should().Be(0);
        await fixture.StartOperatorAsync();

        await fixture.WriteSeedAsync("intruder", "its own");
        await fixture.ApplyAsync("intruder", spec => spec["account"] = "owned");
        await fixture.SeesAsync("intruder", "Ready", "False", "AccountNotAllowed");
        (await fixture.SecretAsync("intruder")).Should().BeNull();
        fixture.Tokens.AskedFor(grant.RefreshToken).Should().Be(1);
    }

    [Fact]
    public async Task A_denied_namespace_loses_its_Secret_and_its_seed_does_not_restore_it()
    {
        await using var fixture = await OperatorFixture.StartAsync(cluster);
        var grant = await fixture.AddAccountAsync("denied");
        await fixture.ReadyAsync("denied");

        var result = await fixture.RunVerbAsync("accounts", "deny", "google", "denied", "--namespace", fixture.Namespace);
        result.ExitCode.Should().Be(0, result.Errors);
        result.Output.Should().Contain($"none. Denied: {fixture.Namespace}");
        var view = await fixture.SeesAsync("denied", "Ready", "False", "AccountNotAllowed");
        view["expiresAt"].Should().BeNull();
        (await fixture.SecretAsync("denied")).Should().BeNull();

        // The seed that it still has does not help.
        (await fixture.HandledAsync("denied", "try")).Reason("Ready").Should().Be("AccountNotAllowed");
        await fixture.WriteSeedAsync("denied", grant.RefreshToken);
        await fixture.ApplyAsync("again", spec => (spec["account"], spec["seedSecretRef"]!["name"]) = ("denied", "denied-seed"));
        await fixture.SeesAsync("again", "Ready", "False", "AccountNotAllowed");
        (await fixture.SecretAsync("again")).Should().BeNull();
        (await fixture.RunVerbAsync("accounts", "list")).Output.Should().MatchRegex($"denied +- +{fixture.Namespace}");

        (await fixture.RunVerbAsync("accounts", "allow", "google", "denied", "--namespace", fixture.Namespace)).ExitCode.Should().Be(0);
        await fixture.ReadyAsync("denied");
        (await fixture.SecretAsync("denied"))!["access_token"].Should().NotBeNull();
        fixture.Tokens.AskedFor(grant.RefreshToken).Should().Be(1, "the token was fresh all the time");
    }

    [Fact]
    public async Task A_released_account_goes_to_a_namespace_that_holds_its_refresh_token_and_to_no_other()
    {
        await using var fixture = await OperatorFixture.StartAsync(cluster);
        await fixture.AddAccountAsync("kept");
        await fixture.AddAccountAsync("lost");
        await fixture.ReadyAsync("kept");
        await fixture.ReadyAsync("lost");
        await fixture.WriteSeedAsync("lost", "another-refresh-token");

        foreach (var account in new[] { "kept", "lost" })
            (await fixture.RunVerbAsync("accounts", "release", "google", account)).ExitCode.Should().Be(0);

        await fixture.SeesAsync("lost", "Ready", "False", "AccountNotAllowed");
        (await fixture.SecretAsync("lost")).Should().BeNull();
        await Eventually.SeesAsync(() => fixture.QueryAsync("select array_to_string(namespaces, ',') from oauth_tokens where account = 'kept'"), owner => owner == fixture.Namespace);
        await fixture.ReadyAsync("kept");
        (await fixture.RunVerbAsync("accounts", "release", "google", "nobody")).ExitCode.Should().Be(4);
    }

    [Fact]
    public async Task A_mistake_on_the_command_line_is_answered_with_a_sentence_and_an_exit_code()
    {
        await using var fixture = await OperatorFixture.CreateAsync(cluster);
        var file = Path.Combine(cluster.Plane.Folder, "mistake.json");
        await File.WriteAllTextAsync(file, """{"type": "service_account", "private_key": "marked-secret"}""");
        var wrongKind = await fixture.RunVerbAsync("seed", file, "--account", "x");
        wrongKind.ExitCode.Should().Be(2);
        wrongKind.Errors.Should().Contain("mistake.json").And.Contain("service account").And.NotContain("marked-secret");

        (await fixture.RunVerbAsync("seed", "/does/not/exist", "--account", "x")).ExitCode.Should().Be(2);
        (await fixture.RunVerbAsync("seed", file)).ExitCode.Should().Be(2);
        (await fixture.RunVerbAsync("accounts", "allow", "google", "nobody", "--namespace", "mail")).ExitCode.Should().Be(4);
        (await fixture.RunVerbAsync("migrate", "down")).ExitCode.Should().Be(5);
        (await fixture.RunVerbAsync("fly")).ExitCode.Should().Be(2);
        (await fixture.RunVerbAsync("version")).Output.Should().StartWith("token-operator ");
        (await fixture.RunVerbAsync("migrate", "status")).ExitCode.Should().Be(0);
        foreach (var verb in new string[][] { [], ["run"], ["migrate"], ["seed"], ["accounts"], ["accounts", "allow"], ["version"] })
            (await fixture.RunVerbAsync([.. verb, "--help"])).Output.Should().Contain("Usage:");
    }

    [Fact]
    public async Task Two_objects_with_their_own_dead_seeds_import_each_seed_once()
    {
        await using var fixture = await OperatorFixture.StartAsync(cluster);
        foreach (var name in new[] { "one", "two" })
        {
            await fixture.WriteSeedAsync(name, $"dead-{name}");
            await fixture.ApplyAsync(name, spec => spec["account"] = "shared");
            await fixture.SeesAsync(name, "Stalled", "True", "ReauthorizationRequired");
        }

        foreach (var round in new[] { "1", "2" })
        {
            foreach (var name in new[] { "one", "two" })
            {
                await fixture.RequestRefreshAsync(name, round);
                await Eventually.SeesAsync(() => fixture.GetAsync(name), view => view["lastHandledRefreshRequest"] == round);
            }
        }

        (await fixture.QueryAsync("select generation from oauth_tokens")).Should().Be("1", "the first seed, then the second, and neither again");
    }

    [Fact]
    public async Task A_row_that_was_edited_by_hand_is_left_unchanged_and_used_again_when_it_is_fixed()
    {
        await using var fixture = await OperatorFixture.StartAsync(cluster);
        var grant = await fixture.AddAccountAsync("edited");
        await fixture.ReadyAsync("edited");
        await fixture.Operator.StopAsync();
        var good = await fixture.QueryAsync("select token_data from oauth_tokens");
        await fixture.QueryAsync("update oauth_tokens set token_data = '[1, 2]'");
        await fixture.StartOperatorAsync();
        (await fixture.SeesAsync("edited", "Stalled", "True", "StoredTokenInvalid")).Message("Stalled").Should().Contain("Fix it");
        (await fixture.QueryAsync("select token_data from oauth_tokens")).Should().Be("[1, 2]");

        await fixture.QueryAsync($"update oauth_tokens set token_data = '{good}'");
        await fixture.RefreshAsync("edited", "fixed");
        (await fixture.StoredTokenAsync("edited"))!.RefreshToken!.Reveal().Should().Be(grant.RefreshToken);
    }

    [Fact]
    public async Task A_new_seed_helps_all_objects_of_the_account_at_once()
    {
        await using var fixture = await OperatorFixture.StartAsync(cluster);
        var grant = await fixture.AddAccountAsync("host");
        await fixture.ReadyAsync("host");
        await fixture.ApplyAsync("guest", spec =>
        {
            spec["account"] = "host";
            spec.Remove("seedSecretRef");
        });
        await fixture.ReadyAsync("guest");
        grant.IsRevoked = true;
        foreach (var name in new[] { "host", "guest" })
        {
            await fixture.RequestRefreshAsync(name);
            await fixture.SeesAsync(name, "Stalled", "True", "ReauthorizationRequired");
        }

        var consented = fixture.Tokens.AddAccount("host");
        await fixture.WriteSeedAsync("host", consented.RefreshToken);
        // The automatic retry comes a minute later at the earliest.
        await fixture.SeesAsync("host", "Refreshed", "True");
        await fixture.SeesAsync("guest", "Refreshed", "True");
        fixture.Tokens.AskedFor(consented.RefreshToken).Should().Be(1);
        fixture.Tokens.IsValid((await fixture.SecretAsync("guest"))!["access_token"]!).Should().BeTrue();
    }
}
