using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>Keys that are added and removed while the operator runs, and rows that cannot be decrypted.</summary>
[Collection(ClusterGroup.Name)]
public class EncryptionTests(ClusterFixture cluster) : IDisposable
{
    private readonly TestKeyring _keys = new();

    public void Dispose()
    {
        _keys.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task The_key_is_replaced_while_the_operator_runs_and_the_old_one_is_removed()
    {
        var contents = new List<string> { _keys.Add("2026-01-01") };
        await using var fixture = await OperatorFixture.CreateAsync(cluster, keyring: _keys);
        await fixture.StartOperatorAsync();
        var grant = await fixture.AddAccountAsync("rotated");
        await fixture.ReadyAsync("rotated");
        (await KeyIdAsync(fixture)).Should().Be("2026-01-01");

        contents.Add(_keys.Add("2026-02-02"));
        var rotated = await fixture.RunVerbAsync("keys", "rotate");
        rotated.ExitCode.Should().Be(0, rotated.Errors);
        rotated.Output.Should().Contain("1 rows were encrypted with the key 2026-02-02");
        var status = await fixture.RunVerbAsync("keys", "status");
        status.ExitCode.Should().Be(0);
        status.Output.Should().MatchRegex("2026-01-01 +0 +for reading").And.MatchRegex("2026-02-02 +1 +current");

        _keys.Remove("2026-01-01");
        await fixture.RefreshAsync("rotated", "without-the-old-key");
        fixture.Tokens.AskedFor(grant.RefreshToken).Should().Be(2);
        (await fixture.StoredTokenAsync("rotated"))!.RefreshToken!.Reveal().Should().Be(grant.RefreshToken);
        (await KeyIdAsync(fixture)).Should().Be("2026-02-02");
        foreach (var content in contents)
            (fixture.Operator.Log + rotated.Output + status.Output).Should().NotContain(content);
    }

    [Fact]
    public async Task A_row_whose_key_is_missing_or_that_was_moved_is_reported_and_works_again_after_the_repair()
    {
        var key = _keys.Add("2026-01-01");
        await using var fixture = await OperatorFixture.CreateAsync(cluster, keyring: _keys);
        await fixture.StartOperatorAsync();
        var grant = await fixture.AddAccountAsync("locked");
        await fixture.ReadyAsync("locked");
        await fixture.Operator.StopAsync();

        _keys.Remove("2026-01-01");
        _keys.Add("2026-02-02");
        await fixture.StartOperatorAsync();
        (await fixture.SeesAsync("locked", "Stalled", "True", "StoredTokenInvalid")).Message("Stalled")
            .Should().Contain("\"2026-01-01\"").And.Contain("Put that key back");
        (await fixture.RunVerbAsync("keys", "status")).Should().Match<CommandResult>(status => status.ExitCode == 1 && status.Output.Contains("MISSING"));
        await File.WriteAllTextAsync(Path.Combine(_keys.Folder, "2026-01-01"), key);
        await fixture.SeesAsync("locked", "Stalled", "False");

        await fixture.AddAccountAsync("moved");
        await fixture.ReadyAsync("moved");
        await fixture.Postgres.ExecuteAsync(
            "update oauth_tokens set token_data = (select token_data from oauth_tokens where account = 'locked') where account = 'moved'", fixture.Database.Name);
        var before = await fixture.QueryAsync("select token_data from oauth_tokens where account = 'moved'");
        await fixture.RequestRefreshAsync("moved");
        (await fixture.SeesAsync("moved", "Stalled", "True", "StoredTokenInvalid")).Message("Stalled").Should().Contain("another account");
        (await fixture.QueryAsync("select token_data from oauth_tokens where account = 'moved'")).Should().Be(before);
        fixture.Tokens.AskedFor(grant.RefreshToken).Should().Be(1, "it can be decrypted only for its own account");
    }

    [Fact]
    public async Task The_keys_commands_create_encrypt_and_decrypt_only_what_the_settings_allow()
    {
        await using var fixture = await OperatorFixture.CreateAsync(cluster, keyring: _keys);
        (await fixture.RunVerbAsync("keys", "status")).ExitCode.Should().Be(2, "the keyring is empty");
        var made = await fixture.RunVerbAsync("keys", "new", "--folder", _keys.Folder);
        made.ExitCode.Should().Be(0, made.Errors);
        var file = Directory.GetFiles(_keys.Folder).Should().ContainSingle().Subject;
        made.Output.Should().Contain(file).And.NotContain((await File.ReadAllTextAsync(file)).Trim());
        (await fixture.RunVerbAsync("keys", "new")).Output.Trim().Should().HaveLength(44);

        (await fixture.RunVerbAsync("migrate", "up")).ExitCode.Should().Be(0);
        await fixture.Postgres.ExecuteAsync("""insert into oauth_tokens (provider, account, token_data) values ('google', 'plain', '{"refresh_token": "marked-4711"}')""", fixture.Database.Name);
        (string, string)[] none = [("Encryption", "None")];
        (await fixture.RunVerbAsync(none, "keys", "encrypt")).ExitCode.Should().Be(2);
        (await fixture.RunVerbAsync("keys", "decrypt")).ExitCode.Should().Be(2);
        (await fixture.RunVerbAsync("keys", "encrypt")).ExitCode.Should().Be(0);
        (await fixture.QueryAsync("select token_data from oauth_tokens")).Should().NotContain("marked");
        (await fixture.RunVerbAsync(none, "keys", "decrypt")).ExitCode.Should().Be(0);
        (await fixture.QueryAsync("select token_data->>'refresh_token' from oauth_tokens")).Should().Be("marked-4711");
    }

    private static Task<string?> KeyIdAsync(OperatorFixture fixture) => fixture.QueryAsync("select token_data->>'kid' from oauth_tokens");
}
