using System.Globalization;
using System.Text.Json.Nodes;
using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests.Alerts;

/// <summary>
/// Tests the alerts with promtool on the metrics that a real operator exported under failures: each fires when it should, and
/// none at any other time. A second of the test is a minute for promtool.
/// </summary>
[Collection(AlertGroup.Name)]
public sealed class AlertTests(ClusterFixture cluster)
{
    private const string Failures = "tokenoperator_oauthtoken_failures";
    private const string NeedsHuman = "tokenoperator_oauthtoken_needs_human";
    private const string Expiry = "tokenoperator_oauthtoken_expiry_timestamp_seconds";
    private const string NextRefresh = "tokenoperator_oauthtoken_next_refresh_timestamp_seconds";
    private const string Persisted = "tokenoperator_oauthtoken_persisted";

    /// <summary>
    /// An outage that went unnoticed for 29 hours: on a Thursday evening refreshes start to fail. Mail is sent with a token of
    /// two hours that is refreshed an hour before it expires. Calendars and files use a token of an hour, refreshed after half of it.
    /// </summary>
    [Fact]
    public async Task Failing_refreshes_page_within_10_minutes_and_long_before_the_application_is_affected()
    {
        await using var fixture = await OperatorFixture.StartAsync(cluster, new TokenServerBehaviour { TokenLifetime = TimeSpan.FromMinutes(2) });
        await using var scraper = new Scraper(() => fixture.Operator);
        await fixture.AddAccountAsync("mail");
        await fixture.ReadyAsync("mail");
        fixture.Tokens.Behaviour.TokenLifetime = TimeSpan.FromMinutes(1);
        await fixture.WriteSecretAsync("deleted-client", "credentials.json", """{"installed":{"client_id":"deleted","client_secret":"s"}}""");
        await fixture.AddAccountAsync("calendar");
        await fixture.AddAccountAsync("files");
        await fixture.AddAccountAsync("contacts", spec => spec["clientSecretRef"]!["name"] = "deleted-client");
        await fixture.AddAccountAsync("healthy");
        await fixture.AddAccountAsync("paused");
        foreach (var name in new[] { "calendar", "files", "contacts", "healthy", "paused" })
            await fixture.ReadyAsync(name);
        await fixture.PatchSpecAsync("paused", """{"suspend": true}""");
        await fixture.WriteSeedAsync("hopeless", "a-token-of-nobody");
        await fixture.ApplyAsync("hopeless");

        var thursday = scraper.Now;
        fixture.Tokens.Always("mail", ScriptedAnswer.ServerError());
        fixture.Tokens.Always("files", ScriptedAnswer.ServerError());
        fixture.Tokens.Always("calendar", ScriptedAnswer.InvalidGrant);
        fixture.Tokens.Always("contacts", ScriptedAnswer.InvalidClient);
        await scraper.SeesAsync(Failures, Name("mail"), failures => failures > 0);
        await scraper.PassAsync(12);
        await scraper.SeesAsync(Expiry, Name("calendar"), end => end < (scraper.Now - 3) * 60);
        await scraper.SeesAsync(Expiry, Name("paused"), end => end < (scraper.Now - 3) * 60);
        var cleared = scraper.Now - 1;
        fixture.Tokens.Always("mail", null);
        await fixture.RequestRefreshAsync("mail");
        await fixture.SeesAsync("mail", "Refreshed", "True");
        await scraper.SeesAsync(Failures, Name("mail"), failures => failures == 0);
        await scraper.PassAsync(3);

        var story = new PromtoolStory(scraper);
        var first = scraper.First(Failures, Name("mail"), failures => failures > 0, thursday);
        story.Expect(first, Name("mail"));
        story.Expect(first + 6, Name("mail"), "OAuthTokenRefreshFailing");
        story.Expect(cleared, Name("mail"), "OAuthTokenRefreshFailing");
        story.Expect(scraper.Now - 1, Name("mail"));
        var felt = At(scraper, Expiry, "mail", first);
        // A refresh that a busy machine starts 10 s late counts as one 10 minutes late.
        (felt - (first + 6)).Should().BeGreaterThanOrEqualTo(40, "the alert fires 40 minutes before the first mail can fail");

        var files = scraper.First(Failures, Name("files"), failures => failures > 0, thursday);
        story.Expect(files, Name("files"));
        story.Expect(files + 6, Name("files"), "OAuthTokenRefreshFailing");
        (At(scraper, Expiry, "files", files) - (files + 6)).Should().BeGreaterThan(10, "for a token of an hour, the alert fires as early as refreshBefore allows");

        var dead = scraper.First(NeedsHuman, Name("calendar"), needed => needed == 1, thursday);
        var expired = At(scraper, Expiry, "calendar", dead);
        story.Expect(dead, Name("calendar"));
        story.Expect(dead + 3, Name("calendar"), "OAuthTokenNeedsHuman");
        story.Expect((int)expired - 2, Name("calendar"), "OAuthTokenNeedsHuman");
        story.Expect(scraper.Now - 1, Name("calendar"), "OAuthTokenNeedsHuman", "OAuthTokenExpired");
        (expired - (dead + 3)).Should().BeGreaterThan(10, "for a token of an hour, the alert fires as early as refreshBefore allows");

        var refused = scraper.First(NeedsHuman, Name("contacts"), needed => needed == 1);
        story.Expect(refused - 1, Name("contacts"));
        story.Expect(refused + 3, Name("contacts"), "OAuthTokenClientRejected");

        var hopeless = scraper.First(NeedsHuman, Name("hopeless"), needed => needed == 1);
        story.Expect(hopeless + 14, Name("hopeless"));
        story.Expect(hopeless + 16, Name("hopeless") + ",severity=\"warning\"", "OAuthTokenNeedsHuman");
        story.Expect(scraper.Now - 1, Name("hopeless") + ",severity=\"critical\"");

        for (var minute = 10; minute < scraper.Now; minute += 5)
        {
            story.Expect(minute, Name("healthy"));
            story.Expect(minute, Name("paused"));
            story.Expect(minute, "alertname=~\"TokenOperator.+\"");
        }

        await story.TellAsync();
    }

