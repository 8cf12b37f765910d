using FluentMigrator;

namespace TokenOperator.Postgres.Migrations;

/// <summary>
/// What the operator keeps beside the applications' columns. All are null or have a constant default, so that adding them
/// rewrites nothing and holds its lock for a moment (PostgreSQL 11 and later, manual of ALTER TABLE).
/// </summary>
/// <param name="schema">Where the table is.</param>
[Migration(SchemaVersions.OperatorColumns, SchemaVersions.OperatorColumnsDescription)]
internal sealed class AddOperatorColumns(string schema) : Migration
{
    private const string Table = "oauth_tokens";

    /// <inheritdoc/>
    public override void Up()
    {
        Execute.Sql(MigrationRun.ShortLocks);
        foreach (var (name, type, isCount) in AddedColumns.All)
        {
            var column = Create.Column(name).OnTable(Table).InSchema(schema).AsCustom(type);
            if (isCount)
                column.NotNullable().WithDefaultValue(0);
            else
                column.Nullable();
        }
    }

    /// <inheritdoc/>
    public override void Down()
    {
        Execute.Sql(MigrationRun.ShortLocks);
        foreach (var (name, _, _) in AddedColumns.All)
            Delete.Column(name).FromTable(Table).InSchema(schema);
    }
}
