using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Time.Testing;
using TokenOperator.Providers.OAuth2;
using TokenOperator.TestBed;
using TokenOperator.Tests.KubeRuntime.Fakes;

namespace TokenOperator.Tests.Providers.OAuth2;

/// <summary>The promises of the client, on a transport that each test scripts. OAuth2TokenProviderTests has them on real connections.</summary>
public sealed class TokenEndpointClientTests
{
    private static readonly Uri Endpoint = new("https://provider.example/token");
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task A_certificate_that_is_not_trusted_is_named_with_its_subject_and_issuer()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=proxy.corp.example, O=Corp\u202e", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        await using var server = await FakeApiServer.StartAsync(certificate);
        using var client = new TokenEndpointClient(TimeProvider.System);

        var result = await client.SendAsync(RequestTo(new Uri($"{server.Address}/token"), "refresh_token", "canary"), Timeout, CancellationToken.None);

        result.Should().BeOfType<TokenEndpointResult.NoReply>().Which.Detail
            .Should().Contain("CN=proxy.corp.example").And.Contain("issued by").And.Contain("SSL_CERT_DIR").And.NotContain("\u202e").And.NotContain("canary");
        server.Requests.Should().BeEmpty();
    }

    [Fact]
    public async Task An_endless_body_is_read_up_to_the_limit_and_no_further()
    {
        using var body = new EndlessStream();

        var reply = await RepliedAsync((_, _) => Task.FromResult(new HttpResponseMessage { Content = new StreamContent(body) }));

        reply.Body.Should().Be(ReplyBody.TooLong);
        body.Position.Should().BeInRange(1, 3 * 65536);
    }

    [Theory]
    [InlineData(200)]
    [InlineData(307)]
    [InlineData(400)]
    [InlineData(503)]
    public async Task A_reply_of_any_status_is_returned_unchanged(int status)
    {
        var reply = await RepliedAsync((_, _) => Task.FromResult(new HttpResponseMessage((HttpStatusCode)status) { Content = new StringContent("""{"error": "invalid_grant"}""") }));

        reply.Should().BeEquivalentTo(new { Status = status, Error = "invalid_grant" });
    }

    [Fact]
    public async Task A_request_is_one_form_by_HTTP_2_or_lower()
    {
        var sent = new List<string>();

        await RepliedAsync(async (request, cancellationToken) =>
        {
            (request.Version, request.VersionPolicy).Should().Be((HttpVersion.Version20, HttpVersionPolicy.RequestVersionOrLower));
            request.Content!.Headers.ContentType!.MediaType.Should().Be("application/x-www-form-urlencoded");
            sent.Add($"{request.Method} {request.RequestUri} {await request.Content.ReadAsStringAsync(cancellationToken)}");
            return new HttpResponseMessage(HttpStatusCode.ServiceUnavailable);
        });

        sent.Should().Equal("POST https://provider.example/token token=a+b%26");
    }

    [Fact]
    public async Task A_cancellation_before_the_first_byte_of_the_body_stops_the_request()
    {
        using var cancel = new CancellationTokenSource();
        using var wire = new MemoryStream();

        var post = () => PostAsync(
            async (request, _) =>
            {
                await cancel.CancelAsync();
                await request.Content!.CopyToAsync(wire, CancellationToken.None);
                return new HttpResponseMessage();
            },
            cancel.Token);

        (await post.Should().ThrowAsync<OperationCanceledException>()).Which.CancellationToken.Should().Be(cancel.Token);
        wire.Length.Should().Be(0);
    }

    [Fact]
    public async Task A_cancellation_after_the_first_byte_of_the_body_has_no_effect()
    {
        using var cancel = new CancellationTokenSource();

        var result = await PostAsync(
            async (request, cancellationToken) =>
            {
                await request.Content!.CopyToAsync(Stream.Null, cancellationToken);
                await cancel.CancelAsync();
                cancellationToken.ThrowIfCancellationRequested();
                return new HttpResponseMessage();
            },
            cancel.Token);

        result.Should().BeOfType<TokenEndpointResult.Replied>();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_timeout_ends_the_request_whether_or_not_it_was_sent(bool sent)
    {
        var result = await PostAsync(async (request, cancellationToken) =>
        {
            if (sent)
                await request.Content!.CopyToAsync(Stream.Null, cancellationToken);
            _time.Advance(Timeout);
            cancellationToken.ThrowIfCancellationRequested();
            return new HttpResponseMessage();
        });

        result.Should().Be(new TokenEndpointResult.NoReply("provider.example sent no complete response within 30 s", sent));
    }

    [Fact]
    public async Task A_connection_that_breaks_as_soon_as_it_opens_is_a_failed_request_like_any_other()
    {
        using var client = new TokenEndpointClient(_time, new BrokenConnection());

        (await client.SendAsync(RequestTo(Endpoint), Timeout, CancellationToken.None)).Should().BeOfType<TokenEndpointResult.NoReply>();
    }

    [Fact]
    public async Task A_TLS_error_is_named()
    {
        var result = await PostAsync((_, _) => throw new HttpRequestException(
            "The SSL connection could not be established, see inner exception.", new AuthenticationException("The remote certificate is invalid: UntrustedRoot")));

        result.Should().Be(new TokenEndpointResult.NoReply("the request to provider.example failed: The remote certificate is invalid: UntrustedRoot"));
    }

    [Fact]
    public async Task A_connection_that_does_not_open_in_time_is_a_failed_request_like_any_other()
    {
        // The TLS handshake never ends.
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        using var client = new TokenEndpointClient(TimeProvider.System, new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromMilliseconds(50) });

        var result = await client.SendAsync(RequestTo(new Uri($"https://{silent.LocalEndpoint}/token")), Timeout, CancellationToken.None);

        result.Should().BeOfType<TokenEndpointResult.NoReply>().Which.Detail.Should().StartWith($"the request to {silent.LocalEndpoint} failed: ").And.Contain("ConnectTimeout");
    }

    [Fact]
    public async Task A_dead_proxy_is_an_error_that_names_it_and_no_request_goes_round_it()
    {
        using var endpoint = new TcpListener(IPAddress.Loopback, 0);
        endpoint.Start();
        var address = $"http://127.0.0.1:{Ports.Free()}";
        using var client = new TokenEndpointClient(TimeProvider.System, new WebProxy(address));

        var result = await client.SendAsync(RequestTo(new Uri($"https://{endpoint.LocalEndpoint}/token")), Timeout, CancellationToken.None);

        result.Should().BeOfType<TokenEndpointResult.NoReply>().Which.Detail.Should().Contain($" through the proxy {address} failed: ");
        endpoint.Pending().Should().BeFalse();
    }

    private static TokenEndpointRequest RequestTo(Uri endpoint, string name = "token", string value = "a b&") => new(TestDocuments.Google, endpoint, [new(name, value)]);

    private async Task<TokenEndpointReply> RepliedAsync(Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>> transport) =>
        (await PostAsync(transport)).Should().BeOfType<TokenEndpointResult.Replied>().Subject.Reply;

    private async Task<TokenEndpointResult> PostAsync(Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>> transport, CancellationToken cancellationToken = default)
    {
        using var client = new TokenEndpointClient(_time, new ScriptedTransport(transport));
        return await client.SendAsync(RequestTo(Endpoint), Timeout, cancellationToken);
    }

    private sealed class ScriptedTransport(Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>> send) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => send(request, cancellationToken);
    }
}
