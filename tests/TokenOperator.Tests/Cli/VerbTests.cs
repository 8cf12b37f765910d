using Microsoft.Extensions.Logging.Abstractions;
using TokenOperator.Core.Cli;
using TokenOperator.Postgres.Encryption;
using TokenOperator.TestBed;
using TokenOperator.Tests.Postgres;

namespace TokenOperator.Tests.Cli;

/// <summary>The verbs that work on Postgres, each as an administrator runs it: a process with settings, arguments, two outputs and an exit code.</summary>
[Collection(PostgresGroup.Name), Trait("Category", PostgresGroup.Name)]
public sealed class VerbTests(PostgresFixture fixture) : IAsyncLifetime, IDisposable
{
    private const string Canary = "canary-refresh-token";
    private const string AllRows = "select string_agg(xmin::text || row(t.*)::text, ';' order by account) from oauth_tokens t";
    private readonly TestKeyring _keyring = new();
    private TestDatabase? _database;

    private TestDatabase Database => _database ?? throw new InvalidOperationException("Not started.");

    public async Task InitializeAsync()
    {
        _keyring.Add("1");
        _database = await fixture.CreateMigratedAsync();
    }

    public async Task DisposeAsync() => await Database.DisposeAsync();

    public void Dispose() => _keyring.Dispose();

