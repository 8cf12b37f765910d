using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>How accounts come in: seed Secrets, the command line, and a table that an app has already.</summary>
[Collection(ClusterGroup.Name)]
public sealed class SeedingTests(ClusterFixture cluster)
{
    private static readonly TimeSpan Promise = TimeSpan.FromSeconds(2);

    [Fact]
    public async Task A_running_operator_that_waits_for_an_account_picks_up_what_the_command_line_seeds()
    {
        await using var bed = await OperatorBed.StartAsync(cluster);
        var grant = bed.Tokens.AddAccount("typed");
        await bed.ApplyAsync("typed", spec => spec.Remove("seedSecretRef"));
        (await bed.SeesAsync("typed", "Ready", "False", "SeedMissing")).Message("Ready").Should().Contain("token-operator seed FILE --provider google --account typed");

        var file = Path.Combine(cluster.Plane.Folder, "typed.json");
        await File.WriteAllTextAsync(file, $$"""{"token": "old", "refresh_token": "{{grant.RefreshToken}}", "expiry": "2020-01-01T00:00:00Z"}""");
        var result = await bed.RunVerbAsync("seed", file, "--provider", "google", "--account", "typed", "--namespace", bed.Namespace);
        result.ExitCode.Should().Be(0, result.Errors);
        await bed.SeesAsync("typed", "Ready", "True", within: Promise);
        result.Output.Should().Contain(bed.Namespace).And.NotContain(grant.RefreshToken);

        var again = await bed.RunVerbAsync("seed", file, "--account", "typed", "--namespace", bed.Namespace);
        again.ExitCode.Should().Be(0, "the same file again changes nothing");
        await File.WriteAllTextAsync(file, """{"refresh_token": "another"}""");
        (await bed.RunVerbAsync("seed", file, "--account", "typed")).ExitCode.Should().Be(5, "what works is not overwritten unasked");
        bed.Tokens.AskedFor(grant.RefreshToken).Should().Be(1);
    }

    [Fact]
    public async Task A_table_that_an_app_has_already_is_adopted_and_its_row_given_away_by_the_command_line()
    {
        await using var bed = await OperatorBed.CreateAsync(cluster);
        var grant = bed.Tokens.AddAccount("adopted");
        await bed.Postgres.ExecuteAsync(
            $$$"""
            create table oauth_tokens (id serial primary key, provider text not null, account text not null, token_data jsonb not null,
              expires_at timestamptz, created_at timestamptz default now(), updated_at timestamptz default now(), unique (provider, account));
            insert into oauth_tokens (provider, account, token_data, expires_at) values
              ('google', 'adopted', '{"access_token": "old", "refresh_token": "{{{grant.RefreshToken}}}", "expires_at": 1577836800.5, "extra": {"kept": true}}', '2020-01-01');
            """,
            bed.Database.Name);
        await bed.StartOperatorAsync();
        await bed.ApplyAsync("adopted", spec => spec.Remove("seedSecretRef"));
        (await bed.SeesAsync("adopted", "Ready", "False", "AccountNotAllowed")).Message("Ready")
            .Should().Contain($"token-operator accounts allow google adopted --namespace {bed.Namespace}");
        bed.Tokens.AskedFor(grant.RefreshToken).Should().Be(0);

        (await bed.RunVerbAsync("accounts", "allow", "google", "adopted", "--namespace", bed.Namespace)).ExitCode.Should().Be(0);
        await bed.SeesAsync("adopted", "Ready", "True", within: Promise);
        (await bed.StoredDocumentAsync("adopted")).Should().Contain("\"extra\":{\"kept\":true}", "nothing of the app's is lost");
        (await bed.QueryAsync("select token_data::text from oauth_tokens")).Should().Contain("ciphertext").And.NotContain("extra", "what was plain text is encrypted at its next write");
        var list = await bed.RunVerbAsync("accounts", "list");
        list.Output.Should().Contain("adopted").And.Contain(bed.Namespace).And.NotContain(grant.RefreshToken);
    }

    [Fact]
    public async Task An_adopted_row_goes_to_the_namespace_whose_seed_holds_the_same_refresh_token()
    {
        await using var bed = await OperatorBed.StartAsync(cluster);
        var grant = bed.Tokens.AddAccount("proven");
        var file = Path.Combine(cluster.Plane.Folder, "proven.json");
        await File.WriteAllTextAsync(file, $$"""{"refresh_token": "{{grant.RefreshToken}}"}""");
        (await bed.RunVerbAsync("seed", file, "--account", "proven")).ExitCode.Should().Be(0);
        await bed.WriteSeedAsync("proven", grant.RefreshToken);
        await bed.ApplyAsync("proven");
        await bed.ReadyAsync("proven");
        (await bed.QueryAsync("select array_to_string(namespaces, ',') from oauth_tokens")).Should().Be(bed.Namespace);
    }

