using System.Globalization;
using System.Text.RegularExpressions;

namespace TokenOperator.Postgres;

/// <summary>
/// Parses a connection URI as libpq does (PostgreSQL manual, section "Connection URIs"): percent-encoding, IPv6 in brackets,
/// several hosts, a Unix socket as <c>host=</c>. It differs in one point: a password without percent-encoding is
/// accepted if the URI has only one meaning, and refused otherwise, because messages would contain its rest as a host or a database.
/// </summary>
internal static partial class PostgresUri
{
    public static bool IsUri(string value) => Scheme().IsMatch(value);

    /// <summary>Why <paramref name="value"/>, the address in the form of another driver, is refused; null when it is not one.</summary>
    public static string? RefusalOf(string value) => ForeignScheme().Match(value) is { Success: true, Groups: var groups }
        ? $"the address starts with {groups["scheme"].Value.ToLowerInvariant()}://, which is the form of another driver; write postgresql://user:password@host:5432/database."
        : null;

    /// <summary>Parses <paramref name="value"/> into <paramref name="parameters"/>.</summary>
    /// <exception cref="FormatException">It is not a valid connection URI. The message does not repeat anything that can be secret.</exception>
    public static void Parse(string value, ConnectionParameters parameters)
    {
        var rest = value[Scheme().Match(value).Length..];
        var (user, address) = Split(rest);
        var end = address.IndexOfAny(['/', '?']);
        var hosts = end < 0 ? address : address[..end];
        var tail = end < 0 ? "" : address[end..];
        if (tail.Contains('@'))
        {
            throw new FormatException(
                "there is an @ after the host, so it is not clear where the password ends; in user, password and parameters, write the characters / ? # @ : % & as %2F %3F %23 %40 %3A %25 %26, "
                + "or leave the password out and set PGPASSWORD to it as it is.");
        }

        if (user is not null)
            ReadUser(parameters, user);
        ReadHosts(parameters, hosts);
        var question = tail.IndexOf('?', StringComparison.Ordinal);
        var path = question < 0 ? tail : tail[..question];
        if (path.Length > 1)
            parameters.Set("Database", Decode(path[1..], "the database"), "the database");
        // Without a user in front of the hosts, the text after the ? can be the rest of a password.
        if (question >= 0)
            ReadParameters(parameters, tail[(question + 1)..], canShowNames: user is not null);
    }

    /// <summary>
    /// The part before the host, or null, and the rest. A password from a variable, as in <c>postgresql://user:$(PASSWORD)@host/db</c>, is not
    /// encoded. It is accepted as it is when the text can be read in one way only.
    /// </summary>
    private static (string? User, string Address) Split(string rest)
    {
        var end = rest.IndexOfAny(['/', '?']);
        var authority = end < 0 ? rest : rest[..end];
        var at = authority.LastIndexOf('@');
        var last = rest.LastIndexOf('@');
        if (last > at)
        {
            var ends = Enumerable.Range(0, rest.Length).Where(i => rest[i] == '@' && CanEndUser(rest, i)).ToList();
            if (ends is [var only] && only == last && !StartsWithHosts(rest))
                at = last;
        }

        return at < 0 ? (null, rest) : (rest[..at], rest[(at + 1)..]);
    }

    private static bool CanEndUser(string rest, int at)
    {
        var colon = rest.IndexOf(':', StringComparison.Ordinal);
        var name = colon < 0 || colon > at ? rest[..at] : rest[..colon];
        return name.IndexOfAny(['/', '?', '@']) < 0 && StartsWithHosts(rest[(at + 1)..]);
    }

    private static bool StartsWithHosts(string text)
    {
        var end = text.IndexOfAny(['/', '?']);
        return (end < 0 ? text : text[..end]).Split(',').All(host => PlainHost().IsMatch(host));
    }

