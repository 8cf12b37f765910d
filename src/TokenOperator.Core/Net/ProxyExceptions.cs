using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace TokenOperator.Core.Net;

/// <summary>
/// The hosts in NO_PROXY. An entry is <c>*</c>, an IP address, a network (<c>10.96.0.0/12</c>), a domain with its subdomains
/// (<c>svc</c>), subdomains only (<c>.svc</c>, <c>*.svc</c>) or a pattern (<c>10.96.*</c>), each but a network with an optional port.
/// Like Go, it always includes the machine itself, compares names without regard to case, and does not look up names to compare them
/// with networks.
/// </summary>
internal sealed class ProxyExceptions
{
    private readonly List<(int? Port, Func<Host, bool> Matches)> _entries = [];

    private ProxyExceptions()
    {
    }

    /// <summary>Reads NO_PROXY. What is none of these is skipped, because other programs read the same variable.</summary>
    public static ProxyExceptions Parse(string? text)
    {
        var exceptions = new ProxyExceptions();
        foreach (var entry in (text ?? "").Split([',', ' ', '\t', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries))
        {
            if (Entry(entry.ToLowerInvariant()) is { } read)
                exceptions._entries.Add(read);
        }

        return exceptions;
    }

    /// <summary>Whether a request to <paramref name="host"/> goes without a proxy.</summary>
    /// <param name="host">A name, or an IP address without brackets.</param>
    /// <param name="port">The port.</param>
    public bool Contain(string host, int port)
    {
        var asked = Host.From(host);
        return asked.IsThisMachine || _entries.Exists(entry => (entry.Port ?? port) == port && entry.Matches(asked));
    }

    private static (int? Port, Func<Host, bool> Matches)? Entry(string text)
    {
        if (text.Contains('/', StringComparison.Ordinal))
            return Network(text) is { } network ? (null, network) : null;
        var (name, port) = SplitPort(text);
        if (name.Length == 0)
            return null;
        if (name == "*")
            return (port, _ => true);
        if (Address(name) is { } address)
            return (port, host => address.Equals(host.Address));
        if (name.StartsWith("*.", StringComparison.Ordinal) && !name.AsSpan(1).Contains('*') && !IsNumeric(name))
            name = name[1..];
        if (name.Contains('*', StringComparison.Ordinal))
            return (port, Pattern(name));
        // A name is never an address: "1" is no suffix of 10.0.0.1.
        var domain = Ascii(name.Trim('.'));
        var isWhole = name[0] != '.';
        return domain.Length == 0 ? null
            : (port, host => host.Address is null && ((isWhole && host.Name == domain) || host.Name.EndsWith($".{domain}", StringComparison.Ordinal)));
    }

    private static Func<Host, bool>? Network(string text)
    {
        var parts = text.Split('/');
        if (parts.Length != 2 || Address(parts[0].Trim('[', ']')) is not { } network
            || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var bits) || bits > network.GetAddressBytes().Length * 8)
            return null;
        return host => host.Address is { } address && address.AddressFamily == network.AddressFamily && HaveSameStart(address.GetAddressBytes(), network.GetAddressBytes(), bits);
    }

    // Bits after the prefix do not count, so 10.96.0.1/12 is a network, too.
    private static bool HaveSameStart(byte[] one, byte[] other, int bits)
    {
        for (var i = 0; i < one.Length; i++)
        {
            var mask = (byte)(0xff00 >> Math.Clamp(bits - (i * 8), 0, 8));
            if ((one[i] & mask) != (other[i] & mask))
                return false;
        }

        return true;
    }

    /// <summary>Compares text with <c>*</c> for any characters. A pattern of digits matches addresses only, because a name can start with digits.</summary>
    private static Func<Host, bool> Pattern(string pattern)
    {
        var isNumeric = IsNumeric(pattern);
        var pieces = pattern.TrimEnd('.').Split('*');
        return host => (host.Address is not null) == isNumeric && Fits(host.Name, pieces);
    }

    private static bool IsNumeric(string pattern) => pattern.All(c => char.IsAsciiDigit(c) || c is '.' or '*');

    /// <summary>The name as DNS has it (punycode), or unchanged when DNS cannot have it.</summary>
    private static string Ascii(string name)
    {
        try
        {
            return name.Length == 0 || System.Text.Ascii.IsValid(name) ? name : new IdnMapping().GetAscii(name);
        }
        catch (ArgumentException)
        {
            return name;
        }
    }

    private static bool Fits(string text, string[] pieces)
    {
        if (!text.StartsWith(pieces[0], StringComparison.Ordinal))
            return false;
        var at = pieces[0].Length;
        foreach (var piece in pieces[1..^1])
        {
            var found = text.IndexOf(piece, at, StringComparison.Ordinal);
            if (found < 0)
                return false;
            at = found + piece.Length;
        }

        return text.Length - at >= pieces[^1].Length && text.EndsWith(pieces[^1], StringComparison.Ordinal);
    }

    private static (string Name, int? Port) SplitPort(string text)
    {
        var end = text.LastIndexOf(':');
        var isAddress6 = text.Count(c => c == ':') > 1 && !text.Contains("]:", StringComparison.Ordinal);
        return end < 0 || isAddress6 ? (text.Trim('[', ']'), null)
            : int.TryParse(text.AsSpan(end + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) ? (text[..end].Trim('[', ']'), port)
            : ("", null);
    }

    /// <summary>An IP address in full; .NET also takes <c>10.96</c> for one.</summary>
    private static IPAddress? Address(string text) =>
        (text.Contains(':', StringComparison.Ordinal) || text.Split('.').Length == 4) && IPAddress.TryParse(text, out var address)
            ? address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address
            : null;

    /// <summary>The host of a request.</summary>
    private readonly record struct Host(string Name, IPAddress? Address)
    {
        public bool IsThisMachine => Name == "localhost" || (Address is not null && IPAddress.IsLoopback(Address));

        public static Host From(string host)
        {
            var name = host.Trim('[', ']').TrimEnd('.').ToLowerInvariant();
            var address = ProxyExceptions.Address(name);
            return new(address is { AddressFamily: AddressFamily.InterNetwork } ? address.ToString() : name, address);
        }
    }
}