    [Fact]
    public async Task Another_namespace_gets_no_token_of_an_account_that_is_not_its_own()
    {
        await using var bed = await OperatorBed.StartAsync(cluster);
        var grant = await bed.AddAccountAsync("owned");
        await bed.ReadyAsync("owned");
        await bed.Postgres.ExecuteAsync("update oauth_tokens set namespaces = '{elsewhere}'", bed.Database.Name);
        await bed.Operator.StopAsync();
        await bed.StartOperatorAsync();

        await bed.WriteSeedAsync("intruder", "its own");
        await bed.ApplyAsync("intruder", spec => spec["account"] = "owned");
        await bed.SeesAsync("intruder", "Ready", "False", "AccountNotAllowed");
        (await bed.SecretAsync("intruder")).Should().BeNull();
        bed.Tokens.AskedFor(grant.RefreshToken).Should().Be(1);
    }

    [Fact]
    public async Task A_namespace_that_is_denied_loses_its_Secret_and_its_seed_does_not_get_it_back()
    {
        await using var bed = await OperatorBed.StartAsync(cluster);
        var grant = await bed.AddAccountAsync("denied");
        await bed.ReadyAsync("denied");

        var result = await bed.RunVerbAsync("accounts", "deny", "google", "denied", "--namespace", bed.Namespace);
        result.ExitCode.Should().Be(0, result.Errors);
        result.Output.Should().Contain($"none. Denied: {bed.Namespace}");
        var view = await bed.SeesAsync("denied", "Ready", "False", "AccountNotAllowed");
        view["expiresAt"].Should().BeNull();
        (await bed.SecretAsync("denied")).Should().BeNull();

        // Whatever it tries with the seed that it still has.
        await bed.RequestRefreshAsync("denied", "try");
        await bed.WriteSeedAsync("denied", grant.RefreshToken);
        await bed.ApplyAsync("again", spec => (spec["account"], spec["seedSecretRef"]!["name"]) = ("denied", "denied-seed"));
        await bed.SeesAsync("again", "Ready", "False", "AccountNotAllowed");
        (await bed.SecretAsync("again")).Should().BeNull();
        (await bed.RunVerbAsync("accounts", "list")).Output.Should().MatchRegex($"denied +- +{bed.Namespace}");

        (await bed.RunVerbAsync("accounts", "allow", "google", "denied", "--namespace", bed.Namespace)).ExitCode.Should().Be(0);
        await bed.ReadyAsync("denied");
        (await bed.SecretAsync("denied"))!["access_token"].Should().NotBeNull();
        bed.Tokens.AskedFor(grant.RefreshToken).Should().Be(1, "the token was fresh all the time");
    }

    [Fact]
    public async Task An_account_that_is_released_goes_to_who_holds_its_refresh_token_and_is_lost_to_all_others()
    {
        await using var bed = await OperatorBed.StartAsync(cluster);
        await bed.AddAccountAsync("kept");
        await bed.AddAccountAsync("lost");
        await bed.ReadyAsync("kept");
        await bed.ReadyAsync("lost");
        await bed.WriteSeedAsync("lost", "another-refresh-token");

        foreach (var account in new[] { "kept", "lost" })
            (await bed.RunVerbAsync("accounts", "release", "google", account)).ExitCode.Should().Be(0);

        await bed.SeesAsync("lost", "Ready", "False", "AccountNotAllowed");
        (await bed.SecretAsync("lost")).Should().BeNull();
        await Eventually.SeesAsync(() => bed.QueryAsync("select array_to_string(namespaces, ',') from oauth_tokens where account = 'kept'"), owner => owner == bed.Namespace);
        await bed.ReadyAsync("kept");
        (await bed.RunVerbAsync("accounts", "release", "google", "nobody")).ExitCode.Should().Be(4);
    }

