using FluentMigrator;

namespace TokenOperator.Postgres.Migrations;

/// <summary>Which namespaces an administrator keeps away from an account. Null until then, so adding it rewrites nothing.</summary>
/// <param name="schema">Where the table is.</param>
[Migration(SchemaVersions.DeniedNamespaces, SchemaVersions.DeniedNamespacesDescription)]
internal sealed class AddDeniedNamespaces(string schema) : Migration
{
    private const string Table = "oauth_tokens";

    /// <inheritdoc/>
    public override void Up()
    {
        Execute.Sql(MigrationRun.ShortLocks);
        Create.Column(AddedColumns.Denied.Name).OnTable(Table).InSchema(schema).AsCustom(AddedColumns.Denied.Type).Nullable();
    }

    /// <inheritdoc/>
    public override void Down()
    {
        Execute.Sql(MigrationRun.ShortLocks);
        Delete.Column(AddedColumns.Denied.Name).FromTable(Table).InSchema(schema);
    }
}
