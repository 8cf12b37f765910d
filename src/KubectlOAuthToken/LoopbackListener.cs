using System.Net;
using System.Net.Sockets;
using System.Text;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Text;
using TokenOperator.Providers.Authorization;

namespace KubectlOAuthToken;

/// <summary>
/// Receives the authorization response (RFC 8252 section 7.3): one response, on the loopback address alone. The browser waits until
/// the result of the consent is known.
/// </summary>
internal sealed class LoopbackListener : IAsyncDisposable
{
    private const int MaxPortAttempts = 10;

    private readonly HttpListener _http;
    private readonly TaskCompletionSource<AuthorizationResponse> _reply = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<(bool Good, string Sentence)> _outcome = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _served = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _serving;

    private LoopbackListener(HttpListener http)
    {
        _http = http;
        Address = new Uri(http.Prefixes.Single());
        _serving = ServeAsync();
    }

    /// <summary>The redirect address.</summary>
    public Uri Address { get; }

    /// <summary>Listens on <paramref name="port"/>, or on a free one for 0.</summary>
    /// <exception cref="PluginException">The port is in use.</exception>
    public static LoopbackListener Start(int port)
    {
        for (var attempt = 1; ; attempt++)
        {
            var candidate = port == 0 ? FreePort() : port;
            var http = new HttpListener { Prefixes = { $"http://127.0.0.1:{candidate}/" } };
            try
            {
                http.Start();
                return new LoopbackListener(http);
            }
            // Another program can take a free port between the two calls.
            catch (Exception e) when (e is HttpListenerException or SocketException)
            {
                http.Close();
                if (port == 0 && attempt < MaxPortAttempts)
                    continue;
                throw new PluginException($"Port {candidate} of this machine cannot be listened on ({e.Message}). Choose another by --port, or leave it out.", ExitCodes.BadInput);
            }
        }
    }

    /// <summary>The response that the browser brings.</summary>
    public Task<AuthorizationResponse> ReplyAsync(CancellationToken ct) => _reply.Task.WaitAsync(ct);

    /// <summary>Shows the result in the browser, if one waits. Returns when the page was sent or the browser has gone.</summary>
    public async Task AnswerAsync(bool good, string sentence)
    {
        _outcome.TrySetResult((good, sentence));
        if (_reply.Task.IsCompleted)
            await _served.Task;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _outcome.TrySetResult((false, "Nothing was changed."));
        _http.Close();
        await _serving;
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    private async Task ServeAsync()
    {
        var pages = new List<Task>();
        try
        {
            while (true)
                pages.Add(ServeAsync(await _http.GetContextAsync()));
        }
        catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
        {
            // The listener was closed.
        }

        await Task.WhenAll(pages);
    }

    private async Task ServeAsync(HttpListenerContext context)
    {
        var request = context.Request;
        // Another host name belongs to a page elsewhere whose name was made to resolve to this address (DNS rebinding).
        if (request.Url is not { Host: "127.0.0.1", AbsolutePath: "/", Query: { Length: > 1 } query } || request.HttpMethod != "GET")
        {
            await WriteAsync(context.Response, HttpStatusCode.NotFound, "Not found", "There is nothing here.");
            return;
        }

        if (!_reply.TrySetResult(AuthorizationResponse.Read(query)))
        {
            await WriteAsync(context.Response, HttpStatusCode.Gone, "Used", "This address was used already.");
            return;
        }

        var (good, sentence) = await _outcome.Task;
        await WriteAsync(context.Response, good ? HttpStatusCode.OK : HttpStatusCode.Forbidden, good ? "Done" : "Not done", sentence);
        _served.TrySetResult();
    }

    private static async Task WriteAsync(HttpListenerResponse response, HttpStatusCode status, string title, string text)
    {
        try
        {
            var body = Encoding.UTF8.GetBytes(PlainPage.Html(title, text));
            response.StatusCode = (int)status;
            response.ContentType = PlainPage.ContentType;
            response.ContentLength64 = body.Length;
            foreach (var (name, value) in PlainPage.Headers)
                response.Headers[name] = value;
            await response.OutputStream.WriteAsync(body);
            response.Close();
        }
        catch (Exception e) when (e is HttpListenerException or IOException or ObjectDisposedException)
        {
            // The browser has gone away, and nobody else waits for the page.
        }
    }
}
