using System.Globalization;
using System.Text.Json.Nodes;
using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests;

/// <summary>Postgres away, at the worst of moments.</summary>
[Collection(FaultGroup.Name)]
public sealed class StoreOutageTests(ClusterFixture cluster)
{
    [Fact]
    public async Task A_token_that_cannot_be_committed_is_published_all_the_same_and_committed_when_Postgres_is_back()
    {
        await using var postgres = await PostgresServer.StartAsync();
        await using var bed = await OperatorBed.StartAsync(cluster, new TokenServerBehaviour { RotateRefreshTokens = true }, postgres);
        var grant = await bed.AddAccountAsync("held");
        await bed.ReadyAsync("held");
        var old = (await bed.SecretAsync("held"))!["access_token"];

        var release = new TaskCompletionSource();
        var asked = bed.Tokens.Requests.Count;
        bed.Tokens.Next(ScriptedTokenServer.Everyone, ScriptedAnswer.Held(release.Task));
        await bed.RequestRefreshAsync("held");
        await Eventually.TrueAsync(() => bed.Tokens.Requests.Count > asked);
        await postgres.StopAsync();
        release.SetResult();

        await bed.SeesAsync("held", "Persisted", "False", "StoreUnavailable");
        var published = (await bed.SecretAsync("held"))!["access_token"]!;
        published.Should().NotBe(old);
        bed.Tokens.IsValid(published).Should().BeTrue();

        await postgres.StartAgainAsync();
        await bed.SeesAsync("held", "Persisted", "True");
        (await bed.StoredTokenAsync("held"))!.RefreshToken!.Reveal().Should().Be(grant.RefreshToken, "the rotated one is kept");
        (await bed.StoredTokenAsync("held"))!.AccessToken!.Reveal().Should().Be(published);
    }

    [Fact]
    public async Task While_Postgres_is_away_nothing_is_asked_that_could_not_be_kept_and_all_goes_on_by_itself()
    {
        await using var postgres = await PostgresServer.StartAsync();
        await using var bed = await OperatorBed.CreateAsync(cluster, postgres: postgres);
        await bed.StartOperatorAsync(("Providers__google__RotatesRefreshTokens", "true"));
        var grant = await bed.AddAccountAsync("waiting");
        await bed.ReadyAsync("waiting");
        await postgres.StopAsync();

        await bed.RequestRefreshAsync("waiting");
        var view = await bed.SeesAsync("waiting", "Ready", "True", "StoreUnavailable");
        view.Message("Ready").Should().NotContain("Password").And.Contain("127.0.0.1");
        bed.Tokens.AskedFor(grant.RefreshToken).Should().Be(1);
        await bed.Kubectl.RunAsync(["delete", "secret", "-n", bed.Namespace, "waiting"]);
        await Eventually.SeesAsync(() => bed.SecretAsync("waiting"), secret => secret is not null, TimeSpan.FromSeconds(2));

        await postgres.StartAgainAsync();
        await bed.SeesAsync("waiting", "Ready", "True", "Refreshed");
    }

    [Fact]
    public async Task While_Postgres_is_away_for_longer_than_a_token_lives_a_provider_that_does_not_rotate_goes_on_being_asked()
    {
        await using var postgres = await PostgresServer.StartAsync();
        await using var bed = await OperatorBed.StartAsync(cluster, new TokenServerBehaviour { TokenLifetime = TimeSpan.FromSeconds(10) }, postgres);
        var grant = await bed.AddAccountAsync("lasting");
        await bed.ReadyAsync("lasting");
        await postgres.StopAsync();
        var asked = bed.Tokens.AskedFor(grant.RefreshToken);

        await Eventually.TrueAsync(() => bed.Tokens.AskedFor(grant.RefreshToken) >= asked + 3);
        var view = await bed.SeesAsync("lasting", "Persisted", "False", "StoreUnavailable");
        view.Status("Ready").Should().Be("True", "every token was renewed in its time");

        await postgres.StartAgainAsync();
        await bed.SeesAsync("lasting", "Persisted", "True");
        var stored = (await bed.StoredTokenAsync("lasting"))!;
        stored.RefreshToken!.Reveal().Should().Be(grant.RefreshToken);
        bed.Tokens.IsValid(stored.AccessToken!.Reveal()).Should().BeTrue("the newest is committed");
    }

