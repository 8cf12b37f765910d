using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace TokenOperator.TestBed;

/// <summary>
/// Free ports on 127.0.0.1. No other test process of this user gets a port until the process that asked for it has ended, so you can ask
/// for a port long before a server listens on it, and restart a server on it.
/// </summary>
public static class Ports
{
    // Below the range that Linux uses for outgoing connections (from 32768, ip_local_port_range). While a server is down, any
    // client could take a port of that range, even by a connection to itself, and the server could not restart on it.
    private const int Lowest = 15000;
    private const int Highest = 32000;
    private const int BlockSize = 100;

    private static readonly Lock Gate = new();

    // A process locks one file for each block of ports that it uses. The lock ends with the process, however it ends.
    private static readonly List<FileStream> Blocks = [];
    private static int _next;
    private static int _end;

    /// <summary>A port that is free now, and that no other caller gets.</summary>
    /// <exception cref="InvalidOperationException">Other test processes use all ports.</exception>
    public static int Free()
    {
        lock (Gate)
        {
            while (true)
            {
                if (_next == _end)
                    ReserveBlock();
                var port = _next++;
                if (IsFree(port))
                    return port;
            }
        }
    }

    private static void ReserveBlock()
    {
        var folder = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), $"token-operator-ports-{Environment.UserName}")).FullName;
        const int Count = (Highest - Lowest) / BlockSize;
        var start = Random.Shared.Next(Count);
        for (var i = 0; i < Count; i++)
        {
            var first = Lowest + ((start + i) % Count * BlockSize);
            try
            {
                Blocks.Add(new FileStream(Path.Combine(folder, first.ToString(CultureInfo.InvariantCulture)), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
            }
            catch (IOException)
            {
                // Another process uses this block, or this one has used it up.
                continue;
            }

            (_next, _end) = (first, first + BlockSize);
            return;
        }

        throw new InvalidOperationException($"Test processes use all ports between {Lowest} and {Highest} on 127.0.0.1. Stop those that you no longer need.");
    }

    private static bool IsFree(int port)
    {
        using var listener = new TcpListener(IPAddress.Loopback, port);
        try
        {
            listener.Start();
            return true;
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.AddressAlreadyInUse or SocketError.AccessDenied)
        {
            return false;
        }
    }
}
