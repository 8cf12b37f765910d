using System.Net;
using TokenOperator.TestBed;
using TokenOperator.TestBed.TokenServers;

namespace TokenOperator.EndToEndTests;

/// <summary>Consent by the link in the status: it works on every replica, and cannot be misused.</summary>
[Collection(PersonGroup.Name)]
public sealed class SelfServiceTests(ClusterFixture cluster)
{
    [Fact]
    public async Task A_link_takes_a_browser_through_consent_on_every_replica_and_link_and_answer_work_once()
    {
        await using var fixture = await SelfServiceFixture.CreateAsync(cluster);
        await fixture.StartOperatorAsync();
        await fixture.StartReplicaAsync();
        var link = await fixture.LinkAsync("marcus", "marcus@example.com");
        using var browser = new PlainBrowser();

        var offer = await browser.OpenAsync(link);
        var again = await browser.OpenAsync(fixture.AtReplica(link));
        var started = await browser.SubmitAsync(again);
        var back = await browser.ConsentAsync(started.Redirect!, "marcus");
        var ended = await browser.OpenAsync(fixture.AtReplica(back));
        var done = await browser.OpenAsync(ended.Redirect!);

        offer.Status.Should().Be(200, "opening a link does not use it up");
        offer.Text.Should().Contain("marcus needs your consent");
        done.Status.Should().Be(200, done.Text);
        done.Text.Should().Contain("has your consent");
        await fixture.Operators.SeesAsync("marcus", "Stalled", "False");
        var after = await fixture.Operators.ReadyAsync("marcus");
        after["authorizationURL"].Should().BeNull("there is nothing to consent to");
        var token = (await fixture.Operators.SecretAsync("marcus"))!["access_token"]!;
        (await fixture.Server.IsActiveAsync(token)).Should().BeTrue();
        var stored = (await fixture.Operators.StoredTokenAsync("marcus"))!;
        stored.Identity.Should().Be(new Core.Tokens.Identity("marcus", "marcus@example.com"));

        // The operator's pages contain no token, code or verifier, and must not be cached or sent as a referrer.
        foreach (var page in new[] { offer, again, started, ended, done })
        {
            page.Headers["Content-Security-Policy"].Should().Contain("default-src 'none'").And.Contain("frame-ancestors 'none'");
            page.Headers["Cache-Control"].Should().Be("no-store");
            page.Headers["Referrer-Policy"].Should().Be("no-referrer");
            page.Text.Should().NotContain(token).And.NotContain(stored.RefreshToken!.Reveal()).And.NotContain("code=").And.NotContain("<script");
        }

        done.Address.Query.Should().BeEmpty("the code does not stay in the address bar");
        started.Headers["Set-Cookie"].Should().Contain("httponly").And.Contain("samesite=lax");
        (await SelfServiceFixture.EndAsync(browser, back)).Status.Should().Be(403, "a state is valid once");
        (await browser.OpenAsync(link)).Status.Should().Be(410, "a link is valid until a consent succeeds");
        (await browser.SubmitAsync(again)).Status.Should().Be(410);
        fixture.Operators.Operator.Log.Should().NotContain(token);
    }

    [Fact]
    public async Task A_flow_that_another_browser_started_cannot_be_finished_in_the_browser_of_the_victim()
    {
        await using var fixture = await SelfServiceFixture.CreateAsync(cluster);
        await fixture.StartOperatorAsync();
        var link = await fixture.LinkAsync("victim", "victim@example.com");
        using var attacker = new PlainBrowser();
        using var victim = new PlainBrowser();

        var started = await attacker.SubmitAsync(await attacker.OpenAsync(link));
        var back = await victim.ConsentAsync(started.Redirect!, "victim");
        var page = await SelfServiceFixture.EndAsync(victim, back);

        page.Status.Should().Be(403);
        page.Text.Should().Contain("started in another browser");
        (await SelfServiceFixture.EndAsync(attacker, back)).Status.Should().Be(403, "the attempt used up the state");
        await fixture.IsUnchangedAsync("victim");
    }

