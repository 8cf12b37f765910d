using TokenOperator.TestBed;
using TokenOperator.TestBed.Faults;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests;

/// <summary>
/// A Postgres that is there and refuses or delays what it is asked, for real; and a provider that rotates refresh tokens and ends
/// a grant when it sees an old one.
/// </summary>
[Collection(FaultGroup.Name)]
public sealed class StoreTroubleTests(ClusterFixture cluster)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);
    private static readonly (string, string) Rotates = ("Providers__google__RotatesRefreshTokens", "true");

    [Fact]
    public async Task A_Postgres_that_takes_no_more_connections_loses_no_token()
    {
        await using var postgres = await PostgresServer.StartAsync(new PostgresServerOptions { Settings = new Dictionary<string, string> { ["max_connections"] = "10" } });
        await using var bed = await CreateAsync(postgres);
        await LosesNothingAsync(bed, "takes no more connections", async () =>
        {
            var taken = await UsedUpConnections.TakeAsync(bed.Database);
            return () => taken.DisposeAsync().AsTask();
        });
    }

    [SmallDiskFact]
    public async Task A_Postgres_whose_disk_is_full_loses_no_token()
    {
        await using var postgres = await PostgresServer.StartAsync(new PostgresServerOptions { SmallDisk = "128k" });
        await using var bed = await CreateAsync(postgres);
        await LosesNothingAsync(bed, "its disk is full", async () =>
        {
            await postgres.ExecuteAsync("alter table oauth_tokens set tablespace small", bed.Database.Name);
            // The room of dead rows is filled as well, so that no page takes one more row with tokens.
            await postgres.ExecuteAsync("vacuum oauth_tokens", bed.Database.Name);
            await postgres.ExecuteAsync(
                """
                do $$ begin loop
                  begin
                    insert into oauth_tokens (provider, account, token_data) values ('filler', gen_random_uuid(), '{}');
                  exception when disk_full then exit;
                  end;
                end loop; end $$
                """,
                bed.Database.Name);
            return () => postgres.ResizeSmallDiskAsync("10m");
        });
    }

    [Fact]
    public async Task A_failover_to_a_standby_loses_no_token_neither_while_it_is_read_only_nor_after()
    {
        await using var primary = await PostgresServer.StartAsync(new PostgresServerOptions { CountStatements = false });
        await using var standby = await primary.StartStandbyAsync();
        await using var address = FaultProxy.Start("127.0.0.1", primary.Port);
        await using var bed = await CreateAsync(primary);
        bed.Database = bed.Database.At(address.Port);
        await LosesNothingAsync(bed, "it is read-only", async () =>
        {
            // It ends only when the standby has all that it wrote.
            await primary.StopAsync();
            address.Redirect("127.0.0.1", standby.Port);
            return () => standby.ExecuteAsync("select pg_promote()");
        });
    }

    [Fact]
    public async Task After_a_failover_to_a_standby_that_lags_behind_the_newest_token_is_written_again_before_anybody_asks_with_an_older_one()
    {
        await using var primary = await PostgresServer.StartAsync(new PostgresServerOptions { CountStatements = false });
        await using var standby = await primary.StartStandbyAsync();
        await using var address = FaultProxy.Start("127.0.0.1", primary.Port);
        await using var bed = await CreateAsync(primary);
        bed.Database = bed.Database.At(address.Port);
        await bed.StartOperatorAsync(Rotates);
        var ahead = await bed.AddAccountAsync("ahead");
        await bed.ReadyAsync("ahead");
        await standby.SeesAsync("exists (select from oauth_tokens where last_refresh_at is not null)", bed.Database.Name);
        await standby.StopFollowingAsync();
        await bed.RequestRefreshAsync("ahead");
        await HandledAsync(bed, ["ahead"], "now");

        await primary.StopAsync(crash: true);
        address.Redirect("127.0.0.1", standby.Port);
        await standby.ExecuteAsync("select pg_promote()");
        await Eventually.TrueAsync(() => bed.Operator.Log.Contains("it failed over to a standby that lagged behind", StringComparison.Ordinal), Patience);
        await Eventually.SeesAsync(() => bed.StoredTokenAsync("ahead"), token => token!.RefreshToken!.Reveal() == ahead.RefreshToken, Patience);
        await bed.RequestRefreshAsync("ahead", "again");
        await HandledAsync(bed, ["ahead"], "again");
        await IsKeptAsync(bed, "ahead", ahead);
        bed.Tokens.Requests.Select(request => request.Form["refresh_token"]).Should().OnlyHaveUniqueItems("a second use ends the grant");
    }

    [Fact]
    public async Task When_each_statement_takes_5_s_all_is_asked_once_and_committed_and_a_successor_asks_nothing_again()
    {
        await using var bed = await CreateAsync(cluster.Postgres);
        var first = await bed.StartOperatorAsync(Rotates);
        string[] names = ["slow-1", "slow-2", "slow-3"];
        List<(string Name, TokenGrant Grant)> grants = [];
        foreach (var name in names)
            grants.Add((name, await bed.AddAccountAsync(name)));
        foreach (var name in names)
            await bed.ReadyAsync(name);
        var second = await bed.StartOperatorAsync(Rotates);
        await SlowDownAsync(bed);

        var late = await bed.AddAccountAsync("late");
        foreach (var name in names)
            await bed.RequestRefreshAsync(name);
        await bed.SeesAsync("late", "Ready", "True", within: Patience);
        await HandledAsync(bed, names, "now");
        bed.Tokens.Requests.Should().HaveCount(3 + 1 + 3);

        // Most likely in the middle of a claim or of a commit.
        foreach (var name in names)
            await bed.RequestRefreshAsync(name, "again");
        await Eventually.TrueAsync(() => bed.Tokens.Requests.Count > 7, Patience);
        // Given as much time as a kubelet gives it.
        await first.SignalAsync("TERM");
        (await first.WaitForExitAsync()).Should().Be(0);
        await HandledAsync(bed, names, "again");
        bed.Tokens.Requests.Select(request => request.Form["refresh_token"]).Should().OnlyHaveUniqueItems("a second use ends the grant");
        foreach (var (name, grant) in grants.Append(("late", late)))
            await IsKeptAsync(bed, name, grant);
        second.HasExited.Should().BeFalse();
    }

    /// <summary>From now on each statement of the operator takes 5 s.</summary>
    private static async Task SlowDownAsync(OperatorBed bed)
    {
        var role = $"slow_{bed.Database.Name}";
        await bed.Postgres.ExecuteAsync(
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
            alter database {bed.Database.Name} set role = {role};
            select pg_terminate_backend(pid) from pg_stat_activity where datname = '{bed.Database.Name}' and pid <> pg_backend_pid();
            """,
            bed.Database.Name);
    }

    private async Task<OperatorBed> CreateAsync(PostgresServer postgres) =>
        await OperatorBed.CreateAsync(cluster, new TokenServerBehaviour { RotateRefreshTokens = true }, postgres);

    /// <summary>One account has been answered and not committed when the trouble begins, another is asked for meanwhile.</summary>
    /// <param name="bed">With no operator yet.</param>
    /// <param name="words">What the status is to say.</param>
    /// <param name="begin">Makes the trouble, and gives what ends it.</param>
    private static async Task LosesNothingAsync(OperatorBed bed, string words, Func<Task<Func<Task>>> begin)
    {
        await bed.StartOperatorAsync(Rotates);
        var (held, waiting) = (await bed.AddAccountAsync("held"), await bed.AddAccountAsync("waiting"));
        await bed.ReadyAsync("held");
        await bed.ReadyAsync("waiting");
        var release = new TaskCompletionSource();
        var asked = bed.Tokens.Requests.Count;
        bed.Tokens.Next("held", ScriptedAnswer.Held(release.Task));
        await bed.RequestRefreshAsync("held");
        await Eventually.TrueAsync(() => bed.Tokens.Requests.Count > asked);

        var end = await begin();
        release.SetResult();
        await bed.SeesAsync("held", "Persisted", "False", "StoreUnavailable");
        bed.Tokens.IsValid((await bed.SecretAsync("held"))!["access_token"]!).Should().BeTrue();
        await bed.RequestRefreshAsync("waiting");
        await Eventually.SeesAsync(() => bed.GetAsync("waiting"), view => view.Message("Ready")?.Contains(words, StringComparison.Ordinal) == true);
        bed.Tokens.Requests.Should().HaveCount(asked + 1, "an answer could not be kept");

        await end();
        await bed.SeesAsync("held", "Persisted", "True", within: Patience);
        await HandledAsync(bed, ["waiting"], "now");
        await IsKeptAsync(bed, "held", held);
        await IsKeptAsync(bed, "waiting", waiting);
        bed.Tokens.Requests.Should().HaveCount(asked + 2);
    }

    private static async Task HandledAsync(OperatorBed bed, string[] names, string request)
    {
        foreach (var name in names)
        {
            await Eventually.SeesAsync(
                () => bed.GetAsync(name), view => view["lastHandledRefreshRequest"] == request && view.Status("Refreshed") == "True", Patience);
        }
    }

    /// <summary>What the provider handed out last is committed and published.</summary>
    private static async Task IsKeptAsync(OperatorBed bed, string name, TokenGrant grant)
    {
        await bed.SeesAsync(name, "Persisted", "True");
        var stored = (await bed.StoredTokenAsync(name))!;
        stored.RefreshToken!.Reveal().Should().Be(grant.RefreshToken);
        var published = (await bed.SecretAsync(name))!["access_token"]!;
        stored.AccessToken!.Reveal().Should().Be(published);
        bed.Tokens.IsValid(published).Should().BeTrue();
    }
}

/// <summary>A test that mounts a file system of a few pages: where that is not allowed it is skipped and says so.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SmallDiskFactAttribute : FactAttribute
{
    public SmallDiskFactAttribute()
    {
        if (!PostgresServer.CanHaveSmallDisk)
            Skip = "NOT TESTED: a disk that is full. It takes a file system of a few pages, and mounting one takes root (unshare --mount) and a container that allows it.";
    }
}
