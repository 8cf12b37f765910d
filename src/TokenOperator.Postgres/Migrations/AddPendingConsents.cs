using FluentMigrator;

namespace TokenOperator.Postgres.Migrations;

/// <summary>Consents that wait for their browser. Nothing in it outlives the quarter of an hour.</summary>
/// <param name="schema">Where the table shall be.</param>
[Migration(SchemaVersions.PendingConsents, SchemaVersions.PendingConsentsDescription)]
internal sealed class AddPendingConsents(string schema) : Migration
{
    private const string Table = "token_operator_consents";

    /// <inheritdoc/>
    public override void Up() => Create.Table(Table).InSchema(schema)
        .WithColumn("state_hash").AsCustom("text").PrimaryKey()
        .WithColumn("object_namespace").AsCustom("text").NotNullable()
        .WithColumn("object_name").AsCustom("text").NotNullable()
        .WithColumn("object_uid").AsCustom("text").NotNullable()
        .WithColumn("object_generation").AsInt64().NotNullable()
        .WithColumn("row_generation").AsInt64().NotNullable()
        .WithColumn("browser_hash").AsCustom("text").NotNullable()
        .WithColumn("verifier").AsCustom("text").NotNullable()
        .WithColumn("expires_at").AsCustom("timestamptz").NotNullable();

    /// <inheritdoc/>
    public override void Down() => Delete.Table(Table).InSchema(schema);
}
