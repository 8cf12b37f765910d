using TokenOperator.TestBed;
using TokenOperator.TestBed.Faults;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests;

/// <summary>
/// A real Postgres that refuses or delays statements, and a provider that rotates refresh tokens and revokes a grant when an
/// old one is reused.
/// </summary>
[Collection(FaultGroup.Name)]
public sealed class StoreTroubleTests(ClusterFixture cluster)
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(90);
    private static readonly (string, string) Rotates = ("Providers__google__RotatesRefreshTokens", "true");

    [Fact]
    public async Task A_Postgres_that_accepts_no_more_connections_loses_no_token()
    {
        await using var postgres = await PostgresServer.StartAsync(new PostgresServerOptions { Settings = new Dictionary<string, string> { ["max_connections"] = "10" } });
        await using var fixture = await CreateAsync(postgres);
        await LosesNothingAsync(fixture, "accepts no more connections", async () =>
        {
            var taken = await UsedUpConnections.TakeAsync(fixture.Database);
            return () => taken.DisposeAsync().AsTask();
        });
    }

    [SmallDiskFact]
    public async Task A_Postgres_whose_disk_is_full_loses_no_token()
    {
        await using var postgres = await PostgresServer.StartAsync(new PostgresServerOptions { SmallDisk = "128k" });
        await using var fixture = await CreateAsync(postgres);
        await LosesNothingAsync(fixture, "its disk is full", async () =>
        {
            await postgres.ExecuteAsync("alter table oauth_tokens set tablespace small", fixture.Database.Name);
            // The space of dead rows is filled as well, so that no page has space for another row with tokens.
            await postgres.ExecuteAsync("vacuum oauth_tokens", fixture.Database.Name);
            await postgres.ExecuteAsync(
                """
                do $$ begin loop
                  begin
                    insert into oauth_tokens (provider, account, token_data) values ('filler', gen_random_uuid(), '{}');
                  exception when disk_full then exit;
                  end;
                end loop; end $$
                """,
                fixture.Database.Name);
            return () => postgres.ResizeSmallDiskAsync("10m");
        });
    }

    [Fact]
    public async Task A_failover_to_a_standby_loses_no_token_while_it_is_read_only_or_afterwards()
    {
        await using var primary = await PostgresServer.StartAsync(new PostgresServerOptions { CountStatements = false });
        await using var standby = await primary.StartStandbyAsync();
        await using var address = FaultProxy.Start("127.0.0.1", primary.Port);
        await using var fixture = await CreateAsync(primary);
        fixture.Database = fixture.Database.At(address.Port);
        await LosesNothingAsync(fixture, "it is read-only", async () =>
        {
            // The primary stops only when the standby has received everything.
            await primary.StopAsync();
            address.Redirect("127.0.0.1", standby.Port);
            return () => standby.ExecuteAsync("select pg_promote()");
        });
    }

    [Fact]
    public async Task After_a_failover_to_a_standby_that_lags_behind_the_newest_token_is_written_again_before_any_request_with_an_older_one()
    {
        await using var primary = await PostgresServer.StartAsync(new PostgresServerOptions { CountStatements = false });
        await using var standby = await primary.StartStandbyAsync();
        await using var address = FaultProxy.Start("127.0.0.1", primary.Port);
        await using var fixture = await CreateAsync(primary);
        fixture.Database = fixture.Database.At(address.Port);
        await fixture.StartOperatorAsync(Rotates);
        var ahead = await fixture.AddAccountAsync("ahead");
        await fixture.ReadyAsync("ahead");
        await standby.SeesAsync("exists (select from oauth_tokens where last_refresh_at is not null)", fixture.Database.Name);
        await standby.StopFollowingAsync();
        await fixture.RequestRefreshAsync("ahead");
        await HandledAsync(fixture, ["ahead"], "now");

        await primary.StopAsync(crash: true);
        address.Redirect("127.0.0.1", standby.Port);
        await standby.ExecuteAsync("select pg_promote()");
        await fixture.Operator.LogsAsync("it failed over to a standby that lagged behind", Timeout);
        await Eventually.SeesAsync(() => fixture.StoredTokenAsync("ahead"), token => token!.RefreshToken!.Reveal() == ahead.RefreshToken, Timeout);
        await fixture.RequestRefreshAsync("ahead", "again");
        await HandledAsync(fixture, ["ahead"], "again");
        await IsKeptAsync(fixture, "ahead", ahead);
        fixture.Tokens.Requests.Select(request => request.Form["refresh_token"]).Should().OnlyHaveUniqueItems("a second use ends the grant");
    }

    [Fact]
    public async Task When_each_statement_takes_5_s_every_token_is_requested_once_and_committed_and_a_successor_requests_none_again()
    {
        await using var fixture = await CreateAsync(cluster.Postgres);
        var first = await fixture.StartOperatorAsync(Rotates);
        string[] names = ["slow-1", "slow-2", "slow-3"];
        List<(string Name, TokenGrant Grant)> grants = [];
        foreach (var name in names)
            grants.Add((name, await fixture.AddAccountAsync(name)));
        foreach (var name in names)
            await fixture.ReadyAsync(name);
        var second = await fixture.StartOperatorAsync(Rotates);
        await SlowDownAsync(fixture);

        var late = await fixture.AddAccountAsync("late");
        foreach (var name in names)
            await fixture.RequestRefreshAsync(name);
        await fixture.SeesAsync("late", "Ready", "True", within: Timeout);
        await HandledAsync(fixture, names, "now");
        fixture.Tokens.Requests.Should().HaveCount(3 + 1 + 3);

        // Most likely during a claim or a commit.
        foreach (var name in names)
            await fixture.RequestRefreshAsync(name, "again");
        await Eventually.IsTrueAsync(() => fixture.Tokens.Requests.Count > 7, Timeout);
        // As long as a kubelet waits.
        await first.SignalAsync("TERM");
        (await first.WaitForExitAsync()).Should().Be(0);
        await HandledAsync(fixture, names, "again");
        fixture.Tokens.Requests.Select(request => request.Form["refresh_token"]).Should().OnlyHaveUniqueItems("a second use ends the grant");
        foreach (var (name, grant) in grants.Append(("late", late)))
            await IsKeptAsync(fixture, name, grant);
        second.HasExited.Should().BeFalse();
    }

    /// <summary>Makes each statement of the operator take 5 s.</summary>
    private static async Task SlowDownAsync(OperatorFixture fixture)
    {
        var role = $"slow_{fixture.Database.Name}";
        await fixture.Postgres.ExecuteAsync(
            $"""
            create role {role};
            grant all on all tables in schema public to {role};
            grant all on all sequences in schema public to {role};
            create function takes_5_s() returns boolean language plpgsql as $$ begin
              if current_setting('test.slept', true) is distinct from statement_timestamp()::text then
                perform set_config('test.slept', statement_timestamp()::text, false);
                perform pg_sleep(5);
              end if;
              return true;
            end $$;
            do $$ declare name text; begin
              for name in select tablename from pg_tables where schemaname = 'public' loop
                execute format('alter table %I enable row level security; create policy slow on %I using (takes_5_s()) with check (takes_5_s())', name, name);
              end loop;
            end $$;
            alter database {fixture.Database.Name} set role = {role};
            select pg_terminate_backend(pid) from pg_stat_activity where datname = '{fixture.Database.Name}' and pid <> pg_backend_pid();
            """,
            fixture.Database.Name);
    }

    private async Task<OperatorFixture> CreateAsync(PostgresServer postgres) =>
        await OperatorFixture.CreateAsync(cluster, new TokenServerBehaviour { RotateRefreshTokens = true }, postgres);

    /// <summary>When the failure starts, one account has an answer that is not committed. Another one is refreshed during the failure.</summary>
    /// <param name="fixture">A fixture without an operator.</param>
    /// <param name="words">The expected words in the status.</param>
    /// <param name="begin">Starts the failure, and returns what ends it.</param>
    private static async Task LosesNothingAsync(OperatorFixture fixture, string words, Func<Task<Func<Task>>> begin)
    {
        await fixture.StartOperatorAsync(Rotates);
        var (held, waiting) = (await fixture.AddAccountAsync("held"), await fixture.AddAccountAsync("waiting"));
        await fixture.ReadyAsync("held");
        await fixture.ReadyAsync("waiting");
        var release = new TaskCompletionSource();
        var asked = fixture.Tokens.Requests.Count;
        fixture.Tokens.Next("held", ScriptedAnswer.Held(release.Task));
        await fixture.RequestRefreshAsync("held");
        await Eventually.IsTrueAsync(() => fixture.Tokens.Requests.Count > asked);

        var end = await begin();
        release.SetResult();
        await fixture.SeesAsync("held", "Persisted", "False", "StoreUnavailable");
        fixture.Tokens.IsValid((await fixture.SecretAsync("held"))!["access_token"]!).Should().BeTrue();
        await fixture.RequestRefreshAsync("waiting");
        await Eventually.SeesAsync(() => fixture.GetAsync("waiting"), view => view.Message("Ready")?.Contains(words, StringComparison.Ordinal) == true);
        fixture.Tokens.Requests.Should().HaveCount(asked + 1, "an answer could not be kept");

        await end();
        await fixture.SeesAsync("held", "Persisted", "True", within: Timeout);
        await HandledAsync(fixture, ["waiting"], "now");
        await IsKeptAsync(fixture, "held", held);
        await IsKeptAsync(fixture, "waiting", waiting);
        fixture.Tokens.Requests.Should().HaveCount(asked + 2);
    }

    private static async Task HandledAsync(OperatorFixture fixture, string[] names, string request)
    {
        foreach (var name in names)
        {
            await Eventually.SeesAsync(
                () => fixture.GetAsync(name), view => view["lastHandledRefreshRequest"] == request && view.Status("Refreshed") == "True", Timeout);
        }
    }

    /// <summary>Verifies that the last token of the provider is committed and published.</summary>
    private static async Task IsKeptAsync(OperatorFixture fixture, string name, TokenGrant grant)
    {
        await fixture.SeesAsync(name, "Persisted", "True");
        var stored = (await fixture.StoredTokenAsync(name))!;
        stored.RefreshToken!.Reveal().Should().Be(grant.RefreshToken);
        var published = (await fixture.SecretAsync(name))!["access_token"]!;
        stored.AccessToken!.Reveal().Should().Be(published);
        fixture.Tokens.IsValid(published).Should().BeTrue();
    }
}

/// <summary>A test that mounts a file system of a few pages. It is skipped where that is not allowed.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SmallDiskFactAttribute : FactAttribute
{
    public SmallDiskFactAttribute()
    {
        if (!PostgresServer.CanHaveSmallDisk)
            Skip = "NOT TESTED: a disk that is full. It takes a file system of a few pages, and mounting one takes root (unshare --mount) and a container that allows it.";
    }
}
