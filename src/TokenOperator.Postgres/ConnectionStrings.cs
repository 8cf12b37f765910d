using System.Data.Common;
using Microsoft.Extensions.Configuration;
using Npgsql;
using TokenOperator.Core.Settings;

namespace TokenOperator.Postgres;

/// <summary>
/// Reads the address of the database. <c>ConnectionStrings__Postgres</c> is the operator's own setting and takes precedence.
/// <c>DATABASE_URL</c>, which platforms set for every program, is used when the first one is absent or blank.
/// </summary>
public static class ConnectionStrings
{
    private const string Forms =
        "postgresql://user:password@host:5432/database or Host=...;Database=...;Username=...;Password=...";

    private static readonly Setting<string?> OwnSetting = Setting.Text(
        "ConnectionStrings__Postgres", "How to connect to Postgres: an Npgsql connection string or a `postgresql://` URI.", expected: "a connection string", isSecret: true);

    private static readonly Setting<string?> CommonSetting = Setting.Text(
        "DATABASE_URL", "The same. Used when `ConnectionStrings__Postgres` is not set.", expected: "a connection string", isSecret: true);

    /// <summary>All settings of this class, in the order of docs/configuration.md.</summary>
    public static IReadOnlyList<SettingInfo> All { get; } = [OwnSetting, CommonSetting];

    /// <summary>Reads the settings, either as an Npgsql string or as a <c>postgresql://</c> or <c>postgres://</c> URI.</summary>
    /// <exception cref="InvalidSettingException">Neither is set, or the one that counts cannot be used.</exception>
    public static PostgresSettings Read(IConfiguration configuration) => SettingsReader.Read(configuration, Read)!;

    /// <summary>The same; records what is wrong in <paramref name="reader"/>, and answers null then.</summary>
    public static PostgresSettings? Read(SettingsReader reader)
    {
        var setting = reader.IsAbsent(OwnSetting) ? CommonSetting : OwnSetting;
        try
        {
            if (reader.Get(setting) is { } value)
                return Parse(setting.Name, value);
            reader.Reject($"{OwnSetting.Name} or {CommonSetting.Name}: neither is set; expected where Postgres is: {Forms}.");
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
    public static PostgresSettings Parse(string setting, string value)
    {
        NpgsqlConnectionStringBuilder settings;
        try
        {
            settings = PostgresUri.IsUri(value) ? PostgresUri.Parse(value) : ParseKeywords(value);
            Check(settings);
        }
        catch (FormatException e)
        {
            throw new InvalidSettingException($"{setting}: {e.Message}");
        }

        Complete(settings);
        return new PostgresSettings(setting, settings);
    }

    private static NpgsqlConnectionStringBuilder ParseKeywords(string value)
    {
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

        var settings = new NpgsqlConnectionStringBuilder();
        var position = 0;
        foreach (string keyword in parts.Keys)
        {
            position++;
            // An unknown keyword is not repeated: it can be the rest of a password that contains a semicolon.
            if (!settings.ContainsKey(keyword))
                throw new FormatException($"keyword number {position} is not an Npgsql keyword; put quotes around a value that contains ; or =.");
            Set(settings, keyword, parts[keyword], keyword);
        }

        return settings;
    }

    /// <summary>Sets one keyword.</summary>
    /// <exception cref="FormatException">The value is invalid. The message contains <paramref name="name"/> and not the value.</exception>
    internal static void Set(NpgsqlConnectionStringBuilder settings, string keyword, object? value, string name)
    {
        try
        {
            settings[keyword] = value;
        }
        catch (Exception e) when (e is ArgumentException or FormatException or OverflowException or InvalidCastException or KeyNotFoundException)
        {
            throw new FormatException($"{name} has an invalid value.");
        }
    }

    private static void Check(NpgsqlConnectionStringBuilder settings)
    {
        if (string.IsNullOrEmpty(settings.Host))
            throw new FormatException($"the host is missing; expected {Forms}.");
        if (string.IsNullOrEmpty(settings.Username))
            throw new FormatException($"the user is missing; expected {Forms}.");
        if (settings.RootCertificate is { } file && !File.Exists(file))
            throw new FormatException("the file with the root certificate (sslrootcert, Root Certificate) does not exist.");
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
