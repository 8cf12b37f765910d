using System.Data.Common;
using System.Text;
using Microsoft.Extensions.Configuration;
using Npgsql;
using TokenOperator.Core.Settings;

namespace TokenOperator.Postgres;

/// <summary>
/// Reads the address of the database. <c>ConnectionStrings__Postgres</c> is the operator's own setting and takes precedence.
/// <c>DATABASE_URL</c>, which platforms set for every program, is used when the first one is absent or blank, and the file that
/// <c>DATABASE_URL_FILE</c> names when both are. The environment variables of libpq fill in what these leave out.
/// </summary>
public static class ConnectionStrings
{
    private const string Forms =
        "postgresql://user:password@host:5432/database or Host=...;Database=...;Username=...;Password=...";

    /// <summary>More than any connection string or password has.</summary>
    private const int MaxFileLength = 16 * 1024;

    private static readonly Setting<string?> OwnSetting = Setting.Text(
        "ConnectionStrings__Postgres", "How to connect to Postgres: an Npgsql connection string or a `postgresql://` URI.", expected: "a connection string", isSecret: true);

    private static readonly Setting<string?> CommonSetting = Setting.Text(
        "DATABASE_URL", "The same. Used when `ConnectionStrings__Postgres` is not set.", expected: "a connection string", isSecret: true);

    private static readonly Setting<string?> FileSetting = Setting.Text(
        "DATABASE_URL_FILE",
        "File that contains the same, such as a key of a mounted Secret. Used when neither of the above is set. The operator reads it again when Postgres refuses the password or cannot be reached: [A new password](#a-new-password).",
        expected: "a file");

    private static readonly Setting<string?> PasswordFileSetting = Setting.Text(
        "DATABASE_PASSWORD_FILE",
        "File that contains only the password. It takes precedence over a password in the connection string. The operator reads it again when Postgres refuses the password or cannot be reached.",
        expected: "a file");

    /// <summary>All settings of this class, in the order of docs/configuration.md.</summary>
    public static IReadOnlyList<SettingInfo> All { get; } = [OwnSetting, CommonSetting, FileSetting, PasswordFileSetting];

    /// <summary>Reads the settings, either as an Npgsql string or as a <c>postgresql://</c> or <c>postgres://</c> URI.</summary>
    /// <exception cref="InvalidSettingException">None is set, or the one that counts cannot be used.</exception>
    public static PostgresSettings Read(IConfiguration configuration) => SettingsReader.Read(configuration, Read)!;

    /// <summary>The same; records what is wrong in <paramref name="reader"/>, and answers null then.</summary>
    public static PostgresSettings? Read(SettingsReader reader)
    {
        try
        {
            var password = reader.Get(PasswordFileSetting);
            foreach (var setting in (Setting<string?>[])[OwnSetting, CommonSetting])
            {
                if (reader.Get(setting) is { } value)
                    return Create(setting.Name, value, [password], reader.Configuration);
            }

            if (reader.Get(FileSetting) is { } file)
                return Create(FileSetting.Name, ReadFile(FileSetting, file), [file, password], reader.Configuration);
            // With PGHOST, the variables of libpq contain everything.
            if (reader.Configuration["PGHOST"] is { Length: > 0 })
                return Create("PGHOST", "postgresql://", [password], reader.Configuration);
            reader.Reject($"{OwnSetting.Name}, {CommonSetting.Name} or {FileSetting.Name}: none is set; expected where Postgres is: {Forms}.");
        }
        catch (InvalidSettingException e)
        {
            reader.Reject(e.Message);
        }

        return null;
    }

    /// <summary>Parses one value.</summary>
    /// <param name="setting">The name of the setting, for messages.</param>
    /// <param name="value">The value. No message repeats it.</param>
    /// <exception cref="InvalidSettingException">The value is invalid.</exception>
    public static PostgresSettings Parse(string setting, string value) => Create(setting, value, [], new ConfigurationBuilder().Build());

    private static PostgresSettings Create(string setting, string value, string?[] files, IConfiguration configuration)
    {
        var parameters = new ConnectionParameters();
        try
        {
            if (PostgresUri.IsUri(value))
                PostgresUri.Parse(value, parameters);
            else
                ParseKeywords(value, parameters);
            if (configuration[PasswordFileSetting.Name] is { Length: > 0 } file)
                parameters.Set("Password", ReadFile(PasswordFileSetting, file.Trim()), "the password");
            parameters.AddVariables(configuration);
            parameters.Finish();
            Check(parameters.Settings);
            Complete(parameters.Settings);
            CheckWithNpgsql(parameters.Settings);
        }
        catch (FormatException e)
        {
            throw new InvalidSettingException($"{setting}: {e.Message}");
        }

        string[] sources = [.. files.OfType<string>()];
        return new PostgresSettings(
            setting, parameters.Settings, sources.Length == 0 ? null : new ConnectionFiles(sources, () => Read(configuration)),
            [.. parameters.Notes, .. FileAccessCheck.WorldReadable([.. sources, parameters.Settings.SslKey]).Select(
                file => $"Every user of this machine can read the file {file}, which contains a secret. Run: {FileAccessCheck.Remedy(file)}")]);
    }

