using System.Text.RegularExpressions;

namespace TokenOperator.Postgres;

/// <summary>Says which statement grants a privilege that the role of the connection lacks.</summary>
internal static partial class MissingPrivilege
{
    private const string Tables = "oauth_tokens, token_operator_versions, token_operator_made, token_operator_consents, token_operator_devices";

    /// <summary>The statement to run.</summary>
    /// <param name="message">The message of the server, in any language.</param>
    /// <param name="role">The role of the connection.</param>
    /// <param name="database">The database of the connection.</param>
    public static string Advice(string message, string role, string database)
    {
        var to = Quote(role);
        var match = EnglishMessage().Match(message);
        var name = match.Groups["name"].Value;
        var statement = match.Groups["kind"].Value switch
        {
            "schema" => $"GRANT USAGE, CREATE ON SCHEMA {Quote(name)} TO {to};",
            "database" => $"GRANT CONNECT, CREATE ON DATABASE {Quote(name)} TO {to};",
            "sequence" => $"GRANT USAGE ON SEQUENCE {Quote(name)} TO {to};",
            "table" or "relation" or "view" when match.Groups["owner"].Success => $"ALTER TABLE {Quote(name)} OWNER TO {to};",
            "table" or "relation" or "view" => $"GRANT SELECT, INSERT, UPDATE, DELETE ON {Quote(name)} TO {to};",
            _ => null,
        };
        return statement is null
            ? $"Grant it. Run in the database {database}, as the owner of the objects: GRANT USAGE, CREATE ON SCHEMA public TO {to}; and, if the tables exist: GRANT SELECT, INSERT, UPDATE, DELETE ON {Tables} TO {to};"
            : $"Grant it, or connect as the owner of the table oauth_tokens. To grant it, run in the database {database}, as the owner of the {match.Groups["kind"].Value} or as a superuser: {statement}";
    }

    /// <summary>A name as SQL spells it.</summary>
    public static string Quote(string name) =>
        PlainName().IsMatch(name) ? name : $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    [GeneratedRegex("^(permission denied for|(?<owner>must be owner of)) (?<kind>schema|database|sequence|table|relation|view) (?<name>.+)$", RegexOptions.ExplicitCapture)]
    private static partial Regex EnglishMessage();

    [GeneratedRegex("^[a-z_][a-z0-9_]{0,62}$")]
    private static partial Regex PlainName();
}
