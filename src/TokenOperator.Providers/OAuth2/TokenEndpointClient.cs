// The one way to call a token or revocation endpoint. Opens connections to the given addresses. It knows no accounts and logs nothing.
using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using TokenOperator.Core.Net;
using TokenOperator.Core.Text;

namespace TokenOperator.Providers.OAuth2;

/// <summary>
/// Sends a request once, without redirects, retries or cookies, and reads a reply of at most
/// <see cref="TokenEndpointReply.MaxBytes"/> bytes. One client and its connections serve all providers.
/// </summary>
public sealed class TokenEndpointClient : IDisposable
{
    private readonly TimeProvider _time;
    private readonly IWebProxy? _proxy;
    private readonly HttpClient _http;

    /// <summary>Opens no connection yet. Requests go through the default proxy of this program.</summary>
    public TokenEndpointClient(TimeProvider time)
        : this(time, CreateTransport(HttpClient.DefaultProxy), HttpClient.DefaultProxy)
    {
    }

    /// <summary>For tests: sends through <paramref name="proxy"/>.</summary>
    internal TokenEndpointClient(TimeProvider time, IWebProxy proxy)
        : this(time, CreateTransport(proxy), proxy)
    {
    }

    /// <summary>For tests: sends through <paramref name="transport"/>, which it disposes of.</summary>
    internal TokenEndpointClient(TimeProvider time, HttpMessageHandler transport, IWebProxy? proxy = null)
    {
        _time = time;
        _proxy = proxy;
        _http = new HttpClient(transport) { Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.UserAgent.ParseAdd("token-operator");
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    /// <summary>
    /// Sends <paramref name="request"/> once. A cancellation counts until the first byte of the body is written. After that only
    /// <paramref name="timeout"/> ends the request, because the reply can hold a rotated refresh token.
    /// </summary>
    /// <param name="request">The request.</param>
    /// <param name="timeout">From the beginning to the last byte of the reply.</param>
    /// <param name="cancellationToken">Cancels the request until it is sent.</param>
    /// <exception cref="OperationCanceledException">The caller canceled, and nothing was sent.</exception>
    internal async Task<TokenEndpointResult> SendAsync(TokenEndpointRequest request, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var cancellation = new SendCancellation(timeout, _time, cancellationToken);
        using var message = request.ToMessage(cancellation.BeginSending);
        try
        {
            using var response = await _http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancellation.Token);
            var body = await ReadBodyAsync(response.Content, cancellation.Token);
            var reply = new RawReply((int)response.StatusCode, RetryAfter(response.Headers), response.Content.Headers.ContentType?.MediaType, body);
            return new TokenEndpointResult.Replied(TokenEndpointReply.Read(request.Provider, reply, request.IsCodeExchange));
        }
        // .NET 10 throws a bare SocketException if a new connection breaks right after it opens.
        catch (Exception e) when (e is OperationCanceledException or HttpRequestException or IOException or SocketException)
        {
            if (cancellation.IsCanceledUnsent)
                throw new OperationCanceledException("The request was canceled before it was sent.", e, cancellationToken);
            return new TokenEndpointResult.NoReply(Describe(e, request.Endpoint, timeout, cancellation.Token.IsCancellationRequested), cancellation.IsSent);
        }
    }

    /// <summary>
    /// Sends <paramref name="message"/>, whose loss costs nothing, once: only <paramref name="timeout"/> ends it.
    /// </summary>
    /// <param name="message">The request.</param>
    /// <param name="maxBytes">The greatest length of a body that is read whole.</param>
    /// <param name="timeout">From the beginning to the last byte of the reply.</param>
    /// <returns>The reply; or null, and an error that names the host and the cause and is not yet redacted.</returns>
    internal async Task<(RawReply? Reply, string Error)> SendAsync(HttpRequestMessage message, int maxBytes, TimeSpan timeout)
    {
        using var cancellation = new CancellationTokenSource(timeout, _time);
        (message.Version, message.VersionPolicy) = (HttpVersion.Version20, HttpVersionPolicy.RequestVersionOrLower);
        try
        {
            using var response = await _http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancellation.Token);
            var body = await ReadBodyAsync(response.Content, cancellation.Token, maxBytes);
            return (new RawReply((int)response.StatusCode, RetryAfter(response.Headers), response.Content.Headers.ContentType?.MediaType, body), "");
        }
        catch (Exception e) when (e is OperationCanceledException or HttpRequestException or IOException or SocketException)
        {
            return (null, Describe(e, message.RequestUri!, timeout, cancellation.IsCancellationRequested));
        }
    }

    private string Describe(Exception e, Uri address, TimeSpan timeout, bool isLate)
    {
        var where = $"{address.Authority}{EnvironmentProxy.Through(_proxy, address)}";
        return isLate
            ? string.Create(CultureInfo.InvariantCulture, $"{where} sent no complete response within {timeout.TotalSeconds} s")
            : $"the request to {where} failed: {Reason(e)}";
    }

