using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;
using TokenOperator.Postgres.Migrations;

namespace TokenOperator.Tests.Postgres;

[Collection(PostgresGroup.Name), Trait("Category", PostgresGroup.Name)]
public sealed class PostgresMigratorTests(PostgresFixture fixture)
{
    private const string ColumnsSql =
        "select string_agg(column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, ''), ', ' order by column_name) " +
        "from information_schema.columns where table_name = 'oauth_tokens'";

    private const string RelationsSql = "select string_agg(relname, ', ' order by relname) from pg_class where relnamespace = 'public'::regnamespace";

    private const string Row =
        """insert into oauth_tokens (provider, account, token_data, expires_at, created_at, updated_at) values ('google', 'marcus', '{"refresh_token": "r", "mine": 1}', now(), now(), now())""";

    /// <summary>Tables as applications create them.</summary>
    public static TheoryData<string, string> ApplicationTables => new()
    {
        { "typical", "id serial primary key, provider text not null, account text not null, token_data jsonb not null, expires_at timestamptz, created_at timestamptz default now(), updated_at timestamptz default now(), unique (provider, account)" },
        { "varchar, json, timestamp, no defaults", "id uuid primary key default gen_random_uuid(), provider varchar(50) not null, account varchar(255) not null, token_data json not null, expires_at timestamp, created_at timestamp, updated_at timestamp not null, unique (account, provider)" },
        { "an id that the application generates, expiry NOT NULL", "id uuid primary key, provider text, account text, token_data jsonb, expires_at timestamptz not null, created_at timestamptz, updated_at timestamptz, unique (provider, account)" },
        { "an id of text, no unique constraint", "id varchar(40) primary key, provider text, account text, token_data jsonb, expires_at timestamptz, created_at timestamptz, updated_at timestamptz" },
        { "another primary key and further columns", "provider text, account text, token_data jsonb, expires_at timestamptz, created_at timestamptz, updated_at timestamptz, note text, primary key (provider, account)" },
    };

    [Fact]
    public async Task An_empty_database_goes_up_and_down_and_up_again()
    {
        await using var database = await fixture.CreateAsync();
        var migrator = database.Migrator();
        (await migrator.StatusAsync(default)).Should().BeEquivalentTo(new { Current = 0, Migration.Latest });

        await migrator.UpAsync(default);
        var columns = await database.ScalarAsync(ColumnsSql);
        columns.Should().BeOfType<string>().Which.Should().Contain("token_data jsonb NO").And.Contain("generation bigint NO 0").And.Contain("namespaces ARRAY YES");
        var status = await migrator.StatusAsync(default);
        status.Current.Should().Be(Migration.Latest);
        status.Steps.Should().OnlyContain(step => step.Applied);

        await migrator.DownAsync(0, default);
        (await database.ScalarAsync(RelationsSql)).Should().Be(DBNull.Value, "down drops everything that up created");

        await migrator.UpAsync(default);
        (await database.ScalarAsync(ColumnsSql)).Should().Be(columns);
    }

    [Fact]
    public async Task Going_down_to_version_1_leaves_the_table_of_the_application()
    {
        await using var database = await fixture.CreateAsync();
        await database.Migrator().UpAsync(default);
        await database.ExecuteAsync(Row);

        await database.Migrator().DownAsync(1, default);

        (await database.Migrator().StatusAsync(default)).Steps.Select(step => step.Applied).Should().Equal([true, .. Enumerable.Repeat(false, (int)Migration.Latest - 1)]);
        ((string)(await database.ScalarAsync(ColumnsSql))!).Should().NotContain("generation");
        (await database.ScalarAsync("select count(*) from oauth_tokens")).Should().Be(1L);
        await database.Migrator().UpAsync(default);
        (await database.Store().FindAsync(TestDatabase.Marcus, default)).Should().NotBeNull();
    }

