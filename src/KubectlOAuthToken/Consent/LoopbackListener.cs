using System.Net;
using System.Net.Sockets;
using System.Text;
using KubectlOAuthToken.Output;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Text;
using TokenOperator.Providers.Authorization;
using TokenOperator.Providers.Documents;

namespace KubectlOAuthToken.Consent;

/// <summary>
/// Receives the authorization response (RFC 8252 section 7.3): one response, on the loopback address only. The browser waits until
/// the result of the consent is known.
/// </summary>
internal sealed class LoopbackListener : IAsyncDisposable
{
    private const int MaxPortAttempts = 10;

    private readonly HttpListener _http;
    private readonly TaskCompletionSource<AuthorizationResponse> _response = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<(bool IsGood, string Text)> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly AuthorizationRules? _rules;
    private readonly Task _serving;

    private LoopbackListener(HttpListener http, AuthorizationRules? rules)
    {
        (_http, _rules) = (http, rules);
        Address = new Uri(http.Prefixes.Single());
        _serving = ServeAsync();
    }

    /// <summary>The redirect address.</summary>
    public Uri Address { get; }

    /// <summary>Listens.</summary>
    /// <param name="port">The port; 0 for a free one.</param>
    /// <param name="rules">How the response is read; null: as the standard says.</param>
    /// <exception cref="PluginException">The port is in use, or the user cannot listen on it.</exception>
    public static LoopbackListener Start(int port, AuthorizationRules? rules = null)
    {
        for (var attempt = 1; ; attempt++)
        {
            var candidate = port == 0 ? FreePort() : port;
            var http = new HttpListener { Prefixes = { $"http://127.0.0.1:{candidate}/" } };
            try
            {
                http.Start();
                return new LoopbackListener(http, rules);
            }
            // Another program can take a free port before the listener starts.
            catch (Exception e) when (e is HttpListenerException or SocketException)
            {
                http.Close();
                if (port == 0 && attempt < MaxPortAttempts)
                    continue;
                throw new PluginException($"Cannot listen on port {candidate} of this machine ({e.Message}). Choose another port with --port, or omit the option.", ExitCodes.BadInput);
            }
        }
    }

    /// <summary>Waits for the response.</summary>
    public Task<AuthorizationResponse> ResponseAsync(CancellationToken cancellationToken) => _response.Task.WaitAsync(cancellationToken);

    /// <summary>Shows the result in the browser, if it is waiting. Returns when the page is sent or the browser is gone.</summary>
    public async Task AnswerAsync(bool isGood, string text)
    {
        _result.TrySetResult((isGood, text));
        if (_response.Task.IsCompleted)
            await _answered.Task;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await AnswerAsync(isGood: false, "The command was stopped.");
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
        var requests = new List<Task>();
        try
        {
            while (true)
                requests.Add(ServeAsync(await _http.GetContextAsync()));
        }
        catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
        {
            // The listener was closed.
        }

        await Task.WhenAll(requests);
    }

    private async Task ServeAsync(HttpListenerContext context)
    {
        // A wrong host name belongs to a web page elsewhere whose name resolves to this address (DNS rebinding). Browsers also request
        // /favicon.ico.
        if (context.Request is not { HttpMethod: "GET", Url: { Host: "127.0.0.1", AbsolutePath: "/", Query: { Length: > 1 } query } })
        {
            await WriteAsync(context.Response, HttpStatusCode.NotFound, "Not found", "There is nothing here.");
            return;
        }

        if (!_response.TrySetResult(AuthorizationResponse.Read(query, _rules)))
        {
            await WriteAsync(context.Response, HttpStatusCode.Gone, "Used", "This address has already been used.");
            return;
        }

        try
        {
            var (isGood, text) = await _result.Task;
            await WriteAsync(context.Response, isGood ? HttpStatusCode.OK : HttpStatusCode.Forbidden, isGood ? "Done" : "Not done", text);
        }
        finally
        {
            _answered.TrySetResult();
        }
    }

    private static async Task WriteAsync(HttpListenerResponse response, HttpStatusCode status, string title, string text)
    {
        try
        {
            var body = Encoding.UTF8.GetBytes(PlainPage.Html(title, text));
            response.StatusCode = (int)status;
            response.ContentType = PlainPage.ContentType;
            response.ContentLength64 = body.Length;
            response.KeepAlive = false;
            foreach (var (name, value) in PlainPage.Headers)
                response.Headers[name] = value;
            await response.OutputStream.WriteAsync(body);
            response.Close();
        }
        catch (Exception e) when (e is HttpListenerException or IOException or ObjectDisposedException)
        {
            // The browser is gone.
        }
    }
}
