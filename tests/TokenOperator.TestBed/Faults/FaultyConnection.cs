using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace TokenOperator.TestBed.Faults;

/// <summary>One connection through a <see cref="FaultProxy"/>.</summary>
internal sealed class FaultyConnection(FaultProxy proxy, Socket client, DnsEndPoint address) : IDisposable
{
    private const int PieceSize = 16 * 1024;
    private readonly Socket _server = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly Dictionary<Direction, long> _carried = new() { [Direction.ToServer] = 0, [Direction.ToClient] = 0 };
    private readonly CancellationTokenSource _cut = new();
    private volatile bool _serverLost;

    /// <summary>Relays bytes until both sides have ended. Never throws.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, _cut.Token);
        try
        {
            client.NoDelay = true;
            await ConnectAsync(either.Token);
            await Task.WhenAll(
                RelayAsync(client, _server, Direction.ToServer, either.Token), RelayAsync(_server, client, Direction.ToClient, either.Token));
        }
        catch (Exception e) when (IsEnd(e))
        {
            // One side is gone, or the server cannot be reached. The other side gets a reset.
            Cut(reset: true);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        client.Dispose();
        _server.Dispose();
        _cut.Dispose();
    }

    /// <summary>From now on no byte arrives in either direction, without notice to the client.</summary>
    public void LoseServer()
    {
        _serverLost = true;
        _server.Dispose();
    }

    /// <summary>Ends the connection on both sides.</summary>
    public void Cut(bool reset)
    {
        Action<Socket> end = reset ? Reset : socket => socket.Shutdown(SocketShutdown.Both);
        foreach (Action step in (Action[])[() => end(client), () => end(_server), reset ? _cut.Cancel : () => { }])
        {
            try
            {
                step();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The connection has already ended.
            }
        }
    }

    /// <summary>Starts to count the bytes.</summary>
    public void Count()
    {
        lock (_carried)
            _carried[Direction.ToServer] = _carried[Direction.ToClient] = 0;
    }

    private static void Reset(Socket socket)
    {
        socket.LingerState = new LingerOption(enable: true, seconds: 0);
        socket.Close();
    }

    private async Task ConnectAsync(CancellationToken stop)
    {
        try
        {
            await _server.ConnectAsync(address, stop);
        }
        catch (Exception e) when (IsEnd(e) && _serverLost)
        {
            // Neither side is notified.
        }
    }

    private static bool IsEnd(Exception e) => e is SocketException or ObjectDisposedException or OperationCanceledException;

    private async Task RelayAsync(Socket from, Socket to, Direction direction, CancellationToken stop)
    {
        // Bounded, so that the sender blocks too, as with a full TCP window.
        var pieces = Channel.CreateBounded<(long Due, byte[] Bytes)>(64);
        var reading = ReadAsync(from, pieces.Writer, stop);
        try
        {
            await foreach (var (due, bytes) in pieces.Reader.ReadAllAsync(stop))
            {
                if (due - Environment.TickCount64 is > 0 and var wait)
                    await Task.Delay(TimeSpan.FromMilliseconds(wait), stop);
                await proxy.Gate(direction).WaitAsync(stop);
                if (!_serverLost)
                    await SendAsync(to, direction, bytes, stop);
            }

            // The end of the stream is also delivered in its place.
            await proxy.Gate(direction).WaitAsync(stop);
            if (!_serverLost)
                to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (IsEnd(e) && _serverLost)
        {
            // Neither side is notified.
        }
        catch (Exception e) when (IsEnd(e))
        {
            Cut(reset: true);
        }

        await reading;
    }

    private async Task SendAsync(Socket to, Direction direction, byte[] bytes, CancellationToken stop)
    {
        var length = bytes.Length;
        var last = false;
        if (proxy.Limit is { } limit && limit.Direction.HasFlag(direction))
        {
            lock (_carried)
            {
                length = (int)Math.Min(length, limit.Bytes - _carried[direction]);
                _carried[direction] += length;
                last = _carried[direction] >= limit.Bytes;
            }
        }

        for (var sent = 0; sent < length;)
            sent += await to.SendAsync(bytes.AsMemory(sent, length - sent), SocketFlags.None, stop);
        if (last)
            Cut(reset: true);
    }

    private async Task ReadAsync(Socket from, ChannelWriter<(long Due, byte[] Bytes)> pieces, CancellationToken stop)
    {
        try
        {
            var buffer = new byte[PieceSize];
            while (await from.ReceiveAsync(buffer, SocketFlags.None, stop) is > 0 and var length)
                await pieces.WriteAsync((Environment.TickCount64 + (long)proxy.Latency.TotalMilliseconds, buffer[..length]), stop);
            pieces.Complete();
        }
        catch (Exception e) when (IsEnd(e))
        {
            // A reset is relayed as a reset.
            pieces.Complete(e);
        }
    }
}
