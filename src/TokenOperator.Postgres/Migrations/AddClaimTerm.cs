using FluentMigrator;

namespace TokenOperator.Postgres.Migrations;

/// <summary>Which of the leaders that follow each other took a claim, so that one that was paused takes nothing from its successor.</summary>
/// <param name="schema">Where the table is.</param>
[Migration(SchemaVersions.ClaimTerm, SchemaVersions.ClaimTermDescription)]
internal sealed class AddClaimTerm(string schema) : Migration
{
    private const string Table = "oauth_tokens";

    /// <inheritdoc/>
    public override void Up()
    {
        Execute.Sql(MigrationRun.ShortLocks);
        Create.Column(AddedColumns.ClaimTerm).OnTable(Table).InSchema(schema).AsInt64().Nullable();
    }

    /// <inheritdoc/>
    public override void Down()
    {
        Execute.Sql(MigrationRun.ShortLocks);
        Delete.Column(AddedColumns.ClaimTerm).FromTable(Table).InSchema(schema);
    }
}
