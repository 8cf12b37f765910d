using System.Net;
using TokenOperator.Providers.OAuth2;

namespace TokenOperator.Tests.Providers.OAuth2;

public sealed class TokenReplyHandlerTests
{
    [Fact]
    public async Task A_body_without_end_is_read_up_to_the_limit_and_no_further()
    {
        using var body = new EndlessStream();
        using var handler = new TokenReplyHandler(new Server(body), TimeProvider.System);
        using var http = new HttpClient(handler);
        using var exchange = new TokenEndpointCall(TimeSpan.FromSeconds(30), TimeProvider.System, CancellationToken.None);
        handler.Current = exchange;

        using var content = new StringContent("");
        using var response = await http.PostAsync(new Uri("https://provider.example/token"), content);

        exchange.Reply!.Body.Should().Be(ReplyBody.TooLong);
        body.Read64K.Should().BeInRange(1, 2);
    }

    [Theory]
    [InlineData(200)]
    [InlineData(307)]
    [InlineData(400)]
    [InlineData(503)]
    public async Task The_library_never_sees_the_reply(int status)
    {
        using var body = new MemoryStream("""{"error": "invalid_grant"}"""u8.ToArray());
        using var handler = new TokenReplyHandler(new Server(body, status), TimeProvider.System);
        using var http = new HttpClient(handler);
        using var exchange = new TokenEndpointCall(TimeSpan.FromSeconds(30), TimeProvider.System, CancellationToken.None);
        handler.Current = exchange;

        using var content = new StringContent("");
        using var response = await http.PostAsync(new Uri("https://provider.example/token"), content);

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        (await response.Content.ReadAsStringAsync()).Should().Be("{}");
        exchange.Reply.Should().BeEquivalentTo(new { Status = status, Error = "invalid_grant" });
    }

    [Fact]
    public async Task A_connection_that_breaks_as_soon_as_it_is_made_is_a_failed_request_like_any_other()
    {
        using var handler = new TokenReplyHandler(new BrokenConnection(), TimeProvider.System);
        using var http = new HttpClient(handler);
        using var exchange = new TokenEndpointCall(TimeSpan.FromSeconds(30), TimeProvider.System, CancellationToken.None);
        handler.Current = exchange;

        using var content = new StringContent("");
        await FluentActions.Awaiting(() => http.PostAsync(new Uri("https://provider.example/token"), content)).Should().ThrowAsync<HttpRequestException>();
    }

    private sealed class Server(Stream body, int status = 200) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            Task.FromResult(new HttpResponseMessage((HttpStatusCode)status) { Content = new StreamContent(body) });
    }

    private sealed class EndlessStream : Stream
    {
        private long _read;

        public long Read64K => _read / 65536;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => _read; set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count)
        {
            buffer.AsSpan(offset, count).Fill((byte)' ');
            _read += count;
            return count;
        }

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
