using System.Net;
using System.Net.Sockets;
using TokenOperator.TestBed;
using TokenOperator.TestBed.Faults;

namespace TokenOperator.EndToEndTests.TestBed;

public sealed class FaultProxyTests : IAsyncLifetime
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);
    private readonly EchoServer _server = EchoServer.Start();
    private FaultProxy _proxy = null!;

    public Task InitializeAsync()
    {
        _proxy = FaultProxy.Start("127.0.0.1", _server.Port);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        await _proxy.DisposeAsync();
        _server.Dispose();
    }

    [Fact]
    public async Task Bytes_pass_in_both_directions_and_the_end_of_one_side_reaches_the_other()
    {
        using var client = await ConnectAsync();
        (await client.EchoAsync("hello")).Should().Be("hello");
        client.Client.Shutdown(SocketShutdown.Send);
        (await client.ReadAsync()).Should().Be("", "the server ends when we do");
        await Eventually.IsTrueAsync(() => _proxy.OpenConnections == 0);
    }

    [Fact]
    public async Task Stalled_bytes_are_held_in_their_direction_and_delivered_when_the_stall_ends()
    {
        using var client = await ConnectAsync();
        await client.EchoAsync("warm");

        _proxy.Stall(Direction.ToServer);
        await client.SendAsync("request");
        using var other = await ConnectAsync();
        await other.SendAsync("accepted");
        _server.Received.Should().Be("warm");

        _proxy.Stall(Direction.ToClient);
        await Eventually.IsTrueAsync(() => _server.Received.Contains("request", StringComparison.Ordinal) && _server.Received.Contains("accepted", StringComparison.Ordinal));
        var answer = client.ReadAsync();
        _proxy.Pass();
        (await answer).Should().Be("request");
        (await other.ReadAsync()).Should().Be("accepted");
    }

    [Fact]
    public async Task After_a_black_hole_old_connections_stay_dead_without_notice_and_new_ones_work()
    {
        using var old = await ConnectAsync();
        await old.EchoAsync("warm");
        _proxy.Blackhole();
        await old.SendAsync("lost");
        using var swallowed = await ConnectAsync();
        await swallowed.SendAsync("lost, too");
        await Eventually.IsTrueAsync(() => _proxy.ConnectionCount == 2);
        _proxy.Pass();

        using var fresh = await ConnectAsync();
        (await fresh.EchoAsync("works")).Should().Be("works");
        await old.SendAsync("still lost");
        _server.Received.Should().Be("warmworks");
        old.Available.Should().Be(0);
        old.Client.Poll(TimeSpan.Zero, SelectMode.SelectRead).Should().BeFalse("neither an end nor a reset is reported");
        swallowed.Client.Poll(TimeSpan.Zero, SelectMode.SelectRead).Should().BeFalse();
    }

    [Fact]
    public async Task A_half_open_connection_ends_at_the_server_without_notice_to_the_client()
    {
        using var client = await ConnectAsync();
        await client.EchoAsync("warm");
        _proxy.HalfOpen();
        await Eventually.IsTrueAsync(() => _server.Connections == 0);
        client.Client.Poll(TimeSpan.Zero, SelectMode.SelectRead).Should().BeFalse();
        using var fresh = await ConnectAsync();
        (await fresh.EchoAsync("works")).Should().Be("works");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_cut_ends_open_connections_by_a_reset_or_in_order_and_new_connections_work(bool reset)
    {
        using var client = await ConnectAsync();
        await client.EchoAsync("warm");
        _proxy.Cut(reset);
        if (reset)
            await client.Invoking(c => c.ReadAsync()).Should().ThrowAsync<IOException>();
        else
            (await client.ReadAsync()).Should().Be("");
        await Eventually.IsTrueAsync(() => _server.Connections == 0);
        using var fresh = await ConnectAsync();
        (await fresh.EchoAsync("works")).Should().Be("works");
    }

    [Fact]
    public async Task A_refusing_proxy_looks_like_a_closed_port_and_returns_on_the_same_port()
    {
        using var client = await ConnectAsync();
        await client.EchoAsync("warm");
        _proxy.Refuse();
        await client.Invoking(c => c.ReadAsync()).Should().ThrowAsync<IOException>();
        var connect = () => ConnectAsync();
        (await connect.Should().ThrowAsync<SocketException>()).Which.SocketErrorCode.Should().Be(SocketError.ConnectionRefused);

        _proxy.Pass();
        using var fresh = await ConnectAsync();
        (await fresh.EchoAsync("works")).Should().Be("works");
    }

    [Fact]
    public async Task A_connection_with_a_limit_is_reset_once_it_has_carried_that_many_bytes()
    {
        using var client = await ConnectAsync();
        await client.EchoAsync("warm");
        _proxy.CutAfter(3, Direction.ToServer);
        await client.SendAsync("abcdef");
        await client.Invoking(c => c.ReadAsync("abcdef".Length)).Should().ThrowAsync<IOException>();
        await Eventually.IsTrueAsync(() => _server.Connections == 0);
        _server.Received.Should().BeOneOf("warmabc", "warmab", "warma", "warm");

        _proxy.CutAfter(null, Direction.ToServer);
        using var fresh = await ConnectAsync();
        (await fresh.EchoAsync("works")).Should().Be("works");
    }

    [Fact]
    public async Task Latency_delays_every_byte_in_both_directions_and_loses_none()
    {
        using var client = await ConnectAsync();
        _proxy.Latency = TimeSpan.FromMilliseconds(60);
        var started = TimeProvider.System.GetTimestamp();
        (await client.EchoAsync("slow")).Should().Be("slow");
        TimeProvider.System.GetElapsedTime(started).Should().BeGreaterThan(TimeSpan.FromMilliseconds(100));
    }

    [Fact]
    public async Task A_missing_server_shows_as_a_reset()
    {
        await using var nowhere = FaultProxy.Start("127.0.0.1", Ports.Free());
        using var client = new EchoClient();
        // The reset can arrive before the client sees that it is connected.
        var read = async () =>
        {
            await client.ConnectAsync(IPAddress.Loopback, nowhere.Port);
            await client.ReadAsync();
        };
        var reset = await read.Should().ThrowAsync<Exception>();
        (reset.Which as SocketException ?? reset.Which.InnerException).Should().BeOfType<SocketException>().Which.SocketErrorCode.Should().Be(SocketError.ConnectionReset);
    }

    private async Task<EchoClient> ConnectAsync()
    {
        var client = new EchoClient();
        await client.ConnectAsync(IPAddress.Loopback, _proxy.Port);
        return client;
    }

    private sealed class EchoClient : TcpClient
    {
        private NetworkStream? _stream;

        // Read once: a client whose sending side has ended counts as not connected.
        private NetworkStream Stream => _stream ??= GetStream();

        public Task SendAsync(string text) => Stream.WriteAsync(System.Text.Encoding.ASCII.GetBytes(text)).AsTask();

        public async Task<string> ReadAsync(int atLeast = 1)
        {
            using var limit = new CancellationTokenSource(Timeout);
            var buffer = new byte[100];
            var length = await Stream.ReadAtLeastAsync(buffer, atLeast, throwOnEndOfStream: false, limit.Token);
            return System.Text.Encoding.ASCII.GetString(buffer, 0, length);
        }

        public async Task<string> EchoAsync(string text)
        {
            await SendAsync(text);
            return await ReadAsync(text.Length);
        }
    }

    /// <summary>Echoes all bytes until the client ends.</summary>
    private sealed class EchoServer : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly System.Text.StringBuilder _received = new();
        private int _connections;

        public static EchoServer Start()
        {
            var server = new EchoServer();
            server._listener.Start();
            _ = server.AcceptAsync();
            return server;
        }

        public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        public int Connections => _connections;

        public string Received
        {
            get
            {
                lock (_received)
                    return _received.ToString();
            }
        }

        public void Dispose() => _listener.Dispose();

        private async Task AcceptAsync()
        {
            try
            {
                while (true)
                    _ = EchoAsync(await _listener.AcceptSocketAsync());
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The test is over.
            }
        }

        private async Task EchoAsync(Socket socket)
        {
            Interlocked.Increment(ref _connections);
            using (socket)
            {
                try
                {
                    var buffer = new byte[100];
                    while (await socket.ReceiveAsync(buffer) is > 0 and var length)
                    {
                        lock (_received)
                            _received.Append(System.Text.Encoding.ASCII.GetString(buffer, 0, length));
                        await socket.SendAsync(buffer.AsMemory(0, length));
                    }
                }
                catch (SocketException)
                {
                    // The connection was cut by the test.
                }
            }

            Interlocked.Decrement(ref _connections);
        }
    }
}
