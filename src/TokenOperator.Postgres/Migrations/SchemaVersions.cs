namespace TokenOperator.Postgres.Migrations;

/// <summary>The versions, apart from the migrations themselves: a start that finds nothing to do loads no FluentMigrator.</summary>
internal static class SchemaVersions
{
    public const long Table = 1;
    public const string TableDescription = "Create the table oauth_tokens, or adopt the one that is there";
    public const long OperatorColumns = 2;
    public const string OperatorColumnsDescription = "Add the operator's columns to oauth_tokens";
    public const long DeniedNamespaces = 3;
    public const string DeniedNamespacesDescription = "Add the namespaces that an administrator keeps away from an account";
    public const long ClaimTerm = 4;
    public const string ClaimTermDescription = "Add the leader's term to the claim";
    public const long PendingConsents = 5;
    public const string PendingConsentsDescription = "Add the table of consents that wait for their browser";
    public const long Latest = PendingConsents;

    /// <summary>Which versions a database has.</summary>
    public const string VersionTable = "token_operator_versions";

    /// <summary>What <see cref="Table"/> made, so that going down drops just that.</summary>
    public const string MadeTable = "token_operator_made";

    public static IReadOnlyList<(long Version, string Description)> All { get; } =
        [(Table, TableDescription), (OperatorColumns, OperatorColumnsDescription), (DeniedNamespaces, DeniedNamespacesDescription), (ClaimTerm, ClaimTermDescription), (PendingConsents, PendingConsentsDescription)];
}
