using System.Globalization;
using System.Text.Json.Nodes;
using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests;

/// <summary>Outages of Postgres at critical moments.</summary>
[Collection(FaultGroup.Name)]
public sealed class StoreOutageTests(ClusterFixture cluster)
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(90);

    [Fact]
    public async Task A_token_that_cannot_be_committed_is_published_and_committed_when_Postgres_is_back()
    {
        await using var postgres = await PostgresServer.StartAsync();
        await using var fixture = await OperatorFixture.StartAsync(cluster, new TokenServerBehaviour { RotateRefreshTokens = true }, postgres);
        var grant = await fixture.AddAccountAsync("held");
        await fixture.ReadyAsync("held");
        var old = (await fixture.SecretAsync("held"))!["access_token"];

        var release = new TaskCompletionSource();
        var asked = fixture.Tokens.Requests.Count;
        fixture.Tokens.Next(ScriptedTokenServer.Everyone, ScriptedAnswer.Held(release.Task));
        await fixture.RequestRefreshAsync("held");
        await Eventually.IsTrueAsync(() => fixture.Tokens.Requests.Count > asked);
        await postgres.StopAsync();
        release.SetResult();

        await fixture.SeesAsync("held", "Persisted", "False", "StoreUnavailable");
        var published = (await fixture.SecretAsync("held"))!["access_token"]!;
        published.Should().NotBe(old);
        fixture.Tokens.IsValid(published).Should().BeTrue();

        await postgres.StartAgainAsync();
        await fixture.SeesAsync("held", "Persisted", "True");
        (await fixture.StoredTokenAsync("held"))!.RefreshToken!.Reveal().Should().Be(grant.RefreshToken, "the rotated one is kept");
        (await fixture.StoredTokenAsync("held"))!.AccessToken!.Reveal().Should().Be(published);
    }

    [Fact]
    public async Task While_Postgres_is_away_a_rotating_provider_is_not_asked_and_afterwards_refreshing_resumes_automatically()
    {
        await using var postgres = await PostgresServer.StartAsync();
        await using var fixture = await OperatorFixture.CreateAsync(cluster, postgres: postgres);
        await fixture.StartOperatorAsync(("Providers__google__RotatesRefreshTokens", "true"));
        var grant = await fixture.AddAccountAsync("waiting");
        await fixture.ReadyAsync("waiting");
        await postgres.StopAsync();

        await fixture.RequestRefreshAsync("waiting");
        var view = await fixture.SeesAsync("waiting", "Ready", "True", "StoreUnavailable");
        view.Message("Ready").Should().NotContain("Password").And.Contain("127.0.0.1");
        fixture.Tokens.AskedFor(grant.RefreshToken).Should().Be(1);
        await fixture.Kubectl.RunAsync(["delete", "secret", "-n", fixture.Namespace, "waiting"]);
        await Eventually.SeesAsync(() => fixture.SecretAsync("waiting"), secret => secret is not null);

        await postgres.StartAgainAsync();
        await fixture.SeesAsync("waiting", "Ready", "True", "Refreshed");
    }

    [Fact]
    public async Task While_Postgres_is_away_for_longer_than_a_lifetime_a_provider_that_does_not_rotate_is_still_asked()
    {
        await using var postgres = await PostgresServer.StartAsync();
        await using var fixture = await OperatorFixture.StartAsync(cluster, new TokenServerBehaviour { TokenLifetime = TimeSpan.FromSeconds(10) }, postgres);
        var grant = await fixture.AddAccountAsync("lasting");
        await fixture.ReadyAsync("lasting");
        await postgres.StopAsync();
        var asked = fixture.Tokens.AskedFor(grant.RefreshToken);

        // Three refreshes take longer than a lifetime, so a token that is valid after them was issued during the outage.
        await Eventually.IsTrueAsync(() => fixture.Tokens.AskedFor(grant.RefreshToken) >= asked + 3, Timeout);
        await Eventually.SeesAsync(
            () => fixture.GetAsync("lasting"),
            view => view.Status("Persisted") == "False" && view.Reason("Persisted") == "StoreUnavailable" && view.Status("Ready") == "True",
            Timeout);

        await postgres.StartAgainAsync();
        await fixture.SeesAsync("lasting", "Persisted", "True");
        (await fixture.StoredTokenAsync("lasting"))!.RefreshToken!.Reveal().Should().Be(grant.RefreshToken);
        await Eventually.IsTrueAsync(async () => fixture.Tokens.IsValid((await fixture.StoredTokenAsync("lasting"))!.AccessToken!.Reveal()), "the newest is committed");
    }

    [Fact]
    public async Task An_operator_that_starts_without_Postgres_says_so_and_continues_when_Postgres_starts()
    {
        await using var postgres = await PostgresServer.StartAsync();
        await using var fixture = await OperatorFixture.CreateAsync(cluster, postgres: postgres);
        await postgres.StopAsync();
        await fixture.StartOperatorAsync();
        await fixture.AddAccountAsync("early");
        await fixture.SeesAsync("early", "Ready", "False", "StoreUnavailable");
        await postgres.StartAgainAsync();
        await fixture.ReadyAsync("early");
    }

    [Fact]
    public async Task An_operator_that_starts_without_Postgres_migrates_it_when_it_starts_even_if_there_is_no_OAuthToken()
    {
        await using var postgres = await PostgresServer.StartAsync();
        await using var fixture = await OperatorFixture.CreateAsync(cluster, postgres: postgres);
        await postgres.StopAsync();
        await fixture.StartOperatorAsync();
        await postgres.StartAgainAsync();
        await Eventually.SeesAsync(() => fixture.QueryAsync("select to_regclass('oauth_tokens')::text"), table => table == "oauth_tokens");

        await fixture.AddAccountAsync("late");
        await fixture.ReadyAsync("late");
    }

    [Fact]
    public async Task A_read_only_database_is_reported_and_the_provider_is_not_asked()
    {
        await using var fixture = await OperatorFixture.StartAsync(cluster);
        await fixture.Postgres.ExecuteAsync($"alter database \"{fixture.Database.Name}\" set default_transaction_read_only = on");
        await fixture.Postgres.ExecuteAsync($"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{fixture.Database.Name}'");
        var grant = await fixture.AddAccountAsync("frozen");
        await Eventually.SeesAsync(() => fixture.GetAsync("frozen"), view => view.Message("Ready")?.Contains("read-only", StringComparison.Ordinal) == true);
        fixture.Tokens.AskedFor(grant.RefreshToken).Should().Be(0);
        await fixture.Postgres.ExecuteAsync($"alter database \"{fixture.Database.Name}\" set default_transaction_read_only = off");
        await fixture.Postgres.ExecuteAsync($"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{fixture.Database.Name}'");
        await fixture.ReadyAsync("frozen");
    }

    [Theory]
    [InlineData("TERM")]
    // Ctrl-C.
    [InlineData("INT")]
    public async Task After_a_signal_the_operator_waits_for_the_provider_and_commits_its_answer_however_long_that_takes(string signal)
    {
        await using var fixture = await OperatorFixture.StartAsync(cluster, new TokenServerBehaviour { RotateRefreshTokens = true });
        var grant = await fixture.AddAccountAsync("leaving");
        await fixture.ReadyAsync("leaving");
        var release = new TaskCompletionSource();
        var asked = fixture.Tokens.Requests.Count;
        fixture.Tokens.Next(ScriptedTokenServer.Everyone, ScriptedAnswer.Held(release.Task));
        await fixture.RequestRefreshAsync("leaving");
        await Eventually.IsTrueAsync(() => fixture.Tokens.Requests.Count > asked);

        await fixture.Operator.SignalAsync(signal);
        await fixture.Operator.LogsAsync("is stopping");
        // The process keeps leading for longer than the 2 s after which System.CommandLine ends a process by default.
        var stopping = await RenewedAsync(fixture);
        await Eventually.SeesAsync(() => RenewedAsync(fixture), renewed => renewed - stopping > TimeSpan.FromSeconds(4));
        release.SetResult();
        (await fixture.Operator.WaitForExitAsync()).Should().Be(0);
        (await fixture.StoredTokenAsync("leaving"))!.RefreshToken!.Reveal().Should().Be(grant.RefreshToken);
        (await fixture.QueryAsync("select count(*) from oauth_tokens where claim_expires_at is not null")).Should().Be("0");
        ((string?)(await LeaseAsync(fixture))["holderIdentity"]).Should().BeEmpty("it was released");
        fixture.Operator.Log.Should().NotContain("   at ", "a stack trace does not help the user");
    }

    private async Task<JsonNode> LeaseAsync(OperatorFixture fixture) =>
        (await cluster.Plane.GetAsync($"/apis/coordination.k8s.io/v1/namespaces/{ClusterFixture.OperatorNamespace}/leases/{fixture.LeaseName}"))!["spec"]!;

    private async Task<DateTimeOffset> RenewedAsync(OperatorFixture fixture) =>
        DateTimeOffset.Parse((string)(await LeaseAsync(fixture))["renewTime"]!, CultureInfo.InvariantCulture);
}
