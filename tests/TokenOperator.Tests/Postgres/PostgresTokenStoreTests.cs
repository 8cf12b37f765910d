using FluentAssertions.Extensions;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;
using TokenOperator.Postgres.Encryption;
using TokenOperator.Postgres.Rows;
using TokenOperator.Tests.Hostile;
using static TokenOperator.Tests.Postgres.TestDatabase;

namespace TokenOperator.Tests.Postgres;

[Collection(PostgresGroup.Name), Trait("Category", PostgresGroup.Name)]
public sealed class PostgresTokenStoreTests(PostgresFixture fixture) : IAsyncLifetime
{
    private static readonly string[] FirstSeed = ["seed"];
    private static readonly string[] BothSeeds = ["seed1", "seed2"];

    private static readonly RefreshFailure Failure = new(FailureKind.RateLimited, "429 slow down", 2, At(1), At(5), "inputs");
    private TestDatabase? _database;

    private TestDatabase Database => _database!;

    public async Task InitializeAsync() => _database = await fixture.CreateMigratedAsync();

    public async Task DisposeAsync() => await Database.DisposeAsync();

    [Fact]
    public async Task An_imported_account_is_found_with_all_its_values()
    {
        var store = Database.Store();
        var token = Token("access") with { RefreshTokenExpiresAt = At(6000) };
        var imported = await store.ImportAsync(Marcus, token, "mail", "seed", null, default);

        imported.Should().BeEquivalentTo(new AccountRecord
        {
            Key = Marcus,
            Generation = 0,
            Incarnation = imported!.Incarnation,
            Token = token,
            Namespaces = ["mail"],
            SeedFingerprints = FirstSeed,
            AccessVersion = imported.AccessVersion,
        });
        imported.AccessVersion.Should().NotBeNull("rows are sealed");
        (await store.FindAsync(Marcus, default)).Should().BeEquivalentTo(imported);
        (await store.ListAsync(default)).Should().ContainSingle().Which.Should().BeEquivalentTo(imported);
        (await store.FindAsync(new AccountKey("google", "Marcus"), default)).Should().BeNull("names are case-sensitive");
        (await Database.ScalarAsync("select expires_at = '2026-01-31 13:00Z' and created_at = updated_at and created_at > now() - interval '1 min' from oauth_tokens")).Should().Be(true);
    }

    [Fact]
    public async Task Only_the_rows_that_are_wanted_are_read_and_those_of_a_namespace_are_counted()
    {
        var store = Database.Store();
        foreach (var (account, ns) in new[] { ("a", "mail"), ("b", "mail"), ("c", "calendar") })
            await store.ImportAsync(new AccountKey("google", account), Token("t"), ns, "seed", null, default);
        var read = new List<string>();
        await store.ListAsync(key => key.Account != "b", row => read.Add(row.Key.Account), default);
        read.Should().BeEquivalentTo("a", "c");
        (await store.CountAsync("mail", default)).Should().Be(2);
        (await store.CountAsync("nobody", default)).Should().Be(0);
    }

    [Fact]
    public async Task A_row_keeps_its_incarnation_through_all_changes_and_a_new_row_has_another()
    {
        var store = Database.Store();
        var first = (await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default))!;
        var replaced = (await store.ImportAsync(Marcus, Token("u"), "mail", "other", 0, default))!;
        first.IsEarlierThan(replaced).Should().BeTrue();
        replaced.IsEarlierThan(first).Should().BeFalse();