    private static string ReadFile(SettingInfo setting, string file)
    {
        try
        {
            using var reader = new StreamReader(file);
            var content = new char[MaxFileLength + 1];
            var length = reader.ReadBlock(content);
            var text = new string(content, 0, Math.Min(length, content.Length)).TrimEnd('\r', '\n');
            return length > MaxFileLength ? throw new InvalidSettingException($"{setting.Name}: the file has more than {MaxFileLength} characters.")
                : string.IsNullOrWhiteSpace(text) ? throw new InvalidSettingException($"{setting.Name}: the file is empty.")
                : text;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new InvalidSettingException($"{setting.Name}: the file cannot be read; expected a file that the operator may read.");
        }
    }

    private static void ParseKeywords(string value, ConnectionParameters parameters)
    {
        if (PostgresUri.RefusalOf(value) is { } refusal)
            throw new FormatException(refusal);
        var parts = new DbConnectionStringBuilder();
        try
        {
            parts.ConnectionString = value;
        }
        catch (ArgumentException)
        {
            // The message of that exception quotes the value.
            throw new FormatException($"this is neither a URI nor an Npgsql connection string; expected {Forms}.");
        }

        var position = 0;
        foreach (string keyword in parts.Keys)
        {
            position++;
            if (parameters.Settings.ContainsKey(keyword))
                parameters.Set(keyword, parts[keyword], keyword);
            // An unknown keyword is not repeated: it can be the rest of a password that contains a semicolon.
            else if (!parameters.TrySet(keyword, parts[keyword].ToString() ?? ""))
                throw new FormatException(ConnectionParameters.RefusalOf(keyword) ?? $"keyword number {position} is not an Npgsql keyword; put quotes around a value that contains ; or =.");
        }

        if (parameters.Settings.Host?.Contains('=') == true)
            throw new FormatException($"keywords are separated by blanks, as in the form host=... port=... of libpq; expected {Forms}.");
    }

    private static void Check(NpgsqlConnectionStringBuilder settings)
    {
        if (string.IsNullOrEmpty(settings.Host))
            throw new FormatException($"the host is missing; expected {Forms}.");
        if (string.IsNullOrEmpty(settings.Username))
            throw new FormatException($"the user is missing; expected {Forms}.");
        if (settings.RootCertificate is { Length: > 0 } root)
            CheckCertificates(root);
        foreach (var (name, file) in new[] { ("SSL Certificate", settings.SslCertificate), ("SSL Key", settings.SslKey) })
        {
            if (!string.IsNullOrEmpty(file) && !File.Exists(file))
                throw new FormatException($"the file of {name} ({(name == "SSL Key" ? "sslkey" : "sslcert")}) does not exist.");
        }
    }

    private static void CheckCertificates(string file)
    {
        if (!File.Exists(file))
            throw new FormatException("the file with the root certificate (sslrootcert, Root Certificate) does not exist.");
        if (ServerCertificate.Trusted(file).Count == 0)
            throw new FormatException("the file with the root certificate (sslrootcert, Root Certificate) contains no certificate; expected one or more in PEM, which start with -----BEGIN CERTIFICATE-----.");
    }

    /// <summary>Lets Npgsql check what it checks only when it creates a pool or a connection.</summary>
    private static void CheckWithNpgsql(NpgsqlConnectionStringBuilder settings)
    {
        try
        {
            using var pool = new NpgsqlDataSourceBuilder(settings.ConnectionString).Build();
            // Npgsql's own name for its default, which .NET does not know.
            if (settings.Encoding != "UTF8")
                _ = Encoding.GetEncoding(settings.Encoding);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // The message of the exception can quote a value.
            throw new FormatException($"Npgsql does not accept these values together ({e.GetType().Name}); leave out the keywords that you do not need.");
        }
    }

    private static void Complete(NpgsqlConnectionStringBuilder settings)
    {
        void Default(string keyword, object value)
        {
            if (!settings.ShouldSerialize(keyword))
                settings[keyword] = value;
        }

        Default("Application Name", "token-operator");
        Default("Timeout", 5);
        Default("Command Timeout", 10);
        Default("Keepalive", 30);
        // Enough for the workers of a running operator and for a command that runs at the same time.
        Default("Maximum Pool Size", 20);
        // Npgsql 10 tries Kerberos first for each connection. Where its library is missing, as in the image of the operator,
        // Npgsql hangs or floods the log (npgsql/npgsql issues 6416, 6524, 6555).
        Default("GSS Encryption Mode", GssEncryptionMode.Disable);
        // The store uses built-in types only. Loading the types costs a statement for the first connection, which a slow server
        // would have to answer within the timeout for connecting.
        Default("Server Compatibility Mode", ServerCompatibilityMode.NoTypeLoading);
        if (settings.Host!.Contains(','))
            Default("Target Session Attributes", "read-write");
        // LISTEN needs a session, and each statement of the store has one to itself.
        settings.Multiplexing = false;
        // A column of type timestamp is read and written as UTC.
        settings.Timezone = "UTC";
        // The store leaves no state in a session.
        settings.NoResetOnClose = true;
        // Each of these would reveal a token or the password.
        settings.IncludeErrorDetail = false;
        settings.LogParameters = false;
        settings.PersistSecurityInfo = false;
    }
}
