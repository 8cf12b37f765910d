// Faults between two parts, as a network has them. May open sockets on this machine; knows nothing of what passes through, so TLS does.
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace TokenOperator.TestBed.Faults;

/// <summary>
/// A TCP relay on 127.0.0.1 that a test lets fail. <see cref="Refuse"/>, <see cref="Stall"/> and <see cref="Blackhole"/> hold
/// until another of them or <see cref="Pass"/>; <see cref="Cut"/>, <see cref="CutAfter"/> and <see cref="HalfOpen"/> hit the
/// connections that are open. Safe for parallel use.
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

    /// <summary>The port on 127.0.0.1 that takes the place of the server's; the same for ever.</summary>
    public int Port { get; }

    /// <summary>Each byte comes this much later, in each direction; its order and the throughput stay.</summary>
    public TimeSpan Latency
    {
        get => new(Interlocked.Read(ref _latencyTicks));
        set => Interlocked.Exchange(ref _latencyTicks, value.Ticks);
    }

    /// <summary>How many connections were accepted so far.</summary>
    public int ConnectionCount => _connectionCount;

    /// <summary>How many connections are open now, dead ones that nobody has noticed included.</summary>
    public int OpenConnections => _connections.Count;

    /// <summary>Starts one in front of a server, which need not be there yet.</summary>
    public static FaultProxy Start(string host, int port)
    {
        var proxy = new FaultProxy(new DnsEndPoint(host, port, AddressFamily.InterNetwork));
        proxy.Listen();
        return proxy;
    }

    /// <summary>Starts one in front of the server of an address.</summary>
    public static FaultProxy Start(Uri server)
    {
        ArgumentNullException.ThrowIfNull(server);
        return Start(server.Host, server.Port);
    }

    /// <summary>The same address by way of this proxy; for https the server's certificate must be good for 127.0.0.1.</summary>
    public Uri Through(Uri address) => new UriBuilder(address) { Host = "127.0.0.1", Port = Port }.Uri;

    /// <summary>New connections lead to another server, as when an address moves.</summary>
    public void Redirect(string host, int port) => _server = new DnsEndPoint(host, port, AddressFamily.InterNetwork);

    /// <summary>Ends refusing, stalling, swallowing and latency. What was held goes on; connections that lost bytes stay dead.</summary>
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

    /// <summary>The server is gone: open connections are reset, new ones refused.</summary>
    public void Refuse()
    {
        lock (_state)
        {
            _listener?.Dispose();
            _listener = null;
        }

        Cut();
    }

    /// <summary>New connections are accepted and all bytes held, on open ones, too, until <see cref="Pass"/>: nothing is lost.</summary>
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
    /// A packet filter that forgot everything: new connections are accepted, and no byte arrives in either direction, on open
    /// ones, too. After <see cref="Pass"/> new connections work; those of before stay dead, and nobody is told.
    /// </summary>
    public void Blackhole()
    {
        Pass();
        _isBlackhole = true;
        HalfOpen();
    }

    /// <summary>The open connections end at the server, and the client is not told: what it sends is lost. New ones work.</summary>
    public void HalfOpen()
    {
        foreach (var connection in _connections.Keys)
            connection.LoseServer();
    }

    /// <summary>Ends the open connections on both sides: by RST, or in order by FIN. New ones work.</summary>
    public void Cut(bool reset = true)
    {
        foreach (var connection in _connections.Keys)
            connection.Cut(reset);
    }

    /// <summary>Resets each connection, open or new, that has carried <paramref name="bytes"/> more in this direction; null ends that.</summary>
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

    /// <summary>What <see cref="CutAfter"/> asked for.</summary>
    internal (long Bytes, Direction Direction)? Limit { get; private set; }

    /// <summary>Completed while bytes may pass.</summary>
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
                // After it is listed: a black hole that begins now finds it there, or is found here.
                if (_isBlackhole)
                    connection.LoseServer();
                Interlocked.Increment(ref _connectionCount);
                _ = RunAsync(connection, run);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The listener was closed: the server is to look gone.
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