        await Database.ExecuteAsync("delete from oauth_tokens");
        var another = (await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default))!;
        another.IsEarlierThan(replaced).Should().BeFalse("it is another row");
    }

    [Fact]
    public async Task A_second_import_changes_nothing_unless_it_specifies_the_generation_to_replace()
    {
        var store = Database.Store();
        await store.ImportAsync(Marcus, Token("first"), null, "seed1", null, default);
        await FailAsync(store);

        (await store.ImportAsync(Marcus, Token("second"), "mail", "seed2", null, default)).Should().BeNull();
        (await store.ImportAsync(Marcus, Token("second"), "mail", "seed2", 7, default)).Should().BeNull();
        (await store.FindAsync(Marcus, default))!.Token.AccessToken!.Reveal().Should().Be("first");

        var replaced = await store.ImportAsync(Marcus, Token("second", "1//new"), "mail", "seed2", 0, default);
        replaced.Should().BeEquivalentTo(new { Generation = 1, SeedFingerprints = BothSeeds, Failure = (object?)null });
        replaced!.Namespaces.Should().Equal("mail");
        replaced.Token.RefreshToken!.Reveal().Should().Be("1//new");

        var again = await store.ImportAsync(Marcus, Token("third"), "other", "seed3", 1, default);
        again!.Namespaces.Should().Equal("mail");
    }

    [Fact]
    public async Task A_commit_writes_the_token_increments_the_generation_and_clears_failures()
    {
        var store = Database.Store();
        await store.ImportAsync(Marcus, Token("old"), "mail", "seed", null, default);
        await FailAsync(store);
        await Database.ExecuteAsync("update oauth_tokens set created_at = '2020-01-01Z', updated_at = '2020-01-01Z'");
        var claim = NewClaim("a");
        await store.ClaimAsync(Marcus, claim, 0, default);
        (await Database.ScalarAsync("select updated_at = '2020-01-01Z' from oauth_tokens")).Should().Be(true, "a claim changes nothing that an application sees");

        var committed = await store.CommitAsync(Marcus, claim.Id, 0, Token("new"), At(2), default);

        committed.Should().BeEquivalentTo(new { Generation = 1, LastRefreshAt = At(2), Failure = (object?)null, SeedFingerprints = FirstSeed });
        committed!.Token.AccessToken!.Reveal().Should().Be("new");
        (await Database.ScalarAsync("select created_at = '2020-01-01Z' and updated_at > now() - interval '1 min' from oauth_tokens")).Should().Be(true);
        (await store.ClaimAsync(Marcus, NewClaim("b"), 1, default)).Should().NotBeNull("the claim has ended");
    }

    [Fact]
    public async Task A_commit_whose_answer_was_lost_can_be_repeated_even_by_another_process()
    {
        var store = Database.Store();
        await store.ImportAsync(Marcus, Token("old"), "mail", "seed", null, default);
        var claim = NewClaim("a");
        await store.ClaimAsync(Marcus, claim, 0, default);
        var once = await store.CommitAsync(Marcus, claim.Id, 0, Token("new"), At(2), default);

        (await store.CommitAsync(Marcus, claim.Id, 0, Token("new"), At(2), default)).Should().BeEquivalentTo(once);
        (await Database.Store().CommitAsync(Marcus, claim.Id, 0, Token("new"), At(2), default)).Should().BeEquivalentTo(once);

        await store.ClaimAsync(Marcus, NewClaim("b"), 1, default);
        (await store.CommitAsync(Marcus, claim.Id, 0, Token("new"), At(2), default)).Should().BeNull("the row has another claim now");
    }

    [Fact]
    public async Task An_import_during_a_claim_prevents_its_commit()
    {
        var store = Database.Store();
        await store.ImportAsync(Marcus, Token("old"), "mail", "seed", null, default);
        var claim = NewClaim("a");
        await store.ClaimAsync(Marcus, claim, 0, default);
        await store.ImportAsync(Marcus, Token("human"), "mail", "seed2", 0, default);

        (await store.CommitAsync(Marcus, claim.Id, 0, Token("robot"), At(2), default)).Should().BeNull();
        (await store.FindAsync(Marcus, default))!.Token.AccessToken!.Reveal().Should().Be("human");
    }

    [Fact]
    public async Task A_commit_preserves_the_data_of_an_application_in_the_document()
    {
        var store = Database.Store(cipher: TokenCipher.None);
        await Database.ExecuteAsync("""insert into oauth_tokens (provider, account, token_data) values ('google', 'marcus', '{"token": "old", "refresh_token": "1//r", "mine": {"a": [1, 2]}}')""");
        var claim = NewClaim("a");
        await store.ClaimAsync(Marcus, claim, 0, default);
        // The second one is another process, which has not read the document.
        foreach (var by in new[] { store, Database.Store(cipher: TokenCipher.None) })
        {
            (await by.CommitAsync(Marcus, claim.Id, 0, Token("new"), At(2), default)).Should().NotBeNull();
            (await Database.ScalarAsync("select token_data->'mine'->'a'->>1 || (token_data->>'token') || (token_data->>'refresh_token') from oauth_tokens")).Should().Be("2new1//refresh");
        }
    }

    [Fact]
    public async Task A_new_consent_preserves_unknown_data_in_the_document_and_removes_that_of_the_old_grant()
    {
        await Database.ExecuteAsync(
            """
            insert into oauth_tokens (provider, account, token_data, namespaces) values ('google', 'marcus',
              '{"refresh_token": "1//dead", "mine": {"a": [1, 2]}, "account": "old@example.com", "subject": "1", "scopes": ["old"], "id_token": "old"}', '{mail}')
            """);
        var store = Database.Store(cipher: TokenCipher.None);
        (await store.ImportAsync(Marcus, new TokenSet { RefreshToken = new("1//new") }, "mail", "seed", 0, default))!
            .Token.Should().BeEquivalentTo(new { Identity = (Identity?)null, Scopes = Array.Empty<string>() });
        (await Database.ScalarAsync("select token_data - 'token_type' from oauth_tokens")).Should().Be("""{"mine": {"a": [1, 2]}, "refresh_token": "1//new"}""");
    }

    [Fact]
    public async Task A_row_with_a_failure_of_an_unknown_kind_is_reported_and_left_unchanged()
    {
        var store = Database.Store();
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        await FailAsync(store);
        await Database.ExecuteAsync("update oauth_tokens set failure_reason = 'MoonPhase'");
        const string AllButTheLastClaim = "select (to_jsonb(t) - 'claim_id')::text from oauth_tokens t";
        var before = await Database.ScalarAsync(AllButTheLastClaim);

        (await FluentActions.Awaiting(() => store.FindAsync(Marcus, default)).Should().ThrowAsync<UnreadableRowException>()).WithMessage("*failure_reason*");
        await FluentActions.Awaiting(() => store.ClaimAsync(Marcus, NewClaim("a"), 0, default)).Should().ThrowAsync<UnreadableRowException>();
        (await Database.ScalarAsync(AllButTheLastClaim)).Should().Be(before);
    }

    [Fact]
    public async Task A_failure_is_recorded_ends_the_claim_and_keeps_the_token()
    {
        var store = Database.Store();
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        var claim = NewClaim("a");
        await store.ClaimAsync(Marcus, claim, 0, default);

        var failed = await store.FailAsync(Marcus, claim.Id, Failure, default);

        failed.Should().BeEquivalentTo(new { Generation = 0, Failure = Failure });
        failed!.Token.RefreshToken!.Reveal().Should().Be("1//refresh");
        (await store.FailAsync(Marcus, claim.Id, Failure, default)).Should().BeEquivalentTo(failed, "it can be repeated");
        (await store.CommitAsync(Marcus, claim.Id, 0, Token("late"), At(2), default)).Should().BeNull();
        (await store.ClaimAsync(Marcus, NewClaim("b"), 0, default))!.Failure.Should().Be(Failure);
    }

    [Fact]
    public async Task The_time_of_a_lost_answer_stays_until_a_refresh_or_a_seed_brings_other_tokens()
    {
        var store = Database.Store();
        var lost = Failure with { UnansweredSince = At(-3) };
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        await FailAsync(store, lost);
        (await store.FindAsync(Marcus, default))!.Failure.Should().Be(lost);
        await FailAsync(store, lost with { Kind = FailureKind.ProviderUnavailable });
        (await store.ListAsync(default)).Single().Failure!.UnansweredSince.Should().Be(At(-3));

        var claim = NewClaim("a");
        await store.ClaimAsync(Marcus, claim, 0, default);
        await store.CommitAsync(Marcus, claim.Id, 0, Token("u"), At(2), default);
        (await Database.ScalarAsync("select unanswered_since is null and claimed_at is null from oauth_tokens")).Should().Be(true);

        await FailAsync(store, lost, generation: 1);
        await store.ImportAsync(Marcus, Token("v"), "mail", "another seed", 1, default);
        (await Database.ScalarAsync("select unanswered_since is null and claimed_at is null from oauth_tokens")).Should().Be(true);
    }

    [Fact]
    public async Task Allowing_a_namespace_twice_adds_it_once()
    {
        var store = Database.Store();
        (await store.AllowAsync(Marcus, "mail", default)).Should().BeNull();
        await store.ImportAsync(Marcus, Token("t"), null, "seed", null, default);
        (await store.AllowAsync(Marcus, "mail", default))!.Namespaces.Should().Equal("mail");
        await store.AllowAsync(Marcus, "web", default);
        var allowed = await store.AllowAsync(Marcus, "mail", default);
        allowed!.Generation.Should().Be(0);
        allowed.Namespaces.Should().Equal("mail", "web");
    }

    [Fact]
    public async Task A_denied_namespace_can_be_allowed_again_only_by_an_administrator()
    {
        var store = Database.Store();
        (await store.DenyAsync(Marcus, "mail", default)).Should().BeNull();
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);

        var denied = await store.DenyAsync(Marcus, "mail", default);
        denied!.Namespaces.Should().BeNull();
        denied.DeniedNamespaces.Should().Equal("mail");
        denied.Generation.Should().Be(0, "a refresh in progress may still commit");
        (await store.DenyAsync(Marcus, "mail", default))!.DeniedNamespaces.Should().Equal("mail");
        (await store.AllowByProofAsync(Marcus, "mail", default)).Should().BeNull();
        (await store.ImportAsync(Marcus, Token("u"), "mail", "seed2", 0, default))!.Namespaces.Should().BeNull("a new seed does not override the denial");

        (await store.AllowByProofAsync(Marcus, "web", default))!.Namespaces.Should().Equal("web");
        (await store.AllowByProofAsync(Marcus, "third", default)).Should().BeNull("another namespace may use it");
        var allowed = await store.AllowAsync(Marcus, "mail", default);
        allowed!.Namespaces.Should().Equal("web", "mail");
        allowed.DeniedNamespaces.Should().BeEmpty();
    }

    [Fact]
    public async Task A_released_row_has_no_namespaces_and_keeps_its_denials()
    {
        var store = Database.Store();
        (await store.DisownAsync(Marcus, default)).Should().BeNull();
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        await store.DenyAsync(Marcus, "evil", default);
        var released = await store.DisownAsync(Marcus, default);
        released!.Namespaces.Should().BeNull();
        released.DeniedNamespaces.Should().Equal("evil");
        (await store.AllowByProofAsync(Marcus, "evil", default)).Should().BeNull();
        (await store.AllowByProofAsync(Marcus, "mail", default))!.Namespaces.Should().Equal("mail");
    }

    [Fact]
    public async Task A_leader_that_was_paused_before_its_delete_does_not_delete_a_row_that_its_successor_claimed_or_created()
    {
        var store = Database.Store();
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        var (paused, successor) = (NewClaim("lease", term: 1), NewClaim("lease", term: 2));
        (await store.ClaimAsync(Marcus, paused, 0, default)).Should().NotBeNull();

        (await Database.Store().ClaimAsync(Marcus, successor, 0, default)).Should().NotBeNull();
        (await store.DeleteAsync(Marcus, paused.Id, default)).Should().BeFalse();
        (await Database.Store().DeleteAsync(Marcus, successor.Id, default)).Should().BeTrue();
        (await store.FindAsync(Marcus, default)).Should().BeNull();

        await store.ImportAsync(Marcus, Token("another"), "mail", "seed", null, default);
        (await store.DeleteAsync(Marcus, paused.Id, default)).Should().BeFalse("at the same generation as the old one");
        (await store.FindAsync(Marcus, default))!.Token.AccessToken!.Reveal().Should().Be("another");
    }

    [Fact]
    public async Task A_claim_that_has_ended_deletes_nothing()
    {
        var store = Database.Store();
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        var claim = NewClaim("a");
        await store.ClaimAsync(Marcus, claim, 0, default);
        await store.CommitAsync(Marcus, claim.Id, 0, Token("u"), At(1), default);
        (await store.DeleteAsync(Marcus, claim.Id, default)).Should().BeFalse();
    }

    [Fact]
    public async Task Every_method_is_one_statement_and_a_refresh_is_two()
    {
        var store = Database.Store();
        var claim = NewClaim("a");
        await fixture.Server.ResetStatementsAsync();

        // The first call opens a connection, which costs no statement.
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        await store.ClaimAsync(Marcus, claim, 0, default);
        await store.CommitAsync(Marcus, claim.Id, 0, Token("u"), At(1), default);
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", 1, default);
        await store.ClaimAsync(Marcus, claim, 2, default);
        await store.FailAsync(Marcus, claim.Id, Failure, default);
        await store.ClaimAsync(Marcus, claim, 2, default);
        await store.ReleaseAsync(Marcus, claim.Id, default);
        await store.AllowAsync(Marcus, "web", default);
        await store.FindAsync(Marcus, default);
        await store.ListAsync(default);
        await store.ClaimAsync(Marcus, claim, 2, default);
        await store.DeleteAsync(Marcus, claim.Id, default);

        (await fixture.Server.StatementsAsync(Database.Database)).Sum(s => s.Calls).Should().Be(13 + 2, "an import that replaces tokens and a change of the access list read the row first");
    }

    [Fact]
    public async Task An_unreadable_row_is_skipped_by_the_list_named_in_the_log_and_left_unchanged()
    {
        var logger = new ListLogger();
        var store = Database.Store(logger);
        await store.ImportAsync(new AccountKey("google", "good"), Token("t"), "mail", "seed", null, default);
        await Database.ExecuteAsync("""insert into oauth_tokens (provider, account, token_data) values ('google', 'marcus', '["hunter2-never-shown"]')""");

        (await store.ListAsync(default)).Should().ContainSingle().Which.Key.Account.Should().Be("good");
        logger.Lines.Should().ContainSingle().Which.Should().Contain("google/marcus").And.NotContain("hunter2");

        var find = () => store.FindAsync(Marcus, default);
        var claim = () => store.ClaimAsync(Marcus, NewClaim("a"), 0, default);
        (await find.Should().ThrowAsync<UnreadableRowException>()).Which.ToString().Should().Contain("google/marcus").And.NotContain("hunter2");
        await claim.Should().ThrowAsync<UnreadableRowException>();
        await Database.ExecuteAsync("update oauth_tokens set namespaces = '{mail}' where account = 'marcus'");
        (await find.Should().ThrowAsync<UnreadableRowException>()).Which.Rest.Should().BeEquivalentTo(
            new AccountRecord { Key = Marcus, Generation = 0, Token = new TokenSet(), Namespaces = ["mail"] }, rest => rest.Excluding(row => row.Incarnation), "its namespaces can be read");
        (await Database.ScalarAsync("""select token_data = '["hunter2-never-shown"]' and claim_expires_at is null from oauth_tokens where account = 'marcus'""")).Should().Be(true);

        (await store.ImportAsync(Marcus, Token("t"), "mail", "seed", 0, default)).Should().NotBeNull("a new seed repairs it");
    }

    [Theory]
    [InlineData("'200000-01-01'", "google/marcus*expires_at*")]
    [InlineData("'0044-03-15 BC'", "google/marcus*expires_at*")]
    [InlineData("'infinity'", null)]
    [InlineData("null", null)]
    public async Task An_invalid_expiry_affects_its_own_row_only(string expiry, string? warning)
    {
        var logger = new ListLogger();
        var store = Database.Store(logger);
        await store.ImportAsync(new AccountKey("google", "good"), Token("t"), "mail", "seed", null, default);
        await Database.ExpectPlainRowsAsync();
        await Database.ExecuteAsync($$"""insert into oauth_tokens (provider, account, token_data, expires_at) values ('google', 'marcus', '{"access_token": "a"}', {{expiry}})""");
        (await store.ListAsync(default)).Should().HaveCount(warning is null ? 2 : 1);
        if (warning is null)
            logger.Lines.Should().BeEmpty();
        else
            logger.Lines.Should().ContainSingle().Which.Should().Match($"*{warning}");
    }

    [Theory]
    [InlineData("generation = 9223372036854775807", "generation has a value")]
    [InlineData("generation = -1", "generation has a value")]
    [InlineData("namespaces = '{mail,\"a b\"}'", "namespaces contains a text")]
    [InlineData("namespaces = array['mail', E'x\\x1b]52;c;aGk=\\x07']", "namespaces contains a text")]
    [InlineData("namespaces = (select array_agg('n' || i) from generate_series(1, 5000) i)", "namespaces contains a text")]
    [InlineData("account = E'mar\\x1b[2Jcus'", "provider or account is not a name")]
    [InlineData("account = repeat('a', 257)", "provider or account is not a name")]
    [InlineData("provider = E'goo\\u202Egle'", "provider or account is not a name")]
    [InlineData("failure_reason = '3'", "failure_reason")]
    [InlineData("failure_reason = 'RateLimited, ClientRejected'", "failure_reason")]
    [InlineData("failures = -5", "failure_reason")]
    [InlineData("failed_at = '4000-01-01 BC'", "outside the years")]
    public async Task A_hostile_value_affects_its_own_row_only_and_is_not_repeated(string change, string problem)
    {
        var logger = new ListLogger();
        var store = Database.Store(logger);
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        await FailAsync(store);
        await store.ImportAsync(new AccountKey("google", "good"), Token("t"), "mail", "seed", null, default);
        await Database.ExecuteAsync($"update oauth_tokens set {change} where account = 'marcus'");

        (await store.ListAsync(default)).Should().ContainSingle().Which.Key.Account.Should().Be("good");

        var line = logger.Lines.Should().ContainSingle().Subject.Trim();
        line.Should().Contain(problem);
        Fuzz.RequireShowable(line, 600);
    }

    [Theory]
    [InlineData("failure_detail = repeat(E'\\x1b[31m\\u202E', 10000)")]
    [InlineData("failure_inputs = repeat('x', 30000), seed_fingerprint = repeat('y', 30000), claimed_by = repeat(E'\\x1b', 30000), claim_scope = repeat('z', 30000), claim_expires_at = now()")]
    [InlineData("failures = 2147483647")]
    [InlineData("retry_at = 'infinity'")]
    [InlineData("unanswered_since = 'infinity', claimed_at = 'infinity', claim_expires_at = now()")]
    [InlineData("unanswered_since = '-infinity', claimed_at = '-infinity', claim_expires_at = now()")]
    [InlineData("claimed_at = null, claim_expires_at = now()")]
    [InlineData("retry_at = '9999-12-31', failed_at = '9999-12-31', last_refresh_at = '9999-12-31'")]
    [InlineData("retry_at = '-infinity', failed_at = '-infinity', last_refresh_at = '-infinity'")]
    public async Task A_hostile_value_is_bounded_when_the_row_can_be_used_without_it(string change)
    {
        var store = Database.Store();
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        await FailAsync(store);
        await Database.ExecuteAsync($"update oauth_tokens set {change}");

        var row = (await store.FindAsync(Marcus, default))!;

        Fuzz.RequireShowable(row.Failure!.Detail + row.OpenClaim?.Holder, 700);
        row.Failure.Count.Should().BeInRange(1, 1_000_000);
        row.Failure.InputsFingerprint.Length.Should().BeLessThan(1000);
        string.Concat(row.SeedFingerprints).Length.Should().BeLessThan(1000);
        var limit = new DateTimeOffset(2201, 1, 1, 0, 0, 0, TimeSpan.Zero);
        (row.Failure.UnansweredSince > row.Failure.At).Should().BeFalse();
        (row.OpenClaim?.At > DateTimeOffset.UtcNow).Should().BeFalse();
        foreach (var moment in new[] { row.Failure.At, row.Failure.RetryAt, row.LastRefreshAt ?? limit.AddYears(-1) })
            moment.Should().BeOnOrAfter(DateTimeOffset.UnixEpoch).And.BeBefore(limit);
        (row.Failure.RetryAt - row.Failure.At).Should().BeLessThanOrEqualTo(7.Days());
        (await store.ClaimAsync(Marcus, NewClaim("failing"), 0, default)).Should().NotBeNull();
    }

    [Fact]
    public async Task An_adopted_row_takes_its_expiry_from_the_column_when_the_document_has_none()
    {
        await Database.ExpectPlainRowsAsync();
        await Database.ExecuteAsync("""insert into oauth_tokens (provider, account, token_data, expires_at) values ('google', 'marcus', '{"access_token": "a", "refresh_token": "r"}', '2026-01-31 12:05Z')""");
        (await Database.Store().FindAsync(Marcus, default))!.Token.ExpiresAt.Should().Be(At(5));
    }

    [Fact]
    public async Task A_time_with_an_offset_is_stored_as_the_same_time()
    {
        var store = Database.Store();
        var local = At(60).ToOffset(2.Hours());
        (await store.ImportAsync(Marcus, Token("t") with { ExpiresAt = local }, null, "seed", null, default))!.Token.ExpiresAt.Should().Be(local);
        (await Database.ScalarAsync("select expires_at = '2026-01-31 13:00Z' from oauth_tokens")).Should().Be(true);
    }

    private static async Task FailAsync(PostgresTokenStore store, RefreshFailure? failure = null, long generation = 0)
    {
        var claim = NewClaim("failing");
        await store.ClaimAsync(Marcus, claim, generation, default);
        (await store.FailAsync(Marcus, claim.Id, failure ?? Failure, default)).Should().NotBeNull();
    }

    [Fact]
    public async Task The_last_eight_seeds_are_remembered()
    {
        await using var database = await fixture.CreateMigratedAsync();
        var store = database.Store();
        var prints = Enumerable.Range(0, 10).Select(n => Fingerprint.Of($"seed {n}")).ToArray();
        await store.ImportAsync(Marcus, Token("t"), "mail", prints[0], null, default);
        for (var n = 1; n < prints.Length; n++)
            await store.ImportAsync(Marcus, Token("t"), "mail", prints[n], n - 1, default);
        (await store.FindAsync(Marcus, default))!.SeedFingerprints.Should().Equal(prints[2..]);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("42")]
    [InlineData("{\"refresh_token\": 42}")]
    [InlineData("{\"access_token\": \"a\", \"expires_at\": \"soon\"}")]
    public async Task A_row_that_was_edited_manually_and_is_invalid_is_reported_and_never_overwritten(string document)
    {
        await using var database = await fixture.CreateMigratedAsync();
        var store = database.Store();
        await store.ImportAsync(Marcus, Token("t"), "mail", "seed", null, default);
        await database.ExecuteAsync($"update oauth_tokens set token_data = '{document}'");
        var before = await database.ScalarAsync("select t::text from oauth_tokens t");

        await FluentActions.Awaiting(() => store.FindAsync(Marcus, default)).Should().ThrowAsync<UnreadableRowException>();
        await FluentActions.Awaiting(() => store.ClaimAsync(Marcus, NewClaim("a"), 0, default)).Should().ThrowAsync<UnreadableRowException>();
        (await store.ImportAsync(Marcus, Token("another"), "mail", "seed2", null, default)).Should().BeNull();
        (await store.ListAsync(default)).Should().BeEmpty();
        (await database.ScalarAsync("select t::text from oauth_tokens t")).Should().Be(before);
    }
}
