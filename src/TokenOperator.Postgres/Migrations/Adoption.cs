namespace TokenOperator.Postgres.Migrations;

/// <summary>Decides what an existing table lacks, or that it does not suit. Pure.</summary>
internal static class Adoption
{
    private static readonly string[] Texts = ["text", "varchar"];
    private static readonly string[] Moments = ["timestamptz", "timestamp"];

    private static readonly (string Name, string[] Types)[] Expected =
    [
        ("provider", Texts), ("account", Texts), ("token_data", ["jsonb", "json"]),
        ("expires_at", Moments), ("created_at", Moments), ("updated_at", Moments),
    ];

    /// <summary>What has to be made, of <see cref="TablePart"/>.</summary>
    /// <param name="table">As found.</param>
    /// <exception cref="SchemaException">It does not suit; the message lists everything that was found wrong.</exception>
    public static IReadOnlySet<string> Plan(ExistingTable table)
    {
        if (table.Kind is null)
            return new HashSet<string> { TablePart.Table };
        var problems = Problems(table).ToList();
        if (problems.Count > 0)
        {
            throw new SchemaException(
                $"The table {table.Schema}.oauth_tokens cannot be adopted: {string.Join("; ", problems)}. Nothing was changed. " +
                "Mend the table and start again, or let the operator use another database or schema (Search Path in the connection string).");
        }

        var parts = new HashSet<string>();
        if (!table.IsUnique)
            parts.Add(TablePart.Unique);
        if (IdDefault(table) is { } part)
            parts.Add(part);
        return parts;
    }

    private static IEnumerable<string> Problems(ExistingTable table)
    {
        if (table.Kind is not ("r" or "p"))
        {
            yield return "it is no table but a view or the like, expected a table";
            yield break;
        }

        foreach (var (name, types) in Expected)
        {
            if (!table.Columns.TryGetValue(name, out var column))
                yield return $"there is no column {name}, expected one of type {string.Join(" or ", types)}";
            else if (!types.Contains(column.Type))
                yield return $"column {name} has type {column.Type}, expected {string.Join(" or ", types)}";
        }

        foreach (var name in AddedColumns.Names.Where(table.Columns.ContainsKey))
            yield return $"there is a column {name} already, expected none since the operator adds one of that name";

        // The operator inserts rows, too.
        foreach (var column in table.Columns.Values.Where(c => c.NotNull && !c.FillsItself && Expected.All(e => e.Name != c.Name)))
        {
            if (column.Name != "id" || IdDefault(table) is null)
                yield return $"column {column.Name} is NOT NULL without a default, expected a default since the operator does not know what to put there";
        }

        if (table.Duplicates.Count > 0)
            yield return $"there are accounts with several rows, expected one each: {string.Join(", ", table.Duplicates)}";
    }

    private static string? IdDefault(ExistingTable table) =>
        table.Columns.GetValueOrDefault("id") is { NotNull: true, FillsItself: false } id
            ? id.Type switch { "uuid" => TablePart.UuidDefault, "text" or "varchar" => TablePart.TextDefault, _ => null }
            : null;
}
