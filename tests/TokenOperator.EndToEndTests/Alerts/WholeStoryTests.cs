using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests.Alerts;

/// <summary>A full cycle: a grant is revoked, the alert fires, the status names the cause, a person consents again, the alert resolves, and the application never fails.</summary>
[Collection(AlertGroup.Name)]
public sealed class WholeStoryTests(ClusterFixture cluster)
{
    private const string Label = "name=\"marcus\"";
    private const string NeedsHuman = "tokenoperator_oauthtoken_needs_human";

    [Fact]
    public async Task A_person_who_consents_before_the_expiry_fixes_a_dead_grant_and_the_mounted_file_never_holds_an_expired_token()
    {
        await using var fixture = await ConsentFixture.CreateAsync(cluster, new OpenIddictServerOptions { TokenLifetime = TimeSpan.FromMinutes(10) });
        await fixture.StartOperatorAsync();
        var person = await PluginFixture.CreateAsync(cluster, fixture.Operators);
        await fixture.AddAccountAsync("marcus", "marcus@example.com");
        await using var mounted = await MountedSecret.MountAsync(fixture.Operators, "marcus");
        await using var scraper = new Scraper(() => fixture.Operators.Operator);
        await scraper.SeesAsync(NeedsHuman, Label, value => value == 0);
        await scraper.PassAsync(2);
        var before = mounted.Read("access_token");

        await fixture.EndGrantAsync("marcus");
        await scraper.SeesAsync(NeedsHuman, Label, value => value == 1);
        await scraper.PassAsync(4);

        var status = await person.RunAsync("status", "marcus");
        status.Output.Should().Contain("ReauthorizationRequired").And.Contain("invalid_grant").And.Contain($"Next: kubectl oauthtoken authorize marcus -n {fixture.Operators.Namespace}");
        (await fixture.Operators.GetAsync("marcus")).Status("Ready").Should().Be("True", "the current token is still valid");

        await using (var run = fixture.Authorize(person.Kubeconfig, "marcus"))
        {
            using var browser = new PlainBrowser();
            await browser.OpenAsync(await browser.ConsentAsync(await run.AddressAsync(), "marcus"));
            (await run.EndAsync()).Should().Be(0, run.Output);
        }

        await Eventually.IsTrueAsync(() => mounted.Read("access_token") != before);
        await scraper.SeesAsync(NeedsHuman, Label, value => value == 0);
        await scraper.PassAsync(3);
        (await fixture.Server.IsActiveAsync(mounted.Read("access_token"))).Should().BeTrue("the app keeps using the mounted file");
        (await person.RunAsync("status", "marcus")).ExitCode.Should().Be(0);
        mounted.Faults.Should().BeEmpty("the person was faster than the expiry");

        var story = new PromtoolStory(scraper);
        var first = scraper.First(NeedsHuman, Label, value => value == 1);
        var cleared = scraper.First(NeedsHuman, Label, value => value == 0, first);
        story.Expect(first - 1, Label);
        story.Expect(first + 3, Label, "OAuthTokenNeedsHuman");
        story.Expect(cleared + 2, Label);
        await story.TellAsync();
    }
}
