using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;

namespace TokenOperator.Postgres;

/// <summary>
/// Parses a connection URI as libpq does (PostgreSQL manual, section "Connection URIs"): percent-encoding, IPv6 in brackets,
/// several hosts, a Unix socket as <c>host=</c>. It is stricter in one point: text that can be the rest of a password without
/// percent-encoding is refused, because messages would otherwise contain it as a host or a database.
/// </summary>
internal static partial class PostgresUri
{
    private static readonly Dictionary<string, string> Keywords = new()
    {
        ["host"] = "Host",
        ["port"] = "Port",
        ["dbname"] = "Database",
        ["user"] = "Username",
        ["password"] = "Password",
        ["passfile"] = "Passfile",
        ["application_name"] = "Application Name",
        ["connect_timeout"] = "Timeout",
        ["client_encoding"] = "Client Encoding",
        ["options"] = "Options",
        ["sslmode"] = "SSL Mode",
        ["sslnegotiation"] = "SSL Negotiation",
        ["sslrootcert"] = "Root Certificate",
        ["sslcert"] = "SSL Certificate",
        ["sslkey"] = "SSL Key",
        ["sslpassword"] = "SSL Password",
        ["channel_binding"] = "Channel Binding",
        ["gssencmode"] = "GSS Encryption Mode",
        ["krbsrvname"] = "Kerberos Service Name",
        ["target_session_attrs"] = "Target Session Attributes",
    };

    public static bool IsUri(string value) => Scheme().IsMatch(value);

    /// <summary>Parses <paramref name="value"/>.</summary>
    /// <exception cref="FormatException">It is not a valid connection URI. The message does not repeat anything that can be secret.</exception>
    public static NpgsqlConnectionStringBuilder Parse(string value)
    {
        var rest = value[Scheme().Match(value).Length..];
        var end = rest.IndexOfAny(['/', '?']);
        var authority = end < 0 ? rest : rest[..end];
        var tail = end < 0 ? "" : rest[end..];
        if (tail.Contains('@'))
            throw new FormatException("there is an @ after the host; in user and password, write the characters / ? @ : % as %2F %3F %40 %3A %25.");

        var settings = new NpgsqlConnectionStringBuilder();
        var at = authority.LastIndexOf('@');
        if (at >= 0)
            ReadUser(settings, authority[..at]);
        ReadHosts(settings, authority[(at + 1)..]);

        var question = tail.IndexOf('?', StringComparison.Ordinal);
        var path = question < 0 ? tail : tail[..question];
        if (path.Length > 1)
            ConnectionStrings.Set(settings, "Database", Decode(path[1..], "the database"), "the database");
        if (question >= 0)
            ReadParameters(settings, tail[(question + 1)..]);
        return settings;
    }

    private static void ReadUser(NpgsqlConnectionStringBuilder settings, string user)
    {
        var colon = user.IndexOf(':', StringComparison.Ordinal);
        var name = colon < 0 ? user : user[..colon];
        if (name.Length > 0)
            ConnectionStrings.Set(settings, "Username", Decode(name, "the user"), "the user");
        if (colon >= 0 && colon < user.Length - 1)
            ConnectionStrings.Set(settings, "Password", Decode(user[(colon + 1)..], "the password"), "the password");
    }

    private static void ReadHosts(NpgsqlConnectionStringBuilder settings, string hosts)
    {
        if (hosts.Length == 0)
            return;
        var parts = hosts.Split(',').Select(ReadHost).ToArray();
        if (parts is [var (host, port)])
        {
            ConnectionStrings.Set(settings, "Host", host, "the host");
            if (port is { } number)
                settings.Port = number;
            return;
        }

        // Npgsql's form for several hosts: each with its port, IPv6 in brackets.
        var all = parts.Select(part => (part.Host.Contains(':') ? $"[{part.Host}]" : part.Host) + (part.Port is { } p ? $":{p}" : ""));
        ConnectionStrings.Set(settings, "Host", string.Join(',', all), "a host");
    }

    private static (string Host, int? Port) ReadHost(string text)
    {
        var match = HostAndPort().Match(text);
        if (!match.Success)
            throw new FormatException("a host does not have the form name, name:port or [IPv6]:port.");
        var port = match.Groups["port"].Value;
        if (port.Length > 0 && !(int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is > 0 and < 65536))
            throw new FormatException("a port is not a number from 1 to 65535.");
        var host = match.Groups["v6"].Success ? match.Groups["v6"].Value : Decode(match.Groups["name"].Value, "the host");
        return (host, port.Length > 0 ? int.Parse(port, CultureInfo.InvariantCulture) : null);
    }

    private static void ReadParameters(NpgsqlConnectionStringBuilder settings, string query)
    {
        var position = 0;
        foreach (var parameter in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            position++;
            var equals = parameter.IndexOf('=', StringComparison.Ordinal);
            var name = Decode(equals < 0 ? parameter : parameter[..equals], "a parameter's name");
            if (!ParameterName().IsMatch(name))
                throw new FormatException("the part after the ? does not have the form name=value.");
            // An unknown name is not repeated: it can be the rest of a password that contains an &.
            if (!Keywords.TryGetValue(name, out var keyword))
                throw new FormatException($"parameter number {position} is unknown; expected one of {string.Join(", ", Keywords.Keys)}. Write an & in a value as %26.");
            if (equals < 0)
                throw new FormatException($"the parameter {name} has no value.");
            SetParameter(settings, name, keyword, Decode(parameter[(equals + 1)..], $"the parameter {name}"));
        }
    }

    private static void SetParameter(NpgsqlConnectionStringBuilder settings, string name, string keyword, string value)
    {
        // In libpq, this means the certificates of the system, which are Npgsql's default.
        if (name == "sslrootcert" && value == "system")
            return;
        // Npgsql spells these values without the dash.
        var isChoice = name is "sslmode" or "sslnegotiation" or "channel_binding" or "gssencmode";
        ConnectionStrings.Set(settings, keyword, isChoice ? value.Replace("-", "", StringComparison.Ordinal) : value, $"the parameter {name}");
    }

    private static string Decode(string text, string what) =>
        BrokenEscape().IsMatch(text)
            ? throw new FormatException($"{what} contains a % without two hexadecimal digits after it; write a % as %25.")
            : Uri.UnescapeDataString(text);

    [GeneratedRegex("^postgres(ql)?://", RegexOptions.IgnoreCase)]
    private static partial Regex Scheme();

    [GeneratedRegex(@"^(\[(?<v6>[0-9a-fA-F:.]+(%[\w.-]+)?)\]|(?<name>[^:\[\]]*))(:(?<port>.*))?$")]
    private static partial Regex HostAndPort();

    [GeneratedRegex("^[A-Za-z_]{1,40}$")]
    private static partial Regex ParameterName();

    [GeneratedRegex("%(?![0-9a-fA-F]{2})")]
    private static partial Regex BrokenEscape();
}