    [Fact]
    public async Task A_Postgres_that_is_away_a_token_in_memory_alone_an_operator_that_is_gone_and_one_that_does_not_lead_are_told_apart()
    {
        await using var postgres = await PostgresServer.StartAsync();
        await using var fixture = await OperatorFixture.StartAsync(
            cluster, new TokenServerBehaviour { RotateRefreshTokens = true, TokenLifetime = TimeSpan.FromMinutes(1) }, postgres);
        await using var scraper = new Scraper(() => fixture.Operator);
        await fixture.AddAccountAsync("mail");
        await fixture.ReadyAsync("mail");
        await scraper.PassAsync(3);

        var release = new TaskCompletionSource();
        var asked = fixture.Tokens.Requests.Count;
        fixture.Tokens.Next(ScriptedTokenServer.Everyone, ScriptedAnswer.Held(release.Task));
        await fixture.RequestRefreshAsync("mail");
        await Eventually.IsTrueAsync(() => fixture.Tokens.Requests.Count > asked);
        var good = scraper.Now - 1;
        await postgres.StopAsync();
        release.SetResult();
        await scraper.SeesAsync(Persisted, Name("mail"), persisted => persisted == 0);
        await scraper.SeesAsync("tokenoperator_store_up", "job", up => up == 0);
        await scraper.PassAsync(6);
        var away = scraper.Now - 1;
        await postgres.StartAgainAsync();
        await scraper.SeesAsync(Persisted, Name("mail"), persisted => persisted == 1);
        await scraper.SeesAsync("tokenoperator_store_up", "job", up => up == 1);
        await scraper.PassAsync(2);
        var back = scraper.Now - 1;

        await fixture.Operator.KillAsync();
        await scraper.SeesAsync("up", "job", up => up == 0);
        await scraper.PassAsync(7);
        var gone = scraper.Now - 1;
        await TakeLeaseAsync(fixture.LeaseName);
        await fixture.StartOperatorAsync();
        // Not longer than the token's lifetime, or the token would expire too. Another holder keeps the lease all the time.
        await Eventually.SeesAsync(
            async () =>
            {
                await TakeLeaseAsync(fixture.LeaseName);
                return scraper.Latest(NextRefresh, Name("mail")) is { } next && next < (scraper.Now - 9) * 60;
            },
            late => late,
            TimeSpan.FromMinutes(3));
        await scraper.PassAsync(3);
        var leaderless = scraper.Now - 1;
        await fixture.Kubectl.RunAsync(["delete", "lease", "-n", ClusterFixture.OperatorNamespace, fixture.LeaseName]);
        await scraper.SeesAsync(NextRefresh, Name("mail"), next => next > scraper.Now * 60);
        await scraper.PassAsync(2);

        var story = new PromtoolStory(scraper);
        story.Expect(good, "alertname!=\"\"");
        story.Expect(away, "alertname!=\"\"", "OAuthTokenNotPersisted", "TokenOperatorStoreUnreachable");
        story.Expect(back, "alertname!=\"\"");
        story.Expect(gone, "alertname!=\"\"", "TokenOperatorGone");
        story.Expect(leaderless, "alertname!=\"OAuthTokenExpired\"", "OAuthTokenRefreshOverdue", "TokenOperatorNoLeader");
        story.Expect(scraper.Now - 1, "alertname!=\"\"");
        await story.TellAsync();
    }

    private static string Name(string name) => $"name=\"{name}\"";

    private static double At(Scraper scraper, string metric, string name, int minute) =>
        scraper.Series.Single(series => series.Key.StartsWith(metric, StringComparison.Ordinal) && series.Key.Contains(Name(name), StringComparison.Ordinal))
            .Value[minute]!.Value / 60;

    /// <summary>Renews the lease as another holder.</summary>
    private Task TakeLeaseAsync(string lease) => cluster.Plane.MergeAsync(
        $"/apis/coordination.k8s.io/v1/namespaces/{ClusterFixture.OperatorNamespace}/leases/{lease}",
        new JsonObject
        {
            ["spec"] = new JsonObject
            {
                ["holderIdentity"] = "somebody-else",
                ["renewTime"] = DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture),
            },
        });
}
