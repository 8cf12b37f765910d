namespace TokenOperator.Postgres.Migrations;

/// <summary>
/// Decides which parts an existing table lacks, or that it cannot be adopted. Pure: no I/O. The table
/// <c>token_operator_made</c> stores the names of the parts, and 0001_create_or_adopt_oauth_tokens.up.sql creates them.
/// </summary>
internal static class Adoption
{
    /// <summary>The whole table.</summary>
    public const string Table = "table";

    /// <summary>Not a part: says that all rows of the table are encrypted unless the settings say otherwise, because no application wrote any.</summary>
    public const string Encrypted = "encrypted";

    /// <summary>A unique constraint on (provider, account).</summary>
    public const string Unique = "unique";

    /// <summary>A default for an <c>id uuid</c> whose values the applications generate themselves.</summary>
    public const string UuidDefault = "id-default-uuid";

    /// <summary>A default for an <c>id</c> of a text type.</summary>
    public const string TextDefault = "id-default-text";

    private static readonly string[] Texts = ["text", "varchar"];
    private static readonly string[] Moments = ["timestamptz", "timestamp"];

    private static readonly (string Name, string[] Types)[] Expected =
    [
        ("provider", Texts), ("account", Texts), ("token_data", ["jsonb", "json"]),
        ("expires_at", Moments), ("created_at", Moments), ("updated_at", Moments),
    ];

    /// <summary>The parts to create.</summary>
    /// <exception cref="SchemaException">The table cannot be adopted; the message lists all problems.</exception>
    public static IReadOnlyList<string> Plan(ExistingTable table)
    {
        if (table.Kind is null)
            return [Table];
        var problems = Problems(table).ToList();
        if (problems.Count > 0)
        {
            throw new SchemaException(
                $"The table {table.Schema}.oauth_tokens cannot be adopted: {string.Join("; ", problems)}. Nothing was changed. " +
                "Fix the table and start again, or let the operator use another database or schema (Search Path in the connection string).");
        }

        return [.. new[] { table.IsUnique ? null : Unique, IdDefault(table) }.OfType<string>()];
    }

    private static IEnumerable<string> Problems(ExistingTable table)
    {
        if (table.Kind is not ("r" or "p"))
        {
            yield return "it is a view or another kind of relation, expected a table";
            yield break;
        }

        foreach (var (name, types) in Expected)
        {
            if (!table.Columns.TryGetValue(name, out var column))
                yield return $"there is no column {name}, expected one of type {string.Join(" or ", types)}";
            else if (!types.Contains(column.Type))
                yield return $"column {name} has type {column.Type}, expected {string.Join(" or ", types)}";
        }

        foreach (var name in Migration.AddedColumns.Where(table.Columns.ContainsKey))
            yield return $"there is a column {name} already, expected none because the operator adds a column of that name";

        // The operator inserts rows and leaves all other columns to their defaults.
        foreach (var column in table.Columns.Values.Where(c => c.NotNull && !c.FillsItself && Expected.All(e => e.Name != c.Name)))
        {
            if (column.Name != "id" || IdDefault(table) is null)
                yield return $"column {column.Name} is NOT NULL without a default, expected a default because the operator does not know its value";
        }

        if (table.Duplicates.Count > 0)
            yield return $"some accounts have several rows, expected one each: {string.Join(", ", table.Duplicates)}";
    }

    private static string? IdDefault(ExistingTable table) =>
        table.Columns.GetValueOrDefault("id") is { NotNull: true, FillsItself: false } id
            ? id.Type switch { "uuid" => UuidDefault, "text" or "varchar" => TextDefault, _ => null }
            : null;
}