    [Fact]
    public async Task An_operator_that_starts_without_Postgres_says_so_and_goes_on_when_it_comes()
    {
        await using var postgres = await PostgresServer.StartAsync();
        await using var bed = await OperatorBed.CreateAsync(cluster, postgres: postgres);
        await postgres.StopAsync();
        await bed.StartOperatorAsync();
        await bed.AddAccountAsync("early");
        await bed.SeesAsync("early", "Ready", "False", "StoreUnavailable");
        await postgres.StartAgainAsync();
        await bed.ReadyAsync("early");
    }

    [Fact]
    public async Task A_read_only_database_is_said_to_be_so_and_nothing_is_asked()
    {
        await using var bed = await OperatorBed.StartAsync(cluster);
        await bed.Postgres.ExecuteAsync($"alter database \"{bed.Database.Name}\" set default_transaction_read_only = on");
        await bed.Postgres.ExecuteAsync($"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{bed.Database.Name}'");
        var grant = await bed.AddAccountAsync("frozen");
        await Eventually.SeesAsync(() => bed.GetAsync("frozen"), view => view.Message("Ready")?.Contains("read-only", StringComparison.Ordinal) == true);
        bed.Tokens.AskedFor(grant.RefreshToken).Should().Be(0);
        await bed.Postgres.ExecuteAsync($"alter database \"{bed.Database.Name}\" set default_transaction_read_only = off");
        await bed.Postgres.ExecuteAsync($"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{bed.Database.Name}'");
        await bed.ReadyAsync("frozen");
    }

    [Theory]
    [InlineData("TERM")]
    // Ctrl-C.
    [InlineData("INT")]
    public async Task A_signal_waits_for_what_was_sent_to_the_provider_however_long_that_takes_and_commits_it(string signal)
    {
        await using var bed = await OperatorBed.StartAsync(cluster, new TokenServerBehaviour { RotateRefreshTokens = true });
        var grant = await bed.AddAccountAsync("leaving");
        await bed.ReadyAsync("leaving");
        var release = new TaskCompletionSource();
        var asked = bed.Tokens.Requests.Count;
        bed.Tokens.Next(ScriptedTokenServer.Everyone, ScriptedAnswer.Held(release.Task));
        await bed.RequestRefreshAsync("leaving");
        await Eventually.TrueAsync(() => bed.Tokens.Requests.Count > asked);

        await bed.Operator.SignalAsync(signal);
        await Eventually.TrueAsync(() => bed.Operator.Log.Contains("is stopping", StringComparison.Ordinal));
        // It leads on meanwhile, longer than the 2 s after which System.CommandLine ends a process of itself.
        var stopping = await RenewedAsync(bed);
        await Eventually.SeesAsync(() => RenewedAsync(bed), renewed => renewed - stopping > TimeSpan.FromSeconds(4));
        release.SetResult();
        (await bed.Operator.WaitForExitAsync()).Should().Be(0);
        (await bed.StoredTokenAsync("leaving"))!.RefreshToken!.Reveal().Should().Be(grant.RefreshToken);
        (await bed.QueryAsync("select count(*) from oauth_tokens where claim_expires_at is not null")).Should().Be("0");
        ((string?)(await LeaseAsync(bed))["holderIdentity"]).Should().BeEmpty("it was given back");
        bed.Operator.Log.Should().NotContain("   at ", "nobody wants to read a stack");
    }

    private async Task<JsonNode> LeaseAsync(OperatorBed bed) =>
        (await cluster.Plane.GetAsync($"/apis/coordination.k8s.io/v1/namespaces/{ClusterFixture.OperatorNamespace}/leases/{bed.LeaseName}"))!["spec"]!;

    private async Task<DateTimeOffset> RenewedAsync(OperatorBed bed) =>
        DateTimeOffset.Parse((string)(await LeaseAsync(bed))["renewTime"]!, CultureInfo.InvariantCulture);
}
