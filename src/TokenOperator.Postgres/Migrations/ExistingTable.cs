using Npgsql;

namespace TokenOperator.Postgres.Migrations;

/// <summary>The table <c>oauth_tokens</c> as it exists before a migration.</summary>
/// <param name="Schema">The schema of the table; without a table, the schema in which it would be created.</param>
/// <param name="Kind">As in <c>pg_class.relkind</c>; null when there is no such relation.</param>
/// <param name="Columns">The columns by name.</param>
/// <param name="IsUnique">True when a constraint or an index keeps (provider, account) unique immediately and for all rows.</param>
/// <param name="Duplicates">Up to 5 accounts that have several rows; empty when <paramref name="IsUnique"/>.</param>
internal sealed record ExistingTable(
    string Schema, string? Kind, IReadOnlyDictionary<string, ExistingColumn> Columns, bool IsUnique, IReadOnlyList<string> Duplicates)
{
    private const string CatalogSql = """
        select coalesce(n.nspname, current_schema()), c.relkind::text,
          coalesce((
            select bool_or(
              i.indisunique and i.indimmediate and i.indisvalid and i.indpred is null and i.indexprs is null and i.indnkeyatts = 2
              and (select array_agg(a.attname::text order by a.attname::text) from pg_attribute a
                   where a.attrelid = c.oid and a.attnum = any(i.indkey[0:1])) = array['account', 'provider'])
            from pg_index i where i.indrelid = c.oid), false)
        from (select to_regclass('oauth_tokens') as oid) t
        left join pg_class c on c.oid = t.oid
        left join pg_namespace n on n.oid = c.relnamespace
        """;

    private const string ColumnsSql = """
        select attname::text, t.typname::text, attnotnull, atthasdef or attidentity <> ''
        from pg_attribute join pg_type t on t.oid = atttypid
        where attrelid = to_regclass('oauth_tokens') and attnum > 0 and not attisdropped
        """;

    private const string DuplicatesSql =
        "select provider || '/' || account || ' (' || count(*) || ' rows)' from oauth_tokens " +
        "where provider is not null and account is not null group by provider, account having count(*) > 1 order by 1 limit 5";

    /// <summary>Reads the catalog and looks for duplicates.</summary>
    /// <exception cref="SchemaException">No schema of the search path exists.</exception>
    public static async Task<ExistingTable> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var (schema, kind, isUnique) = (await RowsAsync(
            connection, CatalogSql, r => (Schema: r.IsDBNull(0) ? null : r.GetString(0), Kind: r.IsDBNull(1) ? null : r.GetString(1), r.GetBoolean(2)), cancellationToken))[0];
        if (schema is null)
            throw new SchemaException(
                "No schema of the search_path exists for this role: create one, name another with Search Path in the connection string, or allow the role to use one, as its owner: "
                + $"GRANT USAGE, CREATE ON SCHEMA public TO {MissingPrivilege.Quote(connection.UserName ?? "")};");
        var columns = await RowsAsync(
            connection, ColumnsSql, r => new ExistingColumn(r.GetString(0), r.GetString(1), r.GetBoolean(2), r.GetBoolean(3)), cancellationToken);
        var byName = columns.ToDictionary(column => column.Name);
        var canBeCounted = kind is "r" or "p" && byName.ContainsKey("provider") && byName.ContainsKey("account");
        var duplicates = isUnique || !canBeCounted ? [] : await RowsAsync(connection, DuplicatesSql, r => r.GetString(0), cancellationToken);
        return new ExistingTable(schema, kind, byName, isUnique, duplicates);
    }

    private static async Task<List<T>> RowsAsync<T>(NpgsqlConnection connection, string sql, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var rows = new List<T>();
        while (await reader.ReadAsync(cancellationToken))
            rows.Add(read(reader));
        return rows;
    }
}

/// <summary>One column of an <see cref="ExistingTable"/>.</summary>
/// <param name="Name">The name of the column.</param>
/// <param name="Type">As in <c>pg_type.typname</c>.</param>
/// <param name="NotNull">True when the column refuses null.</param>
/// <param name="FillsItself">True when the column has a default, is an identity or is generated.</param>
internal sealed record ExistingColumn(string Name, string Type, bool NotNull, bool FillsItself);