    private static void ReadUser(ConnectionParameters parameters, string user)
    {
        var colon = user.IndexOf(':', StringComparison.Ordinal);
        var name = colon < 0 ? user : user[..colon];
        if (name.Length > 0)
            parameters.Set("Username", Decode(name, "the user"), "the user");
        if (colon >= 0 && colon < user.Length - 1)
            parameters.Set("Password", Decode(user[(colon + 1)..], "the password"), "the password");
    }

    private static void ReadHosts(ConnectionParameters parameters, string hosts)
    {
        if (hosts.Length == 0)
            return;
        var parts = hosts.Split(',').Select(ReadHost).ToArray();
        if (parts is [var (host, port)])
        {
            parameters.Set("Host", host, "the host");
            if (port is { } number)
                parameters.Settings.Port = number;
            return;
        }

        // Npgsql's form for several hosts: each with its port, IPv6 in brackets.
        var all = parts.Select(part => (part.Host.Contains(':') ? $"[{part.Host}]" : part.Host) + (part.Port is { } p ? $":{p}" : ""));
        parameters.Set("Host", string.Join(',', all), "a host");
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

    private static void ReadParameters(ConnectionParameters parameters, string query, bool canShowNames)
    {
        var position = 0;
        foreach (var parameter in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            position++;
            var equals = parameter.IndexOf('=', StringComparison.Ordinal);
            var name = Decode(equals < 0 ? parameter : parameter[..equals], "a parameter's name");
            if (!ParameterName().IsMatch(name))
                throw new FormatException(ConnectionParameters.RefusalOf(name) ?? "the part after the ? does not have the form name=value.");
            if (equals < 0 && ConnectionParameters.IsKnown(name))
                throw new FormatException($"the parameter {name} has no value.");
            var shown = canShowNames || ConnectionParameters.IsKnown(name) ? $"the parameter {name}" : $"parameter number {position}";
            var value = equals < 0 ? "" : Decode(parameter[(equals + 1)..], shown);
            if (!parameters.TrySet(name, value))
            {
                // After a password, an unknown name is not repeated: it can be the rest of a password that contains an &.
                throw new FormatException(ConnectionParameters.RefusalOf(name) ?? (canShowNames
                    ? $"{shown} is unknown; expected a parameter of libpq, such as sslmode or connect_timeout."
                    : $"{shown} is unknown; expected a parameter of libpq, such as sslmode or connect_timeout. Write an & in a value as %26."));
            }

            canShowNames &= !name.EndsWith("password", StringComparison.Ordinal);
        }
    }

    private static string Decode(string text, string what) =>
        BrokenEscape().IsMatch(text)
            ? throw new FormatException($"{what} contains a % without two hexadecimal digits after it; write a % as %25.")
            : Uri.UnescapeDataString(text);

    [GeneratedRegex("^postgres(ql)?://", RegexOptions.IgnoreCase)]
    private static partial Regex Scheme();

    [GeneratedRegex(@"^(?<scheme>(jdbc:|r2dbc:)?(postgres|postgresql|pgsql|ecto|cockroachdb|timescaledb)([+:][A-Za-z0-9_]{1,20})*)://", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture)]
    private static partial Regex ForeignScheme();

    [GeneratedRegex(@"^(\[[0-9a-fA-F:.]+(%[\w.-]+)?\]|([A-Za-z0-9._-]|%[0-9a-fA-F]{2})*)(:[0-9]{1,5})?$")]
    private static partial Regex PlainHost();

    [GeneratedRegex(@"^(\[(?<v6>[0-9a-fA-F:.]+(%[\w.-]+)?)\]|(?<name>[^:\[\]]*))(:(?<port>.*))?$")]
    private static partial Regex HostAndPort();

    [GeneratedRegex("^[A-Za-z_]{1,40}$")]
    private static partial Regex ParameterName();

    [GeneratedRegex("%(?![0-9a-fA-F]{2})")]
    private static partial Regex BrokenEscape();
}
