using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace TokenOperator.TestBed;

/// <summary>Free ports on 127.0.0.1.</summary>
public static class Ports
{
    // Below the range that Linux uses for outgoing connections (from 32768, ip_local_port_range). While a server is down, any
    // client could take a port of that range, even by a connection to itself, and the server could not restart on it.
    private const int Lowest = 15000;
    private const int Highest = 32000;

    /// <summary>A port that is free now. It is random, so that parallel test runs do not collide.</summary>
    public static int Free()
    {
        for (var attempt = 0; attempt < 200; attempt++)
        {
            var port = RandomNumberGenerator.GetInt32(Lowest, Highest);
            using var listener = new TcpListener(IPAddress.Loopback, port);
            try
            {
                listener.Start();
                return port;
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.AddressAlreadyInUse or SocketError.AccessDenied)
            {
                // The port is in use: try the next one.
            }
        }

        throw new InvalidOperationException($"No free port between {Lowest} and {Highest} on 127.0.0.1 in 200 attempts.");
    }
}
