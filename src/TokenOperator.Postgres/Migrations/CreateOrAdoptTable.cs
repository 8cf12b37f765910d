using FluentMigrator;
using FluentMigrator.Postgres;

namespace TokenOperator.Postgres.Migrations;

/// <summary>The table as the users' applications have it. What it makes is remembered; going down drops just that.</summary>
/// <param name="schema">Where the table is or shall be.</param>
/// <param name="parts">Of <see cref="TablePart"/>: going up what to make, going down what was made.</param>
[Migration(SchemaVersions.Table, SchemaVersions.TableDescription)]
internal sealed class CreateOrAdoptTable(string schema, IReadOnlySet<string> parts) : Migration
{
    private const string Table = "oauth_tokens";
    private const string AddedConstraint = "token_operator_provider_account_key";

    /// <inheritdoc/>
    public override void Up()
    {
        Execute.Sql(MigrationRun.ShortLocks);
        Create.Table(SchemaVersions.MadeTable).InSchema(schema).WithColumn("part").AsCustom("text").PrimaryKey();
        foreach (var part in parts)
            Insert.IntoTable(SchemaVersions.MadeTable).InSchema(schema).Row(new Dictionary<string, object> { ["part"] = part });

        if (parts.Contains(TablePart.Table))
            CreateTable();
        if (parts.Contains(TablePart.Unique))
            Create.UniqueConstraint(AddedConstraint).OnTable(Table).WithSchema(schema).Columns("provider", "account");
        if (parts.Contains(TablePart.UuidDefault))
            AlterId("set default gen_random_uuid()");
        if (parts.Contains(TablePart.TextDefault))
            AlterId("set default gen_random_uuid()::text");
    }

    /// <inheritdoc/>
    public override void Down()
    {
        Execute.Sql(MigrationRun.ShortLocks);
        if (parts.Contains(TablePart.Table))
            Delete.Table(Table).InSchema(schema);
        if (parts.Contains(TablePart.Unique))
            Delete.UniqueConstraint(AddedConstraint).FromTable(Table).InSchema(schema);
        if (parts.Contains(TablePart.UuidDefault) || parts.Contains(TablePart.TextDefault))
            AlterId("drop default");
        Delete.Table(SchemaVersions.MadeTable).InSchema(schema);
    }

    private void CreateTable()
    {
        Create.Table(Table).InSchema(schema)
            .WithColumn("id").AsInt64().PrimaryKey("oauth_tokens_pkey").Identity(PostgresGenerationType.ByDefault)
            .WithColumn("provider").AsCustom("text").NotNullable()
            .WithColumn("account").AsCustom("text").NotNullable()
            .WithColumn("token_data").AsCustom("jsonb").NotNullable()
            .WithColumn("expires_at").AsCustom("timestamptz").Nullable()
            .WithColumn("created_at").AsCustom("timestamptz").NotNullable().WithDefaultValue(RawSql.Insert("now()"))
            .WithColumn("updated_at").AsCustom("timestamptz").NotNullable().WithDefaultValue(RawSql.Insert("now()"));
        Create.UniqueConstraint("oauth_tokens_provider_account_key").OnTable(Table).WithSchema(schema).Columns("provider", "account");
    }

    private void AlterId(string change) =>
        Execute.Sql($"alter table \"{schema.Replace("\"", "\"\"", StringComparison.Ordinal)}\".{Table} alter column id {change}");
}
