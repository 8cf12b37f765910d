namespace TokenOperator.Storage.Postgres.Migrations;

/// <summary>The columns of <see cref="AddOperatorColumns"/>, also for the check that no application has one of the same name.</summary>
internal static class AddedColumns
{
    /// <summary>Name, type, and whether it counts from 0 (else it is null until the operator writes it).</summary>
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
}
