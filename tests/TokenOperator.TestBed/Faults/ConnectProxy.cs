using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace TokenOperator.TestBed.Faults;

/// <summary>An HTTP proxy on 127.0.0.1 that opens tunnels (RFC 9110, CONNECT), and demands a password if it has one. Thread-safe.</summary>
public sealed class ConnectProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<string> _targets = new();
    private readonly ConcurrentBag<Task> _tunnels = [];
    private readonly string? _credentials;
    private readonly Task _accepting;

    private readonly string? _localName;

    private ConnectProxy(string? credentials, string? localName)
    {
        _localName = localName;
        _credentials = credentials is null ? null : Convert.ToBase64String(Encoding.UTF8.GetBytes(credentials));
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>Its address, without the credentials.</summary>
    public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    /// <summary>The host and port of each tunnel that it opened.</summary>
    public IReadOnlyCollection<string> Targets => _targets;

    /// <summary>
    /// Starts it. <paramref name="credentials"/> are <c>user:password</c>; null for a proxy that anyone may use. <paramref name="localName"/> is a
    /// host name that only this proxy knows, for 127.0.0.1.
    /// </summary>
    public static ConnectProxy Start(string? credentials = null, string? localName = null) => new(credentials, localName);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await Task.WhenAll([_accepting, .. _tunnels]).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (true)
            _tunnels.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
    }

    private async Task ServeAsync(TcpClient accepted)
    {
        using var client = accepted;
        await using var near = client.GetStream();
        var head = await ReadHeadAsync(near);
        if (head.Split(' ') is not ["CONNECT", var target, ..])
        {
            await near.WriteAsync("HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8.ToArray(), _stop.Token);
            return;
        }

        if (_credentials is not null && !head.Contains($"Proxy-Authorization: Basic {_credentials}\r\n", StringComparison.OrdinalIgnoreCase))
        {
            await near.WriteAsync("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"proxy\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8.ToArray(), _stop.Token);
            return;
        }

        using var server = new TcpClient();
        var to = new Uri($"http://{target}");
        await server.ConnectAsync(to.Host == _localName ? "127.0.0.1" : to.Host, to.Port, _stop.Token);
        await using var far = server.GetStream();
        _targets.Enqueue(target);
        await near.WriteAsync("HTTP/1.1 200 Connection established\r\n\r\n"u8.ToArray(), _stop.Token);
        await Task.WhenAny(near.CopyToAsync(far, _stop.Token), far.CopyToAsync(near, _stop.Token));
    }

    /// <summary>The request line and the headers, read byte by byte, so that nothing of the tunnel is taken.</summary>
    private async Task<string> ReadHeadAsync(NetworkStream stream)
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (head.Length < 16 * 1024 && !head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal) && await stream.ReadAsync(one, _stop.Token) == 1)
            head.Append((char)one[0]);
        return head.ToString();
    }
}
