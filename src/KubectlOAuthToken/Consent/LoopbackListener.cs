using System.Globalization;
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
/// Receives the authorization response (RFC 8252 section 7.3): one response, on the loopback addresses only. The browser waits until
/// the result of the consent is known. HttpListener would bind one of the two addresses that <c>localhost</c> means.
/// </summary>
internal sealed class LoopbackListener : IAsyncDisposable
{
    /// <summary>The host of the redirect address unless the provider needs <see cref="Localhost"/>.</summary>
    public const string Literal = "127.0.0.1";

    /// <summary>The name of both loopback addresses. A browser tries either first.</summary>
    public const string Localhost = "localhost";

    private const int MaxPortAttempts = 10;
    private const int MaxHeadLength = 32 * 1024;

    private readonly IReadOnlyList<TcpListener> _listeners;
    private readonly AuthorizationRules? _rules;
    private readonly CancellationTokenSource _end = new();
    private readonly TaskCompletionSource<AuthorizationResponse> _response = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<(bool IsGood, string Text)> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _serving;

    private LoopbackListener(IReadOnlyList<TcpListener> listeners, string host, AuthorizationRules? rules)
    {
        (_listeners, _rules) = (listeners, rules);
        Address = new Uri($"http://{host}:{((IPEndPoint)listeners[0].LocalEndpoint).Port}/");
        _serving = Task.WhenAll(listeners.Select(AcceptAsync));
    }

    /// <summary>The redirect address.</summary>
    public Uri Address { get; }

    /// <summary>Listens.</summary>
    /// <param name="port">The port; 0 for a free one.</param>
    /// <param name="rules">How the response is read; null: as the standard says.</param>
    /// <param name="host">The host of the redirect address: <see cref="Literal"/> or <see cref="Localhost"/>.</param>
    /// <exception cref="PluginException">The port is in use, or the user cannot listen on it.</exception>
    public static LoopbackListener Start(int port, AuthorizationRules? rules = null, string host = Literal)
    {
        for (var attempt = 1; ; attempt++)
        {
            var listeners = new List<TcpListener>();
            try
            {
                listeners.Add(Listen(IPAddress.Loopback, port));
                // The name means this address, too, except on a machine without IPv6.
                if (host == Localhost && Socket.OSSupportsIPv6)
                    AddIPv6(listeners);
                return new LoopbackListener(listeners, host, rules);
            }
            catch (SocketException e)
            {
                listeners.ForEach(listener => listener.Dispose());
                // Another program can have the same free port on the other address.
                if (port == 0 && attempt < MaxPortAttempts)
                    continue;
                throw new PluginException($"Cannot listen on port {port} of this machine ({e.Message}). Choose another port with --port, or omit the option.", ExitCodes.BadInput);
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
        if (_end.IsCancellationRequested)
            return;
        await AnswerAsync(isGood: false, "The command was stopped.");
        await _end.CancelAsync();
        foreach (var listener in _listeners)
            listener.Dispose();
        await _serving;
        _end.Dispose();
    }

    private static TcpListener Listen(IPAddress address, int port)
    {
        var listener = new TcpListener(address, port);
        try
        {
            listener.Start();
            return listener;
        }
        catch (SocketException)
        {
            listener.Dispose();
            throw;
        }
    }

    private static void AddIPv6(List<TcpListener> listeners)
    {
        try
        {
            listeners.Add(Listen(IPAddress.IPv6Loopback, ((IPEndPoint)listeners[0].LocalEndpoint).Port));
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.AddressNotAvailable or SocketError.AddressFamilyNotSupported)
        {
            // The machine has no such address, so no browser uses it.
        }
    }

    private async Task AcceptAsync(TcpListener listener)
    {
        var requests = new List<Task>();
        try
        {
            while (true)
                requests.Add(ServeAsync(await listener.AcceptTcpClientAsync(_end.Token)));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The listener was closed.
        }

        await Task.WhenAll(requests);
    }

    private async Task ServeAsync(TcpClient browser)
    {
        using (browser)
        {
            var stream = browser.GetStream();
            try
            {
                if (await ReadHeadAsync(stream) is { } head)
                    await ServeAsync(stream, QueryOf(head));
                browser.Client.Shutdown(SocketShutdown.Send);
                // Closing with unread data would make the browser lose the page.
                var rest = new byte[4096];
                while (await stream.ReadAsync(rest, _end.Token) > 0)
                    continue;
            }
            catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or OperationCanceledException)
            {
                // The browser is gone, or the command ends.
            }
        }
    }

    private async Task ServeAsync(NetworkStream stream, string? query)
    {
        if (query is null)
        {
            await WriteAsync(stream, HttpStatusCode.NotFound, "Not found", "There is nothing here.");
            return;
        }

        if (!_response.TrySetResult(AuthorizationResponse.Read(query, _rules)))
        {
            await WriteAsync(stream, HttpStatusCode.Gone, "Used", "This address has already been used.");
            return;
        }

        try
        {
            var (isGood, text) = await _result.Task;
            await WriteAsync(stream, isGood ? HttpStatusCode.OK : HttpStatusCode.Forbidden, isGood ? "Done" : "Not done", text);
        }
        finally
        {
            _answered.TrySetResult();
        }
    }

    /// <summary>The request line and the header fields; null if the browser sends no complete ones.</summary>
    private async Task<string[]?> ReadHeadAsync(NetworkStream stream)
    {
        var buffer = new byte[MaxHeadLength];
        for (var length = 0; length < buffer.Length;)
        {
            var count = await stream.ReadAsync(buffer.AsMemory(length), _end.Token);
            if (count == 0)
                return null;
            length += count;
            if (buffer.AsSpan(0, length).IndexOf("\r\n\r\n"u8) is >= 0 and var end)
                return Encoding.Latin1.GetString(buffer, 0, end).Split("\r\n");
        }

        return null;
    }

    /// <summary>The query of a request for the redirect address; null for any other request.</summary>
    private string? QueryOf(string[] head)
    {
        // A wrong host name belongs to a web page elsewhere whose name resolves to this address (DNS rebinding). Browsers also request
        // /favicon.ico.
        string[] hosts = [.. head.Skip(1).Where(field => field.StartsWith("Host:", StringComparison.OrdinalIgnoreCase)).Select(field => field["Host:".Length..].Trim())];
        return head[0].Split(' ') is ["GET", var target, "HTTP/1.1" or "HTTP/1.0"] && target.StartsWith("/?", StringComparison.Ordinal) && target.Length > 2
            && hosts is [var host] && (host.Equals(Address.Authority, StringComparison.OrdinalIgnoreCase) || host.Equals(Address.Host, StringComparison.OrdinalIgnoreCase))
            ? target[1..]
            : null;
    }

    private async Task WriteAsync(NetworkStream stream, HttpStatusCode status, string title, string text)
    {
        var body = Encoding.UTF8.GetBytes(PlainPage.Html(title, text));
        var head = new StringBuilder($"HTTP/1.1 {(int)status} {status}\r\nContent-Type: {PlainPage.ContentType}\r\nContent-Length: {body.Length}\r\nConnection: close\r\n");
        foreach (var (name, value) in PlainPage.Headers)
            head.Append(CultureInfo.InvariantCulture, $"{name}: {value}\r\n");
        await stream.WriteAsync((byte[])[.. Encoding.ASCII.GetBytes(head.Append("\r\n").ToString()), .. body], _end.Token);
    }
}
