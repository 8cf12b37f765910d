using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>The self-service pages in a real browser, with the consent page of a third-party authorization server.</summary>
[Collection(PersonGroup.Name)]
public sealed class ChromiumTests(ClusterFixture cluster)
{
    [ChromiumFact]
    public async Task A_person_follows_the_link_in_the_status_consents_and_sees_that_it_succeeded()
    {
        await using var fixture = await SelfServiceFixture.CreateAsync(cluster);
        await fixture.StartOperatorAsync();
        var link = await fixture.LinkAsync("marcus", "marcus@example.com");
        await using var browser = await Chromium.StartAsync(Path.Combine(cluster.Plane.Folder, "chromedriver-self-service.log"));

        await browser.OpenAsync(link);
        await browser.ClickAsync("button");
        await Eventually.SeesAsync(() => browser.AddressAsync(), at => at.GetLeftPart(UriPartial.Path) == fixture.Server.AuthorizationEndpoint.AbsoluteUri);
        await browser.ClickAsync("#allow");

        var page = await Eventually.SeesAsync(() => browser.SourceAsync(), source => source.Contains("has your consent", StringComparison.Ordinal), TimeSpan.FromSeconds(60));
        (await browser.AddressAsync()).AbsoluteUri.Should().Be(new Uri(fixture.PublicUrl, "authorize/outcome").AbsoluteUri, "neither code nor state stays in the address");
        (await browser.EvaluateAsync("document.cookie")).Should().BeEmpty("no script may read the cookies");
        await fixture.Operators.SeesAsync("marcus", "Stalled", "False");
        await fixture.Operators.ReadyAsync("marcus");
        page.Should().NotContain((await fixture.Operators.SecretAsync("marcus"))!["access_token"]!);
    }

    [ChromiumFact]
    public async Task A_person_who_denies_sees_that_nothing_was_changed()
    {
        await using var fixture = await SelfServiceFixture.CreateAsync(cluster);
        await fixture.StartOperatorAsync();
        var link = await fixture.LinkAsync("marcus", "marcus@example.com");
        await using var browser = await Chromium.StartAsync(Path.Combine(cluster.Plane.Folder, "chromedriver-denied.log"));

        await browser.OpenAsync(link);
        await browser.ClickAsync("button");
        await browser.ClickAsync("#deny");

        await Eventually.SeesAsync(() => browser.SourceAsync(), source => source.Contains("Consent was denied", StringComparison.Ordinal), TimeSpan.FromSeconds(60));
        await fixture.IsUnchangedAsync("marcus");
    }

    [ChromiumFact]
    public async Task The_command_line_is_answered_by_a_real_browser_on_the_loopback_address()
    {
        await using var fixture = await ConsentFixture.CreateAsync(cluster);
        await fixture.StartOperatorAsync();
        var person = await PluginFixture.CreateAsync(cluster, fixture.Operators);
        await fixture.AddDeadAccountAsync("marcus", "marcus@example.com");
        await using var browser = await Chromium.StartAsync(Path.Combine(cluster.Plane.Folder, "chromedriver-authorize.log"));

        await using var run = fixture.Authorize(person.Kubeconfig, "marcus");
        await browser.OpenAsync(await run.AddressAsync());
        await browser.ClickAsync("#allow");

        (await run.EndAsync()).Should().Be(0, run.Output);
        await Eventually.SeesAsync(() => browser.SourceAsync(), page => page.Contains("The consent of marcus@example.com was saved", StringComparison.Ordinal));
    }
}

/// <summary>A test that needs Chromium. Without Chromium it is skipped, except in CI.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ChromiumFactAttribute : FactAttribute
{
    public ChromiumFactAttribute()
    {
        if (Chromium.Driver is null && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("CI")))
            Skip = "There is no Chromium with its chromedriver on PATH: apt-get install chromium chromium-driver (as root hack/chromium.sh does it). In CI this test is not skipped.";
    }
}
