using System.Globalization;
using Microsoft.Extensions.Configuration;
using Npgsql;

namespace TokenOperator.Postgres;

/// <summary>
/// Collects the parameters of a connection by the names of libpq (PostgreSQL manual, section "Parameter Key Words") and of Npgsql.
/// A parameter of libpq that Npgsql lacks is accepted with a note, unless the connection would be another one without it. A
/// parameter of another driver is refused, with what to write instead.
/// </summary>
internal sealed class ConnectionParameters
{
    /// <summary>The values of <c>sslmode</c>, for messages.</summary>
    private const string SslModes = "disable, allow, prefer, require, verify-ca or verify-full";

    private const string LeaveOut = "leave it out";
    private const string WriteOption = "write options=-c%20NAME%3DVALUE";
    private const string WriteSsl = "write sslmode=require, or sslmode=verify-full with sslrootcert to check the certificate";
    private const string WriteTimeout = "write connect_timeout=SECONDS";
    private const string UsePoolSize = "leave it out, or write the connection string in Npgsql's form with Maximum Pool Size";

    /// <summary>The longest timeout in seconds that Npgsql accepts.</summary>
    private const int MaxTimeout = 1024;

    /// <summary>The time in seconds after which Linux sends the first keepalive.</summary>
    private const int DefaultKeepaliveTime = 7200;

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
        ["options"] = "Options",
        ["sslmode"] = "SSL Mode",
        ["sslnegotiation"] = "SSL Negotiation",
        ["sslrootcert"] = "Root Certificate",
        ["sslcert"] = "SSL Certificate",
        ["sslkey"] = "SSL Key",
        ["sslpassword"] = "SSL Password",
        ["channel_binding"] = "Channel Binding",
        ["require_auth"] = "Require Auth",
        ["gssencmode"] = "GSS Encryption Mode",
        ["krbsrvname"] = "Kerberos Service Name",
        ["target_session_attrs"] = "Target Session Attributes",
        ["load_balance_hosts"] = "Load Balance Hosts",
        ["keepalives"] = "TCP Keepalive",
        ["keepalives_idle"] = "TCP Keepalive Time",
        ["keepalives_interval"] = "TCP Keepalive Interval",
    };

    private static readonly Dictionary<string, string> WithoutEffect = new()
    {
        ["keepalives_count"] = "the operating system decides",
        ["tcp_user_timeout"] = "the operator gives up a statement after Command Timeout, which is 10 s by default",
        ["sslcompression"] = "TLS compression is never used",
        ["sslsni"] = "the name of the host is always sent",
        ["sslcertmode"] = "a client certificate is sent when the server asks for one",
        ["sslcrl"] = "the operator reads no revocation lists; Check Certificate Revocation=true in Npgsql's form asks the authority",
        ["sslcrldir"] = "the operator reads no revocation lists; Check Certificate Revocation=true in Npgsql's form asks the authority",
        ["sslkeylogfile"] = "the operator never writes keys of a connection",
        ["ssl_min_protocol_version"] = "the version of TLS is at least 1.2",
        ["ssl_max_protocol_version"] = "the server and the operating system choose the version of TLS",
        ["min_protocol_version"] = "the operator uses version 3.0 of the protocol",
        ["max_protocol_version"] = "the operator uses version 3.0 of the protocol",
        ["gsslib"] = "the operating system decides",
        ["gssdelegation"] = "credentials are never delegated",
        ["requirepeer"] = "the operator does not check who owns a Unix socket",
        ["client_encoding"] = "the operator always uses UTF8",
    };

    /// <summary>Parameters of other drivers, and of libpq where the connection would be another one without them.</summary>
    private static readonly Dictionary<string, string> Refused = new(StringComparer.OrdinalIgnoreCase)
    {
        ["service"] = "write host, dbname and user",
        ["servicefile"] = "write host, dbname and user",
        ["replication"] = LeaveOut,
        ["scram_client_key"] = "write user and password",
        ["scram_server_key"] = "write user and password",
        ["oauth_issuer"] = "write user and password",
        ["oauth_client_id"] = "write user and password",
        ["oauth_client_secret"] = "write user and password",
        ["oauth_scope"] = "write user and password",
        ["ssl"] = WriteSsl,
        ["tls"] = WriteSsl,
        ["sslaccept"] = WriteSsl,
        ["sslfactory"] = WriteSsl,
        ["sslhostnameverifier"] = WriteSsl,
        ["sslidentity"] = "write sslcert and sslkey",
        ["ssl_ca"] = "write sslrootcert",
        ["ssl_cert"] = "write sslcert",
        ["ssl_key"] = "write sslkey",
        ["pgbouncer"] = "leave it out; the operator works behind pgBouncer in any mode",
        ["schema"] = "write options=-c%20search_path%3DNAME",
        ["currentschema"] = "write options=-c%20search_path%3DNAME",
        ["search_path"] = "write options=-c%20search_path%3DNAME",
        ["username"] = "write user",
        ["database"] = "write dbname",
        ["applicationname"] = "write application_name",
        ["targetservertype"] = "write target_session_attrs=read-write",
        ["loadbalancehosts"] = "write load_balance_hosts=random",
        ["connection_limit"] = UsePoolSize,
        ["pool"] = UsePoolSize,
        ["pool_size"] = UsePoolSize,
        ["max_pool_size"] = UsePoolSize,
        ["pool_max_conns"] = UsePoolSize,
        ["pool_min_conns"] = UsePoolSize,
        ["pool_max_conn_lifetime"] = UsePoolSize,
        ["pool_max_conn_idle_time"] = UsePoolSize,
        ["pool_timeout"] = WriteTimeout,
        ["socket_timeout"] = WriteTimeout,
        ["sockettimeout"] = WriteTimeout,
        ["logintimeout"] = WriteTimeout,
        ["connecttimeout"] = WriteTimeout,
        ["command_timeout"] = WriteTimeout,
        ["statement_timeout"] = WriteOption,
        ["lock_timeout"] = WriteOption,
        ["timezone"] = LeaveOut,
        ["datestyle"] = LeaveOut,
        ["encoding"] = LeaveOut,
        ["charset"] = LeaveOut,
        ["driver"] = LeaveOut,
        ["adapter"] = LeaveOut,
        ["reconnect"] = LeaveOut,
        ["tcpkeepalive"] = "write keepalives=1",
        ["preparethreshold"] = LeaveOut,
        ["prepared_statements"] = LeaveOut,
        ["prepared_statement_cache_size"] = LeaveOut,
        ["statement_cache_size"] = LeaveOut,
        ["statement_cache_capacity"] = LeaveOut,
        ["description_cache_capacity"] = LeaveOut,
        ["default_query_exec_mode"] = LeaveOut,
        ["binary_parameters"] = LeaveOut,
        ["uselibpqcompat"] = LeaveOut,
    };

    /// <summary>The environment variables of libpq (section "Environment Variables") and the parameters for which they stand.</summary>
    private static readonly Dictionary<string, string> Variables = new()
    {
        ["PGHOST"] = "host",
        ["PGHOSTADDR"] = "hostaddr",
        ["PGPORT"] = "port",
        ["PGDATABASE"] = "dbname",
        ["PGUSER"] = "user",
        ["PGPASSWORD"] = "password",
        ["PGPASSFILE"] = "passfile",
        ["PGAPPNAME"] = "application_name",
        ["PGCONNECT_TIMEOUT"] = "connect_timeout",
        ["PGOPTIONS"] = "options",
        ["PGSSLMODE"] = "sslmode",
        ["PGREQUIRESSL"] = "requiressl",
        ["PGSSLNEGOTIATION"] = "sslnegotiation",
        ["PGSSLROOTCERT"] = "sslrootcert",
        ["PGSSLCERT"] = "sslcert",
        ["PGSSLKEY"] = "sslkey",
        ["PGSSLCRL"] = "sslcrl",
        ["PGSSLCRLDIR"] = "sslcrldir",
        ["PGCHANNELBINDING"] = "channel_binding",
        ["PGREQUIREAUTH"] = "require_auth",
        ["PGREQUIREPEER"] = "requirepeer",
        ["PGGSSENCMODE"] = "gssencmode",
        ["PGKRBSRVNAME"] = "krbsrvname",
        ["PGTARGETSESSIONATTRS"] = "target_session_attrs",
        ["PGLOADBALANCEHOSTS"] = "load_balance_hosts",
        ["PGSERVICE"] = "service",
    };

    private readonly List<string> _notes = [];
    private string? _hostAddress;
    private string? _fallbackName;

    /// <summary>The variables of libpq that fill in what a connection string leaves out.</summary>
    public static IEnumerable<string> VariableNames => Variables.Keys;

    /// <summary>What has been set.</summary>
    public NpgsqlConnectionStringBuilder Settings { get; } = new();

    /// <summary>One sentence for each parameter that has no effect.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <summary>True when libpq has the parameter <paramref name="name"/> and <see cref="TrySet"/> accepts it.</summary>
    public static bool IsKnown(string name) => Keywords.ContainsKey(name) || WithoutEffect.ContainsKey(name) || name is "hostaddr" or "fallback_application_name" or "requiressl";

    /// <summary>Why the parameter <paramref name="name"/>, which libpq does not have, is refused and what to write instead; null when no driver that is known here has it.</summary>
    public static string? RefusalOf(string name)
    {
        if (Refused.TryGetValue(name, out var advice))
            return $"the parameter {name.ToLowerInvariant()} cannot be used here; {advice}.";
        if (IsKnown(name.ToLowerInvariant()))
            return $"the names of parameters are in lower case; write {name.ToLowerInvariant()}.";
        return new NpgsqlConnectionStringBuilder().ContainsKey(name)
            ? "a URI cannot contain keywords of Npgsql; to use one, write the connection string in Npgsql's form, Host=...;Database=...;Username=...;Password=..."
            : null;
    }

    /// <summary>Sets a parameter by the name that libpq gives it.</summary>
    /// <returns>False when libpq has no such parameter.</returns>
    /// <exception cref="FormatException">The value is invalid. The message contains the name and not the value.</exception>
    public bool TrySet(string name, string value)
    {
        var what = $"the parameter {name}";
        switch (name)
        {
            case "hostaddr":
                _hostAddress = value;
                return true;
            case "fallback_application_name":
                _fallbackName = value;
                return true;
            case "requiressl":
                if (value == "1")
                    Set("SSL Mode", "Require", what);
                return true;
            case "replication" when value is "false" or "off" or "no" or "0":
                return true;
            case "connect_timeout":
                SetTimeout(value, what);
                return true;
            case "keepalives":
                Set("TCP Keepalive", value switch { "1" => "true", "0" => "false", _ => value }, what);
                return true;
            case "load_balance_hosts":
                Set("Load Balance Hosts", value switch { "random" => "true", "disable" => "false", _ => "" }, what);
                return true;
            case "require_auth":
                Set("Require Auth", string.Join(',', value.Split(',').Select(AuthenticationMethod)), what);
                return true;
            case "client_encoding" when value.Equals("auto", StringComparison.OrdinalIgnoreCase) || value.Replace("-", "", StringComparison.Ordinal).Equals("utf8", StringComparison.OrdinalIgnoreCase):
                return true;
        }

        if (WithoutEffect.TryGetValue(name, out var reason))
            _notes.Add($"The parameter {name} of the connection to Postgres has no effect: {reason}.");
        else if (Keywords.TryGetValue(name, out var keyword))
            Set(keyword, value, what);
        else
            return false;
        return true;
    }

    /// <summary>Sets a keyword of Npgsql.</summary>
    /// <exception cref="FormatException">The value is invalid. The message contains <paramref name="name"/> and not the value.</exception>
    public void Set(string keyword, object? value, string name)
    {
        // Npgsql spells these values without the dash.
        var isMode = IsSame(keyword, "SSL Mode");
        if (value is string text && (isMode || IsSame(keyword, "SSL Negotiation") || IsSame(keyword, "Channel Binding") || IsSame(keyword, "GSS Encryption Mode")))
            value = text.Replace("-", "", StringComparison.Ordinal);
        if (isMode && value is "noverify")
            throw new FormatException($"{name} has the value no-verify of another driver; write require, which encrypts and does not check the certificate, or verify-full.");
        try
        {
            Settings[keyword] = value;
        }
        catch (Exception e) when (e is ArgumentException or FormatException or OverflowException or InvalidCastException or KeyNotFoundException or NotSupportedException or InvalidOperationException)
        {
            throw new FormatException($"{name} has an invalid value{(isMode ? $"; expected {SslModes}" : "")}.");
        }
    }

    /// <summary>Fills in what was not set from the environment variables of libpq.</summary>
    /// <exception cref="FormatException">The value of a variable is invalid. The message contains its name.</exception>
    public void AddVariables(IConfiguration environment)
    {
        foreach (var (variable, name) in Variables)
        {
            if (environment[variable] is not { Length: > 0 } value || HasValue(name))
                continue;
            try
            {
                if (!TrySet(name, value))
                    _notes.Add($"The environment variable {variable} has no effect: {Refused[name]}.");
            }
            catch (FormatException e)
            {
                throw new FormatException($"{e.Message} The value comes from the environment variable {variable}.");
            }
        }
    }

    /// <summary>Applies what depends on several parameters.</summary>
    /// <exception cref="FormatException">They contradict each other.</exception>
    public void Finish()
    {
        if (_hostAddress is { } address)
        {
            if (string.IsNullOrEmpty(Settings.Host))
                Set("Host", address, "the parameter hostaddr");
            else
                _notes.Add("The parameter hostaddr of the connection to Postgres has no effect: the operator looks up the address of host.");
        }

        if (_fallbackName is { } name && !Settings.ShouldSerialize("Application Name"))
            Set("Application Name", name, "the parameter fallback_application_name");
        if (Settings is { TcpKeepAliveInterval: > 0, TcpKeepAliveTime: 0 })
            Settings.TcpKeepAliveTime = DefaultKeepaliveTime;
        CheckSessionAttributes();
        CheckRootCertificate();
    }

    /// <summary>Npgsql accepts this choice for several hosts only, and for one host throws an exception when it connects.</summary>
    private void CheckSessionAttributes()
    {
        const string Keyword = "Target Session Attributes";
        if (!Settings.ShouldSerialize(Keyword))
            return;
        var wanted = Settings.TargetSessionAttributes;
        if (wanted is "standby" or "read-only")
            throw new FormatException($"target_session_attrs is {wanted}, but the operator writes to Postgres; write read-write, or leave it out.");
        if (Settings.Host?.Contains(',') == true)
            return;
        Settings.Remove(Keyword);
        if (wanted != "any")
            _notes.Add($"The parameter target_session_attrs={wanted} of the connection to Postgres has no effect with one host. If the server is read-only, the operator reports it as unavailable.");
    }

    /// <summary>
    /// As in libpq, a root certificate means that the certificate of the server is checked. Npgsql ignores the file unless the mode
    /// says so, and would accept every certificate.
    /// </summary>
    private void CheckRootCertificate()
    {
        if (string.IsNullOrEmpty(Settings.RootCertificate) || (Settings.SslMode == SslMode.Disable && Settings.ShouldSerialize("SSL Mode")))
            return;
        // In libpq, this means the certificates of the system, which are Npgsql's default, and it requires verify-full.
        if (Settings.RootCertificate == "system")
        {
            Settings.Remove("Root Certificate");
            Settings.SslMode = SslMode.VerifyFull;
        }
        else if (Settings.SslMode is SslMode.Disable or SslMode.Allow or SslMode.Prefer or SslMode.Require)
        {
            Settings.SslMode = SslMode.VerifyCA;
        }
    }

    private void SetTimeout(string value, string what)
    {
        if (!int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var seconds))
            throw new FormatException($"{what} has an invalid value; expected a number of seconds.");
        // 0 and less mean in libpq to wait forever. A worker must not.
        if (seconds > 0)
            Settings.Timeout = Math.Min(seconds, MaxTimeout);
        else
            _notes.Add("The parameter connect_timeout of the connection to Postgres has no effect: the operator never waits forever for a connection.");
    }

    private bool HasValue(string name) => name switch
    {
        "hostaddr" => _hostAddress is not null || !string.IsNullOrEmpty(Settings.Host),
        "requiressl" => Settings.ShouldSerialize("SSL Mode"),
        "passfile" => !string.IsNullOrEmpty(Settings.Password) || Settings.ShouldSerialize("Passfile"),
        _ => Keywords.TryGetValue(name, out var keyword) && Settings.ShouldSerialize(keyword),
    };

    private static string AuthenticationMethod(string name) => name.StartsWith('!') ? "!" + AuthenticationMethod(name[1..]) : name.ToLowerInvariant() switch
    {
        "password" => "Password",
        "md5" => "MD5",
        "gss" => "GSS",
        "sspi" => "SSPI",
        "scram-sha-256" => "ScramSHA256",
        "none" => "None",
        _ => name,
    };

    private static bool IsSame(string keyword, string name) =>
        keyword.Replace(" ", "", StringComparison.Ordinal).Equals(name.Replace(" ", "", StringComparison.Ordinal), StringComparison.OrdinalIgnoreCase);
}
