using System.Net;
using System.Net.Sockets;
using System.Text;
using KubectlOAuthToken.Consent;
using KubectlOAuthToken.Output;
using TokenOperator.Core.Cli;
using TokenOperator.Providers.Authorization;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Tests.KubectlOAuthToken;

public sealed class LoopbackListenerTests : IAsyncLifetime
{
    private const string Response = "/?code=c&state=s";
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);
    private static readonly HttpClient Browser = new();
    private LoopbackListener _listener = null!;

    public Task InitializeAsync()
    {
        _listener = LoopbackListener.Start(0);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync() => await _listener.DisposeAsync();

    [Theory]
    [InlineData(true, HttpStatusCode.OK)]
    [InlineData(false, HttpStatusCode.Forbidden)]
    public async Task The_browser_waits_and_then_shows_the_result(bool isGood, HttpStatusCode status)
    {
        var page = GetAsync(Response);
        (await ReceiveAsync()).Should().Be("s");
        page.IsCompleted.Should().BeFalse();

        await _listener.AnswerAsync(isGood, "This is the result.").WaitAsync(Timeout);
        using var answer = await page.WaitAsync(Timeout);
        answer.StatusCode.Should().Be(status);
        (await answer.Content.ReadAsStringAsync()).Should().Contain("This is the result.");
        answer.Headers.GetValues("Cache-Control").Should().Equal("no-store");
        answer.Headers.GetValues("Referrer-Policy").Should().Equal("no-referrer");
    }

    [Fact]
    public async Task A_disconnected_browser_delays_no_one()
    {
        using (var browser = new TcpClient())
        {
            await browser.ConnectAsync(IPAddress.Loopback, _listener.Address.Port);
            await browser.GetStream().WriteAsync("GET /?code=c&state=s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"u8.ToArray());
            await ReceiveAsync();
            browser.Client.LingerState = new LingerOption(enable: true, seconds: 0);
        }

        await _listener.AnswerAsync(isGood: true, "No one reads this.").WaitAsync(Timeout);
    }

    [Theory]
    [InlineData("evil.example")]
    [InlineData("localhost")]
    [InlineData("127.0.0.1.evil.example")]
    [InlineData("[::1]")]
    public async Task A_request_for_another_host_name_is_refused_and_does_not_count(string host)
    {
        (await SendAsync($"GET {Response} HTTP/1.1\r\nHost: {host}:{_listener.Address.Port}\r\nConnection: close\r\n\r\n")).Should().MatchRegex("^HTTP/1.1 40[04] ");
        await AcceptsAResponseAsync();
    }

    [Theory]
    [InlineData("GET / HTTP/1.1")]
    [InlineData("GET /? HTTP/1.1")]
    [InlineData("GET /favicon.ico HTTP/1.1")]
    [InlineData("GET /other?code=c&state=s HTTP/1.1")]
    [InlineData("HEAD /?code=c&state=s HTTP/1.1")]
    [InlineData("OPTIONS /?code=c&state=s HTTP/1.1")]
    [InlineData("POST /?code=c&state=s HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody")]
    public async Task Other_requests_are_not_found_and_do_not_count(string request)
    {
        var (line, rest) = request.Split("\r\n", 2) is [var first, var more] ? (first, more) : (request, "\r\n");
        (await SendAsync($"{line}\r\nHost: 127.0.0.1:{_listener.Address.Port}\r\nConnection: close\r\n{rest}")).Should().StartWith("HTTP/1.1 404 ");
        await AcceptsAResponseAsync();
    }

    [Fact]
    public async Task Only_the_first_of_many_responses_counts()
    {
        var pages = Enumerable.Range(0, 20).Select(i => GetAsync($"/?code=c&state=s{i}")).ToList();
        var first = await ReceiveAsync();
        while (pages.Count > 1)
        {
            var done = await Task.WhenAny(pages).WaitAsync(Timeout);
            pages.Remove(done);
            using var page = await done;
            page.StatusCode.Should().Be(HttpStatusCode.Gone);
        }

        await _listener.AnswerAsync(isGood: true, "").WaitAsync(Timeout);
        using var waiting = await pages[0].WaitAsync(Timeout);
        waiting.StatusCode.Should().Be(HttpStatusCode.OK);
        waiting.RequestMessage!.RequestUri!.Query.Should().EndWith($"&state={first}");
        using var later = await GetAsync(Response);
        later.StatusCode.Should().Be(HttpStatusCode.Gone);
    }

    [Fact]
    public async Task A_response_that_is_too_long_is_an_error()
    {
        var page = GetAsync($"/?state=s&code={new string('c', 9 * 1024)}");
        (await _listener.ResponseAsync(CancellationToken.None).WaitAsync(Timeout)).Should().Match<AuthorizationResponse>(
            response => response.Code == null && response.Error != null);
        await _listener.AnswerAsync(isGood: false, "Too long.").WaitAsync(Timeout);
        using var answer = await page.WaitAsync(Timeout);
        answer.StatusCode.Should().Be(HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task A_browser_that_waits_learns_that_the_command_was_stopped()
    {
        var page = GetAsync(Response);
        await ReceiveAsync();
        await _listener.DisposeAsync().AsTask().WaitAsync(Timeout);
        using var answer = await page.WaitAsync(Timeout);
        answer.StatusCode.Should().Be(HttpStatusCode.Forbidden);
        (await answer.Content.ReadAsStringAsync()).Should().Contain("The command was stopped.");
    }

    [Fact]
    public async Task A_half_sent_request_delays_neither_another_one_nor_the_end()
    {
        using var slow = new TcpClient();
        await slow.ConnectAsync(IPAddress.Loopback, _listener.Address.Port);
        await slow.GetStream().WriteAsync("GET /?code=c"u8.ToArray());
        await AcceptsAResponseAsync();
        await _listener.DisposeAsync().AsTask().WaitAsync(Timeout);
    }

    [Fact]
    public async Task A_port_in_use_is_named_and_is_free_again_after_the_listener_ends()
    {
        var port = _listener.Address.Port;
        var start = () => LoopbackListener.Start(port);
        start.Should().Throw<PluginException>().WithMessage($"Cannot listen on port {port} of this machine (*). Choose another port with --port*").Which.ExitCode.Should().Be(ExitCodes.BadInput);

        await _listener.DisposeAsync();
        await using var again = LoopbackListener.Start(port);
        again.Address.Should().Be(new Uri($"http://127.0.0.1:{port}/"));
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    public async Task The_name_localhost_is_served_on_both_addresses_and_only_under_this_name(string address)
    {
        if (address == "::1" && !Socket.OSSupportsIPv6)
            return;
        await using var listener = LoopbackListener.Start(0, host: LoopbackListener.Localhost);
        listener.Address.Host.Should().Be("localhost");

        (await SendAsync($"GET {Response} HTTP/1.1\r\nHost: {address}:{listener.Address.Port}\r\n\r\n", IPAddress.Parse(address), listener.Address.Port)).Should().StartWith("HTTP/1.1 404 ");
        var page = SendAsync($"GET {Response} HTTP/1.1\r\nHost: localhost:{listener.Address.Port}\r\n\r\n", IPAddress.Parse(address), listener.Address.Port);
        (await listener.ResponseAsync(CancellationToken.None).WaitAsync(Timeout)).State.Should().Be("s");
        await listener.AnswerAsync(isGood: true, "Done.").WaitAsync(Timeout);
        (await page).Should().StartWith("HTTP/1.1 200 ");
    }

    [Fact]
    public async Task What_the_document_keeps_and_its_name_of_the_code_are_read()
    {
        await using var listener = LoopbackListener.Start(0, new AuthorizationRules { CodeParameter = "spapi_oauth_code", Keep = ["realmId"] });
        var page = Browser.GetAsync(new Uri(listener.Address, "/?spapi_oauth_code=c&state=s&realmId=42&other=1"));
        var response = await listener.ResponseAsync(CancellationToken.None).WaitAsync(Timeout);

        response.Code!.Reveal().Should().Be("c");
        response.Kept.Should().Equal(new Dictionary<string, string> { ["realmId"] = "42" });
        await listener.AnswerAsync(isGood: true, "");
        (await page.WaitAsync(Timeout)).Dispose();
    }

    [Fact]
    public async Task Waiting_for_a_response_can_be_canceled()
    {
        using var canceled = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));
        var wait = () => _listener.ResponseAsync(canceled.Token);
        await wait.Should().ThrowAsync<OperationCanceledException>();
    }

    private Task<HttpResponseMessage> GetAsync(string pathAndQuery) => Browser.GetAsync(new Uri(_listener.Address, pathAndQuery));

    private async Task<string?> ReceiveAsync() => (await _listener.ResponseAsync(CancellationToken.None).WaitAsync(Timeout)).State;

    /// <summary>Sends a request as it is written, and returns the answer.</summary>
    private Task<string> SendAsync(string request) => SendAsync(request, IPAddress.Loopback, _listener.Address.Port);

    private static async Task<string> SendAsync(string request, IPAddress address, int port)
    {
        using var browser = new TcpClient(address.AddressFamily);
        await browser.ConnectAsync(address, port);
        await browser.GetStream().WriteAsync(Encoding.ASCII.GetBytes(request));
        using var reader = new StreamReader(browser.GetStream());
        return await reader.ReadToEndAsync().WaitAsync(Timeout);
    }

    private async Task AcceptsAResponseAsync()
    {
        var page = GetAsync(Response);
        (await ReceiveAsync()).Should().Be("s");
        await _listener.AnswerAsync(isGood: true, "").WaitAsync(Timeout);
        using var answer = await page.WaitAsync(Timeout);
        answer.StatusCode.Should().Be(HttpStatusCode.OK);
    }
}