    [Fact]
    public async Task An_answer_is_valid_only_for_the_object_and_the_browser_that_requested_it()
    {
        await using var fixture = await SelfServiceFixture.CreateAsync(cluster);
        await fixture.StartOperatorAsync();
        var mine = await fixture.LinkAsync("mine", "mine@example.com");
        var other = await fixture.LinkAsync("other", "other@example.com");
        using var browser = new PlainBrowser();

        // The ticket of one object with the name of another.
        var swapped = new Uri(mine.AbsoluteUri.Replace("/mine/", "/other/", StringComparison.Ordinal));
        (await browser.OpenAsync(swapped)).Status.Should().Be(410);
        (await browser.OpenAsync(new Uri(mine.AbsoluteUri.Replace("/mine/", "/nobody/", StringComparison.Ordinal)))).Status.Should().Be(410, "whether an object exists is not disclosed");

        // The state of one flow with the cookie of another that started later.
        var first = await browser.SubmitAsync(await browser.OpenAsync(mine));
        var back = await browser.ConsentAsync(first.Redirect!, "mine");
        await browser.SubmitAsync(await browser.OpenAsync(other));
        (await SelfServiceFixture.EndAsync(browser, back)).Status.Should().Be(403);

        // An answer without a request.
        (await SelfServiceFixture.EndAsync(browser, new Uri(back, "/authorize/callback/google?state=made-up&code=made-up"))).Status.Should().Be(403);
        (await SelfServiceFixture.EndAsync(browser, new Uri(back, "/authorize/callback/google"))).Status.Should().Be(403);

        // The object was changed between the start and the end of the flow, so the expected identity may be another one.
        var started = await browser.SubmitAsync(await browser.OpenAsync(mine));
        await fixture.Operators.PatchSpecAsync("mine", """{"identity": "somebody-else@example.com"}""");
        await fixture.Operators.SeesAsync("mine", "Stalled", "True");
        var late = await SelfServiceFixture.EndAsync(browser, await browser.ConsentAsync(started.Redirect!, "mine"));
        late.Status.Should().BeOneOf(409, 403);
        await fixture.IsUnchangedAsync("mine");
        await fixture.IsUnchangedAsync("other");
    }

    [Fact]
    public async Task Another_account_is_not_connected_and_a_denied_consent_changes_nothing()
    {
        await using var fixture = await SelfServiceFixture.CreateAsync(cluster);
        await fixture.StartOperatorAsync();
        var link = await fixture.LinkAsync("marcus", "marcus@example.com");
        using var browser = new PlainBrowser();

        var started = await browser.SubmitAsync(await browser.OpenAsync(link));
        var wrong = await SelfServiceFixture.EndAsync(browser, await browser.ConsentAsync(started.Redirect!, "eve"));
        started = await browser.SubmitAsync(await browser.OpenAsync(link));
        var denied = await SelfServiceFixture.EndAsync(browser, await browser.ConsentAsync(started.Redirect!, "marcus", allow: false));

        wrong.Status.Should().Be(403);
        wrong.Text.Should().Contain("another account").And.NotContain("marcus@example.com", "the expected identity is not disclosed to a stranger");
        denied.Text.Should().Contain("Consent was denied");
        await fixture.IsUnchangedAsync("marcus");

        // Without an identity in the spec and on record, any account could be connected.
        var unnamed = await browser.OpenAsync(await fixture.LinkAsync("unnamed", identity: null));
        unnamed.Status.Should().Be(403);
        unnamed.Text.Should().Contain("spec.identity");
    }

    [Fact]
    public async Task A_code_on_the_page_brings_a_consent_on_whichever_replica_serves_the_waiting_page()
    {
        await using var fixture = await SelfServiceFixture.CreateAsync(cluster);
        await fixture.StartOperatorAsync();
        await fixture.StartReplicaAsync();
        var link = await fixture.LinkAsync("marcus", "marcus@example.com");
        using var browser = new PlainBrowser();

        (await browser.OpenAsync(link)).Text.Should().Contain("Use a code on another device");
        var begun = await browser.PostAsync(new Uri(link.AbsoluteUri + "/code"));
        var waiting = await browser.OpenAsync(begun.Redirect!);
        waiting.Text.Should().Contain("http-equiv=\"refresh\"");
        var code = System.Text.RegularExpressions.Regex.Match(waiting.Text, "<dt>Code</dt><dd>([^<]+)</dd>").Groups[1].Value;
        await ConsentFixture.EnterCodeAsync(new Uri(fixture.Server.Address, "/verify"), code, "marcus");
        var done = await Eventually.SeesAsync(() => browser.OpenAsync(fixture.AtReplica(begun.Redirect!)), page => !page.Text.Contains("http-equiv", StringComparison.Ordinal));

        done.Status.Should().Be(200, done.Text);
        done.Text.Should().Contain("has your consent");
        await fixture.Operators.SeesAsync("marcus", "Stalled", "False");
        await Eventually.SeesAsync(() => fixture.Operators.QueryAsync("select count(*) from token_operator_devices"), count => count == "0");
    }

    [Fact]
    public async Task A_link_expires_and_another_one_replaces_it()
    {
        await using var fixture = await SelfServiceFixture.CreateAsync(cluster);
        await fixture.StartOperatorAsync(("SelfService__LinkLifetime", "6s"));
        var old = await fixture.NewLinkAsync("marcus", "marcus@example.com");
        using var browser = new PlainBrowser();

        await Eventually.SeesAsync(() => browser.OpenAsync(old), page => page.Status == 410);
        // A slow machine can open a link after its end, so each look takes the newest one.
        await Eventually.SeesAsync(
            async () => await fixture.CurrentLinkAsync("marcus") is var link && link != old ? await browser.OpenAsync(link) : null, page => page?.Status == 200);
        (await browser.OpenAsync(old)).Status.Should().Be(410);
    }