    /// <summary>Reads what a provider publishes. The request has no secret.</summary>
    /// <param name="address">The address.</param>
    /// <param name="timeout">From the beginning to the last byte of the reply.</param>
    /// <param name="cancellationToken">Cancels the request.</param>
    /// <returns>The content, or why there is none.</returns>
    internal async Task<(ReadOnlyMemory<byte>? Body, string? Error)> ReadAsync(Uri address, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(timeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            using var response = await _http.GetAsync(address, HttpCompletionOption.ResponseHeadersRead, either.Token);
            var body = await ReadBodyAsync(response.Content, either.Token);
            return !response.IsSuccessStatusCode ? (null, $"{address.Authority} answered {(int)response.StatusCode}")
                : body.Length > TokenEndpointReply.MaxBytes ? (null, $"it is longer than {TokenEndpointReply.MaxBytes} bytes")
                : (body, null);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or SocketException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return (null, e is OperationCanceledException ? $"{address.Authority} sent no complete response in time" : $"the request to {address.Authority} failed: {Reason(e)}");
        }
    }

    private static SocketsHttpHandler CreateTransport(IWebProxy proxy) => new()
    {
        Proxy = proxy,
        AllowAutoRedirect = false,
        UseCookies = false,
        ConnectTimeout = TimeSpan.FromSeconds(10),
        // Providers change their IP addresses, and only a new connection looks them up.
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        MaxConnectionsPerServer = 32,
        // Closes the connection instead of reading the rest of an oversized body.
        MaxResponseDrainSize = 0,
        SslOptions = { RemoteCertificateValidationCallback = (_, certificate, chain, errors) => errors == SslPolicyErrors.None ? true : throw Untrusted(certificate, chain, errors) },
    };

    /// <summary>Says which certificate was seen: behind a proxy that inspects TLS, it is not that of the provider.</summary>
    private static AuthenticationException Untrusted(X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (certificate is null)
            return new AuthenticationException("the server sent no certificate");
        var seen = $"the certificate with the subject \"{DisplayText.Of(certificate.Subject, 200)}\", issued by \"{DisplayText.Of(certificate.Issuer, 200)}\",";
        return errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch)
            ? new AuthenticationException($"{seen} is not for this host")
            : new AuthenticationException(
                $"{seen} is not trusted ({string.Join(", ", chain?.ChainStatus.Select(status => status.Status.ToString()).Distinct() ?? [])}). "
                + "Trusted are the authorities of the system and those in the folders of SSL_CERT_DIR: docs/install.md, \"A private certificate authority\"");
    }

    // The exceptions around these two say only that there is an inner exception.
    private static string Reason(Exception e) => e.InnerException is AuthenticationException or TimeoutException ? e.InnerException.Message : e.Message;

    private static async Task<ReadOnlyMemory<byte>> ReadBodyAsync(HttpContent content, CancellationToken cancellationToken, int maxBytes = TokenEndpointReply.MaxBytes)
    {
        var body = new ArrayBufferWriter<byte>(2048);
        await using var stream = await content.ReadAsStreamAsync(cancellationToken);
        while (body.WrittenCount <= maxBytes)
        {
            var count = await stream.ReadAsync(body.GetMemory(1024), cancellationToken);
            if (count == 0)
                break;
            body.Advance(count);
        }

        return body.WrittenMemory;
    }

    private TimeSpan? RetryAfter(HttpResponseHeaders headers)
    {
        var wait = headers.RetryAfter?.Delta ?? headers.RetryAfter?.Date - _time.GetUtcNow();
        return wait > TimeSpan.Zero ? wait : null;
    }

    /// <summary>Ends a request by its timeout and, until its body is sent, by its caller.</summary>
    private sealed class SendCancellation : IDisposable
    {
        private readonly CancellationTokenSource _source;
        private readonly CancellationToken _caller;
        private readonly CancellationTokenRegistration _registration;
        private volatile bool _isSent;

        public SendCancellation(TimeSpan timeout, TimeProvider time, CancellationToken caller)
        {
            _source = new CancellationTokenSource(timeout, time);
            _caller = caller;
            _registration = caller.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), _source);
        }

        public CancellationToken Token => _source.Token;

        /// <summary>True if part of the body can have left this machine.</summary>
        public bool IsSent => _isSent;

        public bool IsCanceledUnsent => !_isSent && _caller.IsCancellationRequested;

        /// <summary>The last moment at which the caller's cancellation counts.</summary>
        public void BeginSending()
        {
            // Waits for a callback that is running, so a cancellation either stops the request here or never.
            _registration.Dispose();
            _source.Token.ThrowIfCancellationRequested();
            _isSent = true;
        }

        public void Dispose()
        {
            _registration.Dispose();
            _source.Dispose();
        }
    }
}

/// <summary>What came of a call.</summary>
internal abstract record TokenEndpointResult
{
    private TokenEndpointResult()
    {
    }

    /// <summary>A reply of any status and content was read.</summary>
    public sealed record Replied(TokenEndpointReply Reply) : TokenEndpointResult;

    /// <summary>No reply.</summary>
    /// <param name="Detail">Names the host and the cause; not yet redacted.</param>
    /// <param name="IsSent">True if the endpoint can have carried out the request.</param>
    public sealed record NoReply(string Detail, bool IsSent = false) : TokenEndpointResult;

    /// <summary>Nothing was sent, because the client cannot authenticate.</summary>
    /// <param name="Detail">Why; safe to show.</param>
    public sealed record Unsendable(string Detail) : TokenEndpointResult;
}