    [Fact]
    public async Task Accounts_list_prints_a_sorted_table_without_tokens()
    {
        await SeedAsync("zoe", "--namespace", "mail");
        await SeedAsync("marcus");
        await RunAsync("accounts", "deny", "google", "zoe", "--namespace", "calendar");

        var list = await RunAsync("accounts", "list");

        list.ExitCode.Should().Be(ExitCodes.Ok, list.Errors);
        var lines = list.Output.TrimEnd().Split('\n');
        lines.Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[..4]).Should().BeEquivalentTo(
            (string[][])[["PROVIDER", "ACCOUNT", "NAMESPACES", "DENIED"], ["google", "marcus", "-", "-"], ["google", "zoe", "mail", "calendar"]],
            options => options.WithStrictOrdering());
        list.Output.Should().NotContain("canary");
    }

    [Fact]
    public async Task Accounts_allow_deny_and_release_change_who_may_use_an_account()
    {
        await SeedAsync("marcus");

        (await RunAsync("accounts", "allow", "google", "marcus", "--namespace", "mail")).Output.Should().Contain("google/marcus").And.Contain("mail");
        (await NamespacesAsync()).Should().Be(("mail", ""));
        (await RunAsync("accounts", "deny", "google", "marcus", "-n", "mail")).ExitCode.Should().Be(ExitCodes.Ok);
        (await NamespacesAsync()).Should().Be(("", "mail"));
        (await RunAsync("accounts", "allow", "google", "marcus", "-n", "mail")).ExitCode.Should().Be(ExitCodes.Ok);
        (await NamespacesAsync()).Should().Be(("mail", ""), "to allow ends a denial");
        (await RunAsync("accounts", "release", "google", "marcus")).ExitCode.Should().Be(ExitCodes.Ok);
        (await NamespacesAsync()).Namespaces.Should().BeEmpty();
    }

    [Fact]
    public async Task Accounts_rebind_forgets_the_UIDs_of_namespaces_and_changes_nothing_else()
    {
        foreach (var account in (string[])["marcus", "zoe"])
        {
            await SeedAsync(account, "--namespace", "mail");
            await Database.Store(cipher: new(new Keyring(_keyring.Folder, TimeProvider.System, NullLogger.Instance), writesPlainText: false)).RecordUidAsync(new("google", account), new("mail", "uid-1"), default);
        }

        await RunAsync("accounts", "allow", "google", "zoe", "--namespace", "calendar");
        await RunAsync("accounts", "deny", "google", "zoe", "--namespace", "chat");

        (await RunAsync("accounts", "rebind", "--namespace", "calendar")).ExitCode.Should().Be(ExitCodes.Ok);
        (await Database.ScalarAsync("select count(*) from oauth_tokens where namespace_uids::text like '%uid-1%'")).Should().Be(2L);
        var all = await RunAsync("accounts", "rebind");

        all.ExitCode.Should().Be(ExitCodes.Ok, all.Errors);
        all.Output.Should().StartWith("3 entries");
        (await Database.ScalarAsync("select count(*) from oauth_tokens where namespace_uids::text like '%uid-1%'")).Should().Be(0L);
        (await NamespacesAsync()).Should().Be(("mail", ""));
        Cells((await RunAsync("accounts", "list")).Output.Replace("google ", "", StringComparison.Ordinal), "zoe")[1..3].Should().Equal("mail,calendar", "chat");
    }

    [Theory]
    [InlineData("allow")]
    [InlineData("deny")]
    [InlineData("release")]
    public async Task An_account_that_does_not_exist_has_its_own_exit_code(string verb)
    {
        string[] arguments = verb == "release" ? [] : ["--namespace", "mail"];

        var result = await RunAsync(["accounts", verb, "google", "nobody", .. arguments]);

        result.ExitCode.Should().Be(ExitCodes.NotFound);
        result.Output.Should().BeEmpty();
        result.Errors.Should().Contain("google/nobody").And.Contain("accounts list");
    }

    [Fact]
    public async Task Seed_imports_a_token_file_from_standard_input()
    {
        var result = await SeedAsync("marcus", "--namespace", "mail");

        result.ExitCode.Should().Be(ExitCodes.Ok, result.Errors);
        result.Output.Should().Contain("google/marcus").And.Contain("mail").And.NotContain("canary");
        (await NamespacesAsync()).Namespaces.Should().Be("mail");
        (await Database.ScalarAsync("select token_data::text from oauth_tokens")).Should().BeOfType<string>().Which.Should().NotContain("canary", "the row is encrypted");
    }

    [Fact]
    public async Task Seed_replaces_a_working_token_only_on_request()
    {
        await SeedAsync("marcus");
        (await SeedAsync("marcus", "-n", "mail")).ExitCode.Should().Be(ExitCodes.Ok, "the same token again lets the namespace use the account");
        (await NamespacesAsync()).Namespaces.Should().Be("mail");

        var refused = await SeedAsync("marcus", other: true);
        refused.ExitCode.Should().Be(ExitCodes.Refused);
        refused.Errors.Should().Contain("--replace").And.NotContain("canary");
        (await GenerationAsync()).Should().Be(0L);

        (await SeedAsync("marcus", other: true, "--replace")).ExitCode.Should().Be(ExitCodes.Ok);
        (await GenerationAsync()).Should().Be(1L);
    }

    [Fact]
    public async Task Seed_warns_about_a_provider_that_its_own_settings_do_not_name()
    {
        var result = await SeedAsync("marcus", "--provider", "elsewhere");

        result.ExitCode.Should().Be(ExitCodes.Ok);
        result.Errors.Should().Contain("no provider \"elsewhere\"");
        (await SeedAsync("marcus", "--provider", "slack")).Errors.Should().BeEmpty("the catalogue has it");
    }

    [Fact]
    public async Task Migrate_status_shows_the_steps_before_and_after_migrate_up()
    {
        await using var empty = await fixture.CreateAsync();

        var before = await RunAsync(empty, "migrate", "status");
        var changed = await RunAsync(empty, "migrate", "up");
        var after = await RunAsync(empty, "migrate", "status");

        (before.ExitCode, changed.ExitCode, after.ExitCode).Should().Be((ExitCodes.Ok, ExitCodes.Ok, ExitCodes.Ok));
        before.Output.Should().Contain("missing").And.NotContain("applied");
        after.Output.Should().Contain("applied").And.NotContain("missing");
        after.Output.Split('\n').Should().HaveCount(before.Output.Split('\n').Length);
    }

    [Fact]
    public async Task Migrate_down_asks_for_a_confirmation()
    {
        var refused = await RunAsync("migrate", "down");
        refused.ExitCode.Should().Be(ExitCodes.Refused);
        refused.Errors.Should().Contain("--yes");
        (await RunAsync("migrate", "status")).Output.Should().NotContain("missing");

        (await RunAsync("migrate", "down", "--yes")).ExitCode.Should().Be(ExitCodes.Ok);
        (await RunAsync("migrate", "status")).Output.Should().NotContain("applied");
    }

    [Fact]
    public async Task Migrate_down_to_a_version_keeps_the_rows_and_the_steps_up_to_it()
    {
        await SeedAsync("marcus");

        (await RunAsync("migrate", "down", "--to", "5")).ExitCode.Should().Be(ExitCodes.Refused);
        (await RunAsync("migrate", "down", "--to", "99", "--yes")).Should().Match<CommandResult>(result => result.ExitCode == ExitCodes.BadInput && result.Errors.Contains("--to is 99; expected 0 to "));
        var down = await RunAsync("migrate", "down", "--to", "5", "--yes");

        down.ExitCode.Should().Be(ExitCodes.Ok, down.Errors);
        (await RunAsync("migrate", "status")).Output.Should().Contain("at version 5").And.Contain("applied   5").And.Contain("missing   6");
        (await Database.ScalarAsync("select count(*) from oauth_tokens")).Should().Be(1L);
    }

    [Fact]
    public async Task Keys_status_counts_rows_by_key_and_fails_while_a_key_is_missing()
    {
        await SeedAsync("marcus");
        var key = _keyring.Add("2");
        await SeedAsync("zoe");

        var complete = await RunAsync("keys", "status");
        _keyring.Remove("1");
        var incomplete = await RunAsync("keys", "status");

        complete.ExitCode.Should().Be(ExitCodes.Ok, complete.Errors);
        Cells(complete.Output, "1").Should().StartWith(["1", "1"]);
        Cells(complete.Output, "2").Should().Equal("2", "1", "current");
        complete.Output.Should().NotContain(key);
        incomplete.ExitCode.Should().Be(ExitCodes.Failed);
        Cells(incomplete.Output, "1").Should().Contain(cell => cell.StartsWith("MISSING"));
    }

    [Fact]
    public async Task Keys_rotate_encrypts_all_rows_with_the_current_key()
    {
        await SeedAsync("marcus");
        _keyring.Add("2");

        (await RunAsync("keys", "rotate")).ExitCode.Should().Be(ExitCodes.Ok);

        Cells((await RunAsync("keys", "status")).Output, "2").Should().Equal("2", "1", "current");
    }

    [Fact]
    public async Task Backup_verify_counts_the_rows_of_a_copy_and_names_those_that_cannot_be_opened_without_changing_any()
    {
        await SeedAsync("marcus");
        _keyring.Add("2");
        await SeedAsync("zoe");
        var before = await Database.ScalarAsync(AllRows);

        var complete = await RunAsync("backup", "verify");
        _keyring.Remove("1");
        var incomplete = await RunAsync("backup", "verify");

        complete.ExitCode.Should().Be(ExitCodes.Ok, complete.Errors);
        complete.Output.Should().StartWith("2 rows can be opened, 0 cannot.");
        incomplete.ExitCode.Should().Be(ExitCodes.Failed);
        incomplete.Output.Should().StartWith("1 rows can be opened, 1 cannot.");
        incomplete.Errors.Should().Contain("google/marcus").And.Contain("key \"1\"").And.NotContain("zoe");
        (complete.Output + incomplete.Output + incomplete.Errors).Should().NotContain("canary");
        (await Database.ScalarAsync(AllRows)).Should().Be(before);
    }

    [Fact]
    public async Task Backup_verify_fails_on_a_database_without_rows_and_on_one_that_was_never_migrated()
    {
        await using var empty = await fixture.CreateAsync();

        var withoutRows = await RunAsync("backup", "verify");
        var withoutTables = await RunAsync(empty, "backup", "verify");

        withoutRows.ExitCode.Should().Be(ExitCodes.Failed);
        withoutRows.Errors.Should().Contain("oauth_tokens has no rows").And.Contain("DATABASE_URL");
        withoutTables.ExitCode.Should().Be(ExitCodes.Failed);
        withoutTables.Errors.Should().Contain("no tables of an operator");
        (await RunAsync(empty, "migrate", "status")).Output.Should().NotContain("applied", "to verify changes nothing");
    }

    [Fact]
    public async Task An_unreachable_database_has_its_own_exit_code_and_its_password_is_not_shown()
    {
        var result = await OperatorProgram.RunAsync(
            Settings($"postgresql://tokens:{Canary}@127.0.0.1:{Ports.Free()}/tokens"), "accounts", "list");

        result.ExitCode.Should().Be(ExitCodes.Unavailable);
        (result.Output + result.Errors).Should().NotContain("canary").And.NotContain("   at ");
    }

    [Theory]
    [InlineData("accounts", "allow", "google", "marcus")]
    [InlineData("accounts", "drop")]
    [InlineData("seed", "token.json")]
    [InlineData("fly")]
    public async Task An_invalid_call_points_to_the_help(params string[] arguments)
    {
        var result = await RunAsync(arguments);

        result.ExitCode.Should().Be(ExitCodes.BadInput);
        result.Errors.Should().Contain("--help").And.StartWith("token-operator: ");
    }

    private static string[] Cells(string table, string key) => table.Split('\n')
        .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Single(cells => cells is [var first, ..] && first == key);

    private Dictionary<string, string?> Settings(string databaseUrl) => new() { ["DATABASE_URL"] = databaseUrl, [TestKeyring.Setting] = _keyring.Folder };

    private Task<CommandResult> RunAsync(params string[] arguments) => RunAsync(Database, arguments);

    private Task<CommandResult> RunAsync(TestDatabase database, params string[] arguments) => OperatorProgram.RunAsync(Settings(database.Database.Uri), arguments);

    [Theory]
    [InlineData("github", ExitCodes.Ok, "")]
    [InlineData("google", ExitCodes.BadInput, "field refresh_token: expected a refresh token, but only an access token was found")]
    public async Task Seed_takes_an_access_token_alone_at_a_provider_whose_access_tokens_never_expire(string provider, int exitCode, string error)
    {
        var result = await Command.RunAsync(
            OperatorProgram.Starter,
            [OperatorProgram.Path, "seed", "-", "--account", "marcus", "--provider", provider],
            $$"""{"access_token": "{{Canary}}-access"}""",
            Settings(Database.Database.Uri));

        result.ExitCode.Should().Be(exitCode, result.Errors);
        (result.Errors.Length == 0 || result.Errors.Contains(error, StringComparison.Ordinal)).Should().BeTrue(result.Errors);
        result.Errors.Should().NotContain(Canary);
    }

    private Task<CommandResult> SeedAsync(string account, params string[] options) => SeedAsync(account, other: false, options);

    private Task<CommandResult> SeedAsync(string account, bool other, params string[] options) => Command.RunAsync(
        OperatorProgram.Starter,
        [OperatorProgram.Path, "seed", "-", "--account", account, .. options],
        $$"""{"refresh_token": "{{Canary}}-{{account}}{{(other ? "-2" : "")}}"}""",
        Settings(Database.Database.Uri));

    private async Task<(string Namespaces, string Denied)> NamespacesAsync()
    {
        const string Joined = "coalesce(array_to_string(namespaces, ','), '') || '|' || coalesce(array_to_string(denied_namespaces, ','), '')";
        var row = await Database.ScalarAsync($"select {Joined} from oauth_tokens where account = 'marcus'");
        return row is string text && text.Split('|') is [var namespaces, var denied] ? (namespaces, denied) : throw new InvalidOperationException("There is no row of marcus.");
    }

    private async Task<object?> GenerationAsync() => await Database.ScalarAsync("select generation from oauth_tokens where account = 'marcus'");
}
