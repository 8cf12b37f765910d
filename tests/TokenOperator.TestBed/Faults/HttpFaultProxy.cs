using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace TokenOperator.TestBed.Faults;

/// <summary>
/// A reverse proxy on 127.0.0.1 for faults that concern single requests, which a <see cref="FaultProxy"/> cannot distinguish. It
/// holds a request before or after the server receives it, or answers instead of the server. For https it has a certificate of
/// its own. Thread-safe.
/// </summary>
public sealed class HttpFaultProxy : IAsyncDisposable
{
    private static readonly HashSet<string> NotForwarded = new(StringComparer.OrdinalIgnoreCase) { "Host", "Connection", "Transfer-Encoding", "Keep-Alive", "Content-Length" };

    private readonly Uri _server;
    private readonly string _path;
    private readonly X509Certificate2? _certificate;
    private readonly WebApplication _app;
    private readonly HttpClient _http;
    private readonly ConcurrentQueue<HttpExchange> _exchanges = new();
    private readonly ConcurrentDictionary<HttpHold, bool> _holds = new();
    private readonly ConcurrentDictionary<HttpFault, bool> _faults = new();

    private HttpFaultProxy(Uri server, string? authorityFile, string path)
    {
        (_server, _path) = (server, path);
        _http = new HttpClient(Handler(authorityFile)) { Timeout = Timeout.InfiniteTimeSpan };
        _certificate = server.Scheme == "https" ? MakeCertificate() : null;
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.Http2.MaxStreamsPerConnection = 1000;
            kestrel.Listen(IPAddress.Loopback, 0, listen =>
            {
                if (_certificate is not null)
                    listen.UseHttps(_certificate);
            });
        });
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(1));
        _app = builder.Build();
        if (path.Length > 0)
            _app.UsePathBase(path);
        _app.Run(RelayAsync);
    }

    /// <summary>The address that stands for that of the server, with the path if there is one.</summary>
    public Uri Address => new(new Uri(_app.Urls.Single()), _path);

    /// <summary>Its certificate authority (PEM); null for http.</summary>
    public string? Authority => _certificate?.ExportCertificatePem();

    /// <summary>Every request so far, oldest first.</summary>
    public IReadOnlyList<HttpExchange> Exchanges => [.. _exchanges];

    /// <summary>
    /// Starts a proxy in front of a server. For https, the server's certificate is checked against <paramref name="authorityFile"/> (PEM). With a
    /// <paramref name="path"/>, such as <c>/k8s/clusters/c-1</c>, only requests below it reach the server, and without it.
    /// </summary>
    public static async Task<HttpFaultProxy> StartAsync(Uri server, string? authorityFile = null, string path = "", CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(server);
        var proxy = new HttpFaultProxy(server, authorityFile, path);
        await proxy._app.StartAsync(ct);
        return proxy;
    }

    /// <summary>Holds every matching request until it is released.</summary>
    public HttpHold Hold(HoldAt at, Func<HttpExchange, bool> match)
    {
        var hold = new HttpHold(at, match);
        _holds[hold] = true;
        return hold;
    }

    /// <summary>Refuses every matching request as an API server does, with a Status and, if given, Retry-After in whole seconds.</summary>
    public HttpFault Refuse(Func<HttpExchange, bool> match, int status, TimeSpan? retryAfter = null) => Add(HttpFault.Refusing(match, status, retryAfter));

    /// <summary>Answers every matching request with 200 and an empty body: a watch that ends at once.</summary>
    public HttpFault EndAtOnce(Func<HttpExchange, bool> match) => Add(HttpFault.Empty(match));

    /// <summary>Answers every matching request with 200 and then sends nothing until the fault ends: a watch that hangs.</summary>
    public HttpFault Silence(Func<HttpExchange, bool> match) => Add(HttpFault.Silent(match));

    /// <summary>Removes lines from the answers to matching requests: a watch that skips an event. For answers that consist of lines.</summary>
    public HttpFault DropLines(Func<HttpExchange, bool> match, Func<string, bool> drops) => Add(HttpFault.Dropping(match, drops));

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        using var atOnce = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await _app.StopAsync(atOnce.Token);
        await _app.DisposeAsync();
        _http.Dispose();
        _certificate?.Dispose();
    }

    private HttpFault Add(HttpFault fault)
    {
        _faults[fault] = true;
        return fault;
    }

    private static SocketsHttpHandler Handler(string? authorityFile)
    {
        var handler = authorityFile is null ? new SocketsHttpHandler() : TrustedHandler.Create(authorityFile);
        (handler.AllowAutoRedirect, handler.UseCookies, handler.UseProxy, handler.EnableMultipleHttp2Connections) = (false, false, false, true);
        return handler;
    }

    private static X509Certificate2 MakeCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    private async Task RelayAsync(HttpContext context)
    {
        var gone = context.RequestAborted;
        try
        {
            var body = await new StreamReader(context.Request.Body, Encoding.UTF8).ReadToEndAsync(gone);
            var exchange = new HttpExchange(context.Request.Method, context.Request.Path.Value ?? "", context.Request.QueryString.Value ?? "", body)
            {
                Accept = context.Request.Headers.Accept.ToString(),
                Authorization = context.Request.Headers.Authorization.ToString(),
            };
            _exchanges.Enqueue(exchange);
            if (context.Request.PathBase != _path)
            {
                context.Response.StatusCode = StatusCodes.Status404NotFound;
                return;
            }

            await HoldAsync(HoldAt.Request, exchange, gone);
            gone.ThrowIfCancellationRequested();
            var fault = _faults.Keys.FirstOrDefault(fault => fault.Hits(exchange));
            if (fault is { Drops: null })
            {
                await fault.AnswerAsync(context, gone);
                return;
            }

            exchange.Forwarded = true;
            using var answer = await SendAsync(context, body, gone);
            // The answer to a read can be long or endless.
            if (exchange.Method != HttpMethods.Get)
                exchange.Answer = await answer.Content.ReadAsStringAsync(gone);
            await HoldAsync(HoldAt.Answer, exchange, gone);
            await AnswerAsync(context, answer, fault?.Drops, gone);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            // The server or the client is gone. The other side gets a broken connection.
            context.Abort();
        }
    }

    private async Task HoldAsync(HoldAt at, HttpExchange exchange, CancellationToken gone)
    {
        foreach (var hold in _holds.Keys.Where(hold => hold.At == at && hold.Match(exchange)))
            await hold.WaitAsync(exchange, gone);
    }

    private async Task<HttpResponseMessage> SendAsync(HttpContext context, string body, CancellationToken gone)
    {
        using var request = new HttpRequestMessage(new HttpMethod(context.Request.Method), new Uri(_server, $"{context.Request.Path.ToUriComponent()}{context.Request.QueryString}"))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
            Content = body.Length > 0 ? new ByteArrayContent(Encoding.UTF8.GetBytes(body)) : null,
        };
        foreach (var (name, values) in context.Request.Headers)
        {
            if (!NotForwarded.Contains(name) && !name.StartsWith(':') && !request.Headers.TryAddWithoutValidation(name, values.AsEnumerable()))
                request.Content?.Headers.TryAddWithoutValidation(name, values.AsEnumerable());
        }

        return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, gone);
    }

    private static async Task AnswerAsync(HttpContext context, HttpResponseMessage answer, Func<string, bool>? drops, CancellationToken gone)
    {
        context.Response.StatusCode = (int)answer.StatusCode;
        foreach (var (name, values) in answer.Headers.Concat(answer.Content.Headers).Where(header => !NotForwarded.Contains(header.Key)))
            context.Response.Headers[name] = values.ToArray();
        await using var from = await answer.Content.ReadAsStreamAsync(gone);
        if (drops is not null)
        {
            // The original length does not hold any more.
            using var lines = new StreamReader(from, Encoding.UTF8);
            await context.Response.Body.FlushAsync(gone);
            while (await lines.ReadLineAsync(gone) is { } line)
            {
                if (!drops(line))
                    await context.Response.WriteAsync(line + '\n', gone);
            }

            return;
        }

        var buffer = new byte[16 * 1024];
        while (await from.ReadAsync(buffer, gone) is > 0 and var length)
        {
            await context.Response.Body.WriteAsync(buffer.AsMemory(0, length), gone);
            // A watch does not end.
            await context.Response.Body.FlushAsync(gone);
        }
    }
}