    [Theory]
    [MemberData(nameof(ApplicationTables))]
    public async Task The_table_of_an_application_is_adopted_with_its_rows_and_down_restores_it(string which, string definition)
    {
        await using var database = await fixture.CreateAsync();
        await database.ExecuteAsync($"create table oauth_tokens ({definition})");
        var relations = await database.ScalarAsync(RelationsSql);
        var columns = await database.ScalarAsync(ColumnsSql);
        var insert = definition.Contains("id uuid primary key,") ? Row.Replace("(provider", "(id, provider").Replace("('google'", "(gen_random_uuid(), 'google'")
            : definition.Contains("id varchar") ? Row.Replace("(provider", "(id, provider").Replace("('google'", "('x', 'google'") : Row;
        await database.ExecuteAsync(insert);
        var row = await database.ScalarAsync("select row_to_json(t)::text from oauth_tokens t");

        await database.Migrator().UpAsync(default);
        var store = database.Store();
        var adopted = await store.FindAsync(TestDatabase.Marcus, default);
        adopted.Should().NotBeNull(which);
        adopted!.Namespaces.Should().BeNull();
        adopted.Generation.Should().Be(0);
        adopted.Token.RefreshToken!.Reveal().Should().Be("r");
        var other = new AccountKey("google", "other");
        (await store.ImportAsync(other, TestDatabase.Token("t") with { ExpiresAt = null }, "mail", "seed", null, default)).Should().NotBeNull("the operator can insert");
        (await store.ImportAsync(other, TestDatabase.Token("t"), "mail", "seed", null, default)).Should().BeNull("accounts are unique");
        var claim = TestDatabase.NewClaim("a");
        await store.ClaimAsync(other, claim, 0, default);
        (await store.DeleteAsync(other, claim.Id, default)).Should().BeTrue();

        await database.Migrator().DownAsync(0, default);
        (await database.ScalarAsync(RelationsSql)).Should().Be(relations);
        (await database.ScalarAsync(ColumnsSql)).Should().Be(columns);
        (await database.ScalarAsync("select row_to_json(t)::text from oauth_tokens t")).Should().Be(row);
    }

    [Fact]
    public async Task A_unique_index_of_any_name_is_sufficient()
    {
        await using var database = await fixture.CreateAsync();
        await database.ExecuteAsync("create table oauth_tokens (id serial, provider text, account text, token_data jsonb, expires_at timestamptz, created_at timestamptz, updated_at timestamptz)");
        await database.ExecuteAsync("create unique index whatever on oauth_tokens (account, provider)");
        await database.Migrator().UpAsync(default);
        (await database.ScalarAsync("select count(*) from pg_indexes where tablename = 'oauth_tokens'")).Should().Be(1L);
    }

    [Theory]
    [InlineData("provider text, account text, token_data text, expires_at timestamptz, created_at timestamptz, updated_at timestamptz, unique (provider, account)", "column token_data has type text, expected jsonb or json")]
    [InlineData("provider text, account text, token_data jsonb, created_at timestamptz, updated_at timestamptz, unique (provider, account)", "there is no column expires_at")]
    [InlineData("provider text, account int, token_data jsonb, expires_at int, created_at timestamptz, updated_at timestamptz", "column account has type int4*column expires_at has type int4")]
    [InlineData("provider text, account text, token_data jsonb, expires_at timestamptz, created_at timestamptz, updated_at timestamptz, generation int", "a column generation already")]
    [InlineData("id int not null, provider text, account text, token_data jsonb, expires_at timestamptz, created_at timestamptz, updated_at timestamptz", "column id is NOT NULL without a default")]
    [InlineData("provider text, account text, token_data jsonb, expires_at timestamptz, created_at timestamptz, updated_at timestamptz, owner int not null", "column owner is NOT NULL without a default")]
    public async Task An_incompatible_table_is_refused_with_its_problems_and_not_changed(string definition, string problem)
    {
        await using var database = await fixture.CreateAsync();
        await database.ExecuteAsync($"create table oauth_tokens ({definition})");
        var columns = await database.ScalarAsync(ColumnsSql);
        var relations = await database.ScalarAsync(RelationsSql);

        var up = () => database.Migrator().UpAsync(default);

        (await up.Should().ThrowAsync<SchemaException>()).WithMessage($"The table public.oauth_tokens cannot be adopted: *{problem}*Nothing was changed*");
        (await database.ScalarAsync(ColumnsSql)).Should().Be(columns);
        (await database.ScalarAsync(RelationsSql)).Should().Be(relations);
    }

    [Fact]
    public async Task Duplicates_are_named_and_left_unchanged()
    {
        await using var database = await fixture.CreateAsync();
        await database.ExecuteAsync("create table oauth_tokens (provider text, account text, token_data jsonb, expires_at timestamptz, created_at timestamptz, updated_at timestamptz)");
        await database.ExecuteAsync(Row);
        await database.ExecuteAsync(Row);
        var up = () => database.Migrator().UpAsync(default);
        (await up.Should().ThrowAsync<SchemaException>()).WithMessage("*google/marcus (2 rows)*");
        (await database.ScalarAsync("select count(*) from oauth_tokens")).Should().Be(2L);
    }

