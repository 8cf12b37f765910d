// Network faults between two processes. May open sockets on this machine. It relays bytes without reading them, so TLS works.
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace TokenOperator.TestBed.Faults;

/// <summary>
/// A TCP relay on 127.0.0.1 with faults that a test injects. <see cref="Refuse"/>, <see cref="Stall"/> and <see cref="Blackhole"/> last
/// until the next of them or <see cref="Pass"/>. <see cref="Cut"/>, <see cref="CutAfter"/> and <see cref="HalfOpen"/> affect the
/// open connections. Thread-safe.
/// </summary>
public sealed class FaultProxy : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<FaultyConnection, Task> _connections = new();
    private readonly Lock _state = new();
    private readonly Dictionary<Direction, TaskCompletionSource> _gates = new() { [Direction.ToServer] = Opened(), [Direction.ToClient] = Opened() };
    private DnsEndPoint _server;
    private TcpListener? _listener;
    private int _connectionCount;
    private volatile bool _isBlackhole;
    private long _latencyTicks;

    private FaultProxy(DnsEndPoint server) => (_server, Port) = (server, Ports.Free());

    /// <summary>The port on 127.0.0.1 that replaces that of the server. It never changes.</summary>
    public int Port { get; }

    /// <summary>The delay of each byte in each direction. Order and throughput do not change.</summary>
    public TimeSpan Latency
    {
        get => new(Interlocked.Read(ref _latencyTicks));
        set => Interlocked.Exchange(ref _latencyTicks, value.Ticks);
    }

    /// <summary>The number of connections that were accepted so far.</summary>
    public int ConnectionCount => _connectionCount;

    /// <summary>The number of open connections, including dead ones that neither side has noticed.</summary>
    public int OpenConnections => _connections.Count;

    /// <summary>Starts a proxy in front of a server, which may start later.</summary>
    public static FaultProxy Start(string host, int port)
    {
        var proxy = new FaultProxy(new DnsEndPoint(host, port, AddressFamily.InterNetwork));
        proxy.Listen();
        return proxy;
    }

    /// <summary>Starts a proxy in front of the server at an address.</summary>
    public static FaultProxy Start(Uri server)
    {
        ArgumentNullException.ThrowIfNull(server);
        return Start(server.Host, server.Port);
    }

    /// <summary>The same address through this proxy. For https, the server's certificate must be valid for 127.0.0.1.</summary>
    public Uri Through(Uri address) => new UriBuilder(address) { Host = "127.0.0.1", Port = Port }.Uri;

    /// <summary>Directs new connections to another server, as when an address moves.</summary>
    public void Redirect(string host, int port) => _server = new DnsEndPoint(host, port, AddressFamily.InterNetwork);

    /// <summary>Ends all lasting faults and the latency. Held bytes are delivered. Connections that lost bytes stay dead.</summary>
    public void Pass()
    {
        Latency = TimeSpan.Zero;
        lock (_state)
        {
            _isBlackhole = false;
            foreach (var gate in _gates.Values)
                gate.TrySetResult();
            Listen();
        }
    }

    /// <summary>Simulates a server that is gone: open connections are reset, and new ones are refused.</summary>
    public void Refuse()
    {
        lock (_state)
        {
            _listener?.Dispose();
            _listener = null;
        }

        Cut();
    }

    /// <summary>Accepts new connections and holds all bytes, on open connections too, until <see cref="Pass"/>. No byte is lost.</summary>
    public void Stall(Direction direction = Direction.Both)
    {
        Pass();
        lock (_state)
        {
            foreach (var way in _gates.Keys.Where(way => direction.HasFlag(way)).ToList())
                _gates[way] = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>
    /// Simulates a packet filter that lost its state: new connections are accepted, and no byte arrives in either direction, on open
    /// connections too. After <see cref="Pass"/> new connections work. Earlier ones stay dead without notice to either side.
    /// </summary>
    public void Blackhole()
    {
        Pass();
        _isBlackhole = true;
        HalfOpen();
    }

    /// <summary>Ends the open connections at the server without notice to the client, whose bytes are lost. New connections work.</summary>
    public void HalfOpen()
    {
        foreach (var connection in _connections.Keys)
            connection.LoseServer();
    }

    /// <summary>Ends the open connections on both sides, by RST or by FIN. New connections work.</summary>
    public void Cut(bool reset = true)
    {
        foreach (var connection in _connections.Keys)
            connection.Cut(reset);
    }

    /// <summary>Resets each connection, open or new, after <paramref name="bytes"/> further bytes in this direction; null ends that.</summary>
    public void CutAfter(long? bytes, Direction direction)
    {
        Limit = bytes is null ? null : (bytes.Value, direction);
        foreach (var connection in _connections.Keys)
            connection.Count();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        Pass();
        Refuse();
        await Task.WhenAll(_connections.Values);
        _stop.Dispose();
    }

    /// <summary>The limit that <see cref="CutAfter"/> set.</summary>
    internal (long Bytes, Direction Direction)? Limit { get; private set; }

    /// <summary>Completed while bytes can pass.</summary>
    internal Task Gate(Direction direction)
    {
        lock (_state)
            return _gates[direction].Task;
    }

    private static TaskCompletionSource Opened()
    {
        var gate = new TaskCompletionSource();
        gate.SetResult();
        return gate;
    }

    private void Listen()
    {
        lock (_state)
        {
            if (_listener is not null || _stop.IsCancellationRequested)
                return;
            _listener = new TcpListener(IPAddress.Loopback, Port);
            _listener.Start();
            _ = AcceptAsync(_listener);
        }
    }

    private async Task AcceptAsync(TcpListener listener)
    {
        try
        {
            while (true)
            {
                var client = await listener.AcceptSocketAsync(_stop.Token);
                var connection = new FaultyConnection(this, client, _server);
                var run = new TaskCompletionSource();
                _connections[connection] = run.Task;
                // After the connection is listed: a black hole that starts now finds it in the list, or this check finds the black hole.
                if (_isBlackhole)
                    connection.LoseServer();
                Interlocked.Increment(ref _connectionCount);
                _ = RunAsync(connection, run);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The listener was closed, to simulate a server that is gone.
        }
    }

    private async Task RunAsync(FaultyConnection connection, TaskCompletionSource done)
    {
        try
        {
            await connection.RunAsync(_stop.Token);
        }
        finally
        {
            _connections.TryRemove(connection, out _);
            connection.Dispose();
            done.SetResult();
        }
    }
}
