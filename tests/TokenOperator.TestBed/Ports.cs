using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace TokenOperator.TestBed;

/// <summary>Free ports on 127.0.0.1.</summary>
public static class Ports
{
    // Below what Linux gives to outgoing connections (32768 and up, ip_local_port_range): a port from there could be taken
    // by any client while a server that should come back on it is down, even by a client's connection to itself.
    private const int Lowest = 15000;
    private const int Highest = 32000;

    /// <summary>A port that nobody listens on now, picked at random so that test runs side by side do not meet.</summary>
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
                // Taken: the next one.
            }
        }

        throw new InvalidOperationException($"No free port between {Lowest} and {Highest} on 127.0.0.1 in 200 attempts.");
    }
}
