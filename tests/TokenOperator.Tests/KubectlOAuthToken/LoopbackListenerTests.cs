using System.Net;
using System.Net.Sockets;
using KubectlOAuthToken;

namespace TokenOperator.Tests.KubectlOAuthToken;

public sealed class LoopbackListenerTests : IAsyncLifetime
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);
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
    public async Task A_browser_waits_and_is_told_what_became_of_the_consent(bool good, HttpStatusCode status)
    {
        using var browser = new HttpClient();
        var page = browser.GetAsync(new Uri(_listener.Address, "?code=c&state=s"));
        (await _listener.ReplyAsync(CancellationToken.None).WaitAsync(Timeout)).State.Should().Be("s");
        page.IsCompleted.Should().BeFalse();

        await _listener.AnswerAsync(good, "This became of it.").WaitAsync(Timeout);
        using var answer = await page.WaitAsync(Timeout);
        answer.StatusCode.Should().Be(status);
        (await answer.Content.ReadAsStringAsync()).Should().Contain("This became of it.");
    }

    [Fact]
    public async Task A_browser_that_has_gone_away_keeps_nobody_waiting()
    {
        using (var browser = new TcpClient())
        {
            await browser.ConnectAsync(IPAddress.Loopback, _listener.Address.Port);
            await browser.GetStream().WriteAsync("GET /?code=c&state=s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"u8.ToArray());
            await _listener.ReplyAsync(CancellationToken.None).WaitAsync(Timeout);
            browser.Client.LingerState = new LingerOption(enable: true, seconds: 0);
        }

        await _listener.AnswerAsync(good: true, "Nobody reads this.").WaitAsync(Timeout);
    }
}
