using Npgsql;

namespace TokenOperator.Postgres.Migrations;

/// <summary>The <c>oauth_tokens</c> that is there before the operator touches it.</summary>
/// <param name="Schema">Where it is; where it would be made when it is not there.</param>
/// <param name="Kind">As in <c>pg_class.relkind</c>; null when there is none.</param>
/// <param name="Columns">By name.</param>
/// <param name="IsUnique">True when something keeps (provider, account) unique at once and for all rows.</param>
/// <param name="Duplicates">Up to 5 accounts with several rows; empty when <paramref name="IsUnique"/>.</param>
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

    /// <summary>Reads the catalog. Keeps no lock on the table, which is about to be altered by another connection.</summary>
    public static async Task<ExistingTable> ReadAsync(NpgsqlDataSource pool, CancellationToken ct)
    {
        var (schema, kind, isUnique) = (await RowsAsync(
            pool, CatalogSql, r => (Schema: r.IsDBNull(0) ? null : r.GetString(0), Kind: r.IsDBNull(1) ? null : r.GetString(1), r.GetBoolean(2)), ct))[0];
        if (schema is null)
            throw new SchemaException("No schema of the search_path exists: create it, or name another with Search Path in the connection string.");
        var columns = await RowsAsync(
            pool, ColumnsSql, r => new ExistingColumn(r.GetString(0), r.GetString(1), r.GetBoolean(2), r.GetBoolean(3)), ct);
        var byName = columns.ToDictionary(column => column.Name);
        var canBeCounted = kind is "r" or "p" && byName.ContainsKey("provider") && byName.ContainsKey("account");
        var duplicates = isUnique || !canBeCounted ? [] : await RowsAsync(pool, DuplicatesSql, r => r.GetString(0), ct);
        return new ExistingTable(schema, kind, byName, isUnique, duplicates);
    }

    private static async Task<List<T>> RowsAsync<T>(NpgsqlDataSource pool, string sql, Func<NpgsqlDataReader, T> read, CancellationToken ct)
    {
        await using var command = pool.CreateCommand(sql);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var rows = new List<T>();
        while (await reader.ReadAsync(ct))
            rows.Add(read(reader));
        return rows;
    }
}

/// <summary>One column.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">As in <c>pg_type.typname</c>.</param>
/// <param name="NotNull">True when it refuses null.</param>
/// <param name="FillsItself">True when it has a default, is an identity or is generated.</param>
internal sealed record ExistingColumn(string Name, string Type, bool NotNull, bool FillsItself);
