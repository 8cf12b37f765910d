namespace TokenOperator.Postgres.Migrations;

/// <summary>The columns that migrations add, also for the check that no application has one of the same name.</summary>
internal static class AddedColumns
{
    /// <summary>Those of <see cref="AddOperatorColumns"/>: name, type, and whether it counts from 0 (else it is null until the operator writes it).</summary>
    public static IReadOnlyList<(string Name, string Type, bool IsCount)> All { get; } =
    [
        ("namespaces", "text[]", false),
        ("generation", "bigint", true),
        ("last_refresh_at", "timestamptz", false),
        ("claim_id", "uuid", false),
        ("claim_scope", "text", false),
        ("claimed_by", "text", false),
        ("claim_expires_at", "timestamptz", false),
        ("failures", "int", true),
        ("failure_reason", "text", false),
        ("failure_detail", "text", false),
        ("failed_at", "timestamptz", false),
        ("retry_at", "timestamptz", false),
        ("failure_inputs", "text", false),
        ("seed_fingerprint", "text", false),
    ];

    /// <summary>The column of <see cref="AddDeniedNamespaces"/>.</summary>
    public static (string Name, string Type) Denied { get; } = ("denied_namespaces", "text[]");

    /// <summary>The one of <see cref="AddClaimTerm"/>.</summary>
    public const string ClaimTerm = "claim_term";

    /// <summary>Every name.</summary>
    public static IEnumerable<string> Names => All.Select(column => column.Name).Append(Denied.Name).Append(ClaimTerm);
}