    [Fact]
    public async Task Other_sites_cannot_start_the_flow_and_each_port_serves_its_own_pages()
    {
        await using var fixture = await SelfServiceFixture.CreateAsync(cluster);
        await fixture.StartOperatorAsync();
        var link = await fixture.LinkAsync("marcus", "marcus@example.com");
        using var browser = new PlainBrowser();

        using var http = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false });
        using var request = new HttpRequestMessage(HttpMethod.Post, link) { Headers = { { "Sec-Fetch-Site", "cross-site" } } };
        using var answer = await http.SendAsync(request);
        answer.StatusCode.Should().Be(HttpStatusCode.Forbidden);

        (await browser.OpenAsync(new Uri(fixture.PublicUrl, "/metrics"))).Status.Should().Be(404);
        (await browser.OpenAsync(new Uri(fixture.PublicUrl, "/healthz"))).Status.Should().Be(404);
        (await browser.OpenAsync(new Uri(fixture.Operators.Operator.Address, link.AbsolutePath))).Status.Should().Be(404);
    }

    [Fact]
    public async Task Without_a_public_address_no_status_has_a_link()
    {
        await using var fixture = await ConsentFixture.CreateAsync(cluster);
        await fixture.StartOperatorAsync();
        (await fixture.AddDeadAccountAsync("marcus", "marcus@example.com"))["authorizationURL"].Should().BeNull();
    }
}

/// <summary>A <see cref="ConsentFixture"/> whose operator serves the self-service pages.</summary>
public sealed class SelfServiceFixture : IAsyncDisposable
{
    private readonly ConsentFixture _fixture;
    private readonly int _port = Ports.Free();
    private readonly Dictionary<string, string?> _generations = [];
    private int _replicaPort;

    private SelfServiceFixture(ConsentFixture fixture) => _fixture = fixture;

    /// <summary>The operators.</summary>
    public OperatorFixture Operators => _fixture.Operators;

    /// <summary>The provider.</summary>
    public OpenIddictServer Server => _fixture.Server;

    /// <summary>The address of the self-service pages.</summary>
    public Uri PublicUrl => new($"http://127.0.0.1:{_port}/");

    /// <summary>Creates everything but the operator, and registers the redirect address at the provider.</summary>
    public static async Task<SelfServiceFixture> CreateAsync(ClusterFixture cluster)
    {
        var fixture = new SelfServiceFixture(await ConsentFixture.CreateAsync(cluster));
        await fixture.Server.AllowRedirectAsync(new Uri(fixture.PublicUrl, "authorize/callback/google"));
        return fixture;
    }

    /// <summary>Starts the operator behind the public address.</summary>
    public Task StartOperatorAsync(params (string Name, string Value)[] settings) => StartAsync(_port, settings);

    /// <summary>Starts a second replica, which does not lead.</summary>
    public Task StartReplicaAsync() => StartAsync(_replicaPort = Ports.Free());

    /// <summary>The same address at the other replica, where a Service may route a browser.</summary>
    public Uri AtReplica(Uri address) => new UriBuilder(address) { Port = _replicaPort }.Uri;

    /// <summary>Creates an account that needs a new consent, and returns its link when every replica serves it.</summary>
    public async Task<Uri> LinkAsync(string name, string? identity)
    {
        var link = await NewLinkAsync(name, identity);
        using var browser = new PlainBrowser();
        await browser.OpenLinkAsync(link);
        if (_replicaPort > 0)
            await browser.OpenLinkAsync(AtReplica(link));
        return link;
    }

    /// <summary>Creates an account that needs a new consent, and returns its link.</summary>
    public async Task<Uri> NewLinkAsync(string name, string? identity)
    {
        await _fixture.AddDeadAccountAsync(name, identity);
        _generations[name] = await GenerationAsync(name);
        return await CurrentLinkAsync(name);
    }

    /// <summary>The link in the status of an account that needs a new consent.</summary>
    public async Task<Uri> CurrentLinkAsync(string name) =>
        new((await Eventually.SeesAsync(async () => (await Operators.GetAsync(name))["authorizationURL"], link => link is not null))!);

    /// <summary>Opens the redirect from the provider, and returns the page with the outcome.</summary>
    public static async Task<BrowserPage> EndAsync(PlainBrowser browser, Uri back)
    {
        ArgumentNullException.ThrowIfNull(browser);
        return await browser.OpenAsync((await browser.OpenAsync(back)).Redirect!);
    }

    /// <summary>Verifies that the row has not changed since the link was created.</summary>
    public async Task IsUnchangedAsync(string name) => (await GenerationAsync(name)).Should().Be(_generations[name], "nothing was imported");

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    private Task<string?> GenerationAsync(string name) => Operators.QueryAsync($"select generation from oauth_tokens where account = '{name}'");

    private Task<OperatorProcess> StartAsync(int port, params (string Name, string Value)[] settings) =>
        _fixture.StartOperatorAsync([("SelfService__PublicUrl", PublicUrl.AbsoluteUri), ("SelfService__Port", $"{port}"), .. settings]);
}