    [Fact]
    public async Task A_view_is_refused()
    {
        await using var database = await fixture.CreateAsync();
        await database.ExecuteAsync("create view oauth_tokens as select 'google'::text as provider");
        var up = () => database.Migrator().UpAsync(default);
        (await up.Should().ThrowAsync<SchemaException>()).WithMessage("*expected a table*");
    }

    [Fact]
    public async Task A_table_in_another_schema_of_the_search_path_is_adopted_there()
    {
        await using var database = await fixture.CreateAsync();
        await database.ExecuteAsync("create schema \"My App\"");
        await database.ExecuteAsync($"alter database {database.Database.Name} set search_path = \"My App\"");
        await database.Migrator().UpAsync(default);
        (await database.ScalarAsync("select count(*) from pg_tables where schemaname = 'My App'")).Should().Be(5L);
        (await database.Store().ListAsync(default)).Should().BeEmpty();
        await database.Migrator().DownAsync(0, default);
        (await database.ScalarAsync("select count(*) from pg_tables where schemaname = 'My App'")).Should().Be(0L);
    }

    [Fact]
    public async Task Replicas_that_start_at_the_same_time_all_succeed()
    {
        await using var database = await fixture.CreateAsync();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => database.Migrator().UpAsync(default)));
        (await database.ScalarAsync("select count(*) from token_operator_versions")).Should().Be(Migration.Latest);
    }

    /// <summary>What release 0.1 created with FluentMigrator, at version 3: the names and types come from a dump.</summary>
    private const string MigratedByFluentMigrator = """
        create table token_operator_versions (version bigint not null, applied_on timestamp, description varchar(1024));
        create unique index token_operator_versions_version on token_operator_versions (version);
        insert into token_operator_versions values (1, now(), 'Create the table oauth_tokens, or adopt the one that is there'),
          (2, now(), 'Add the operator''s columns to oauth_tokens'), (3, now(), 'Add the namespaces that an administrator keeps away from an account');
        create table token_operator_made (part text not null constraint "PK_token_operator_made" primary key);
        insert into token_operator_made values ('table');
        create table oauth_tokens (
          id bigint generated by default as identity constraint oauth_tokens_pkey primary key, provider text not null, account text not null,
          token_data jsonb not null, expires_at timestamptz, created_at timestamptz not null default now(), updated_at timestamptz not null default now(),
          namespaces text[], generation bigint not null default 0, last_refresh_at timestamptz, claim_id uuid, claim_scope text, claimed_by text,
          claim_expires_at timestamptz, failures integer not null default 0, failure_reason text, failure_detail text, failed_at timestamptz,
          retry_at timestamptz, failure_inputs text, seed_fingerprint text, denied_namespaces text[],
          constraint oauth_tokens_provider_account_key unique (provider, account))
        """;

    [Fact]
    public async Task A_database_that_FluentMigrator_migrated_continues_from_its_version()
    {
        await using var fresh = await fixture.CreateMigratedAsync();
        await using var database = await fixture.CreateAsync();
        await database.ExecuteAsync(MigratedByFluentMigrator);
        await database.ExecuteAsync(Row);
        var migrator = database.Migrator();
        (await migrator.StatusAsync(default)).Steps.Select(step => step.Applied).Should().Equal([true, true, true, .. Enumerable.Repeat(false, (int)Migration.Latest - 3)]);

        await migrator.UpAsync(default);
        foreach (var sql in new[] { ColumnsSql, RelationsSql, "select string_agg(version || description, ',' order by version) from token_operator_versions" })
            (await database.ScalarAsync(sql)).Should().Be(await fresh.ScalarAsync(sql));
        (await database.Store().FindAsync(TestDatabase.Marcus, default))!.Token.RefreshToken!.Reveal().Should().Be("r");

        await migrator.DownAsync(3, default);
        (await migrator.StatusAsync(default)).Current.Should().Be(3);
        await migrator.DownAsync(0, default);
        (await database.ScalarAsync(RelationsSql)).Should().Be(DBNull.Value);
    }

    [Fact]
    public async Task A_step_that_fails_leaves_the_database_unchanged()
    {
        await using var database = await fixture.CreateAsync();
        await database.ExecuteAsync("create table token_operator_consents (x int)");
        var up = () => database.Migrator().UpAsync(default);
        (await up.Should().ThrowAsync<StoreUnavailableException>()).WithMessage("*42P07*token_operator_consents*");
        (await database.ScalarAsync(RelationsSql)).Should().Be("token_operator_consents");
    }

    [Fact]
    public async Task While_a_migration_cannot_reach_Postgres_the_store_is_down()
    {
        using var metrics = new StoreMetrics(TimeProvider.System, new Meters());
        await using var database = new TestDatabase(fixture.Server, await fixture.Server.CreateDatabaseAsync());
        var name = database.Database.Name;
        await fixture.Server.ExecuteAsync($"alter database {name} with allow_connections false");
        await FluentActions.Awaiting(() => database.Migrator(metrics).UpAsync(default)).Should().ThrowAsync<StoreUnavailableException>();
        metrics.IsUp.Should().BeFalse();
        await fixture.Server.ExecuteAsync($"alter database {name} with allow_connections true");
        await database.Migrator(metrics).UpAsync(default);
        metrics.IsUp.Should().BeTrue();
    }

    [Fact]
    public async Task A_migrated_database_costs_one_statement()
    {
        await using var database = await fixture.CreateMigratedAsync();
        var migrator = database.Migrator();
        await migrator.StatusAsync(default);
        var before = await fixture.Server.StatementsAsync(database.Database);
        await migrator.UpAsync(default);
        var after = await fixture.Server.StatementsAsync(database.Database);
        (after.Sum(s => s.Calls) - before.Sum(s => s.Calls)).Should().Be(1);
    }

    [Fact]
    public async Task A_database_of_a_newer_operator_is_left_unchanged()
    {
        await using var database = await fixture.CreateMigratedAsync();
        await database.ExecuteAsync("insert into token_operator_versions (version) values (99)");
        var up = () => database.Migrator().UpAsync(default);
        var down = () => database.Migrator().DownAsync(0, default);
        (await up.Should().ThrowAsync<SchemaException>()).WithMessage($"*version 99*up to {Migration.Latest}*");
        await down.Should().ThrowAsync<SchemaException>();
        (await database.Migrator().StatusAsync(default)).Current.Should().Be(99);
    }

    [Fact]
    public async Task A_dropped_table_is_reported_and_not_created_again()
    {
        await using var database = await fixture.CreateMigratedAsync();
        await database.ExecuteAsync("drop table oauth_tokens");
        var up = () => database.Migrator().UpAsync(default);
        (await up.Should().ThrowAsync<SchemaException>()).WithMessage("*the table oauth_tokens is gone*");
    }

    [Fact]
    public async Task A_locked_table_is_migrated_later_and_not_blocked_in_the_meantime()
    {
        await using var database = await fixture.CreateAsync();
        await database.ExecuteAsync("create table oauth_tokens (id serial, provider text, account text, token_data jsonb, expires_at timestamptz, created_at timestamptz, updated_at timestamptz, unique (provider, account))");
        await using var connection = new Npgsql.NpgsqlConnection(database.Database.ConnectionString);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var read = new Npgsql.NpgsqlCommand("select count(*) from oauth_tokens", connection);
        await read.ExecuteScalarAsync();

        var up = database.Migrator().UpAsync(default);
        await Eventually.SeesAsync(
            () => database.ScalarAsync("select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query ilike '%alter%')"),
            waits => waits is true);
        // The query of an application waits for as long as the ALTER before it waits.
        await database.ExecuteAsync("select * from oauth_tokens");
        await transaction.RollbackAsync();
        await up;
    }

    [Fact]
    public async Task The_error_for_a_missing_privilege_contains_the_remedy()
    {
        await using var database = await fixture.CreateAsync();
        await database.ExecuteAsync("create table oauth_tokens (id serial, provider text, account text, token_data jsonb, expires_at timestamptz, created_at timestamptz, updated_at timestamptz, unique (provider, account))");
        await database.ExecuteAsync($"create role app_{database.Database.Name} nologin; grant create on schema public to app_{database.Database.Name}; grant all on oauth_tokens to app_{database.Database.Name}; alter database {database.Database.Name} set role = app_{database.Database.Name}");
        var up = () => database.Migrator().UpAsync(default);
        (await up.Should().ThrowAsync<StoreUnavailableException>()).WithMessage("*must be owner of table oauth_tokens*connect as the owner*");
    }
}