    [Fact]
    public async Task The_verbs_answer_mistakes_with_a_sentence_and_an_exit_code()
    {
        await using var bed = await OperatorBed.CreateAsync(cluster);
        var file = Path.Combine(cluster.Plane.Folder, "mistake.json");
        await File.WriteAllTextAsync(file, """{"type": "service_account", "private_key": "marked-secret"}""");
        var wrongKind = await bed.RunVerbAsync("seed", file, "--account", "x");
        wrongKind.ExitCode.Should().Be(2);
        wrongKind.Errors.Should().Contain("mistake.json").And.Contain("service account").And.NotContain("marked-secret");

        (await bed.RunVerbAsync("seed", "/does/not/exist", "--account", "x")).ExitCode.Should().Be(2);
        (await bed.RunVerbAsync("seed", file)).ExitCode.Should().Be(2);
        (await bed.RunVerbAsync("accounts", "allow", "google", "nobody", "--namespace", "mail")).ExitCode.Should().Be(4);
        (await bed.RunVerbAsync("migrate", "down")).ExitCode.Should().Be(5);
        (await bed.RunVerbAsync("fly")).ExitCode.Should().Be(2);
        (await bed.RunVerbAsync("version")).Output.Should().StartWith("token-operator ");
        (await bed.RunVerbAsync("migrate", "status")).ExitCode.Should().Be(0);
        foreach (var verb in new string[][] { [], ["run"], ["migrate"], ["seed"], ["accounts"], ["accounts", "allow"], ["version"] })
            (await bed.RunVerbAsync([.. verb, "--help"])).Output.Should().Contain("Usage:");
    }

    [Fact]
    public async Task Two_objects_with_dead_seeds_of_their_own_import_each_once()
    {
        await using var bed = await OperatorBed.StartAsync(cluster);
        foreach (var name in new[] { "one", "two" })
        {
            await bed.WriteSeedAsync(name, $"dead-{name}");
            await bed.ApplyAsync(name, spec => spec["account"] = "shared");
            await bed.SeesAsync(name, "Stalled", "True", "ReauthorizationRequired");
        }

        foreach (var round in new[] { "1", "2" })
        {
            foreach (var name in new[] { "one", "two" })
            {
                await bed.RequestRefreshAsync(name, round);
                await Eventually.SeesAsync(() => bed.GetAsync(name), view => view["lastHandledRefreshRequest"] == round);
            }
        }

        (await bed.QueryAsync("select generation from oauth_tokens")).Should().Be("1", "the first seed, then the second, and neither again");
    }

    [Fact]
    public async Task A_row_that_was_edited_by_hand_is_left_alone_and_used_again_when_it_is_mended()
    {
        await using var bed = await OperatorBed.StartAsync(cluster);
        var grant = await bed.AddAccountAsync("edited");
        await bed.ReadyAsync("edited");
        await bed.Operator.StopAsync();
        var good = await bed.QueryAsync("select token_data from oauth_tokens");
        await bed.QueryAsync("update oauth_tokens set token_data = '[1, 2]'");
        await bed.StartOperatorAsync();
        (await bed.SeesAsync("edited", "Stalled", "True", "StoredTokenInvalid")).Message("Stalled").Should().Contain("Fix it");
        (await bed.QueryAsync("select token_data from oauth_tokens")).Should().Be("[1, 2]");

        await bed.QueryAsync($"update oauth_tokens set token_data = '{good}'");
        await bed.RequestRefreshAsync("edited");
        await bed.ReadyAsync("edited");
        (await bed.StoredTokenAsync("edited"))!.RefreshToken!.Reveal().Should().Be(grant.RefreshToken);
    }

    [Fact]
    public async Task A_new_seed_helps_all_objects_of_the_account_at_once()
    {
        await using var bed = await OperatorBed.StartAsync(cluster);
        var grant = await bed.AddAccountAsync("host");
        await bed.ReadyAsync("host");
        await bed.ApplyAsync("guest", spec =>
        {
            spec["account"] = "host";
            spec.Remove("seedSecretRef");
        });
        await bed.ReadyAsync("guest");
        grant.IsRevoked = true;
        foreach (var name in new[] { "host", "guest" })
        {
            await bed.RequestRefreshAsync(name);
            await bed.SeesAsync(name, "Stalled", "True", "ReauthorizationRequired");
        }

        var consented = bed.Tokens.AddAccount("host");
        await bed.WriteSeedAsync("host", consented.RefreshToken);
        await bed.SeesAsync("host", "Refreshed", "True", within: Promise);
        await bed.SeesAsync("guest", "Refreshed", "True", within: Promise);
        bed.Tokens.AskedFor(consented.RefreshToken).Should().Be(1);
        bed.Tokens.IsValid((await bed.SecretAsync("guest"))!["access_token"]!).Should().BeTrue();
    }
}
