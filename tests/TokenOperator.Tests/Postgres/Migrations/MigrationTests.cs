using System.Globalization;
using TokenOperator.Postgres;
using TokenOperator.Postgres.Migrations;

namespace TokenOperator.Tests.Postgres.Migrations;

public sealed class MigrationTests
{
    private static readonly string[] Files = [.. typeof(IMigrator).Assembly.GetManifestResourceNames().Where(name => name.EndsWith(".sql", StringComparison.Ordinal)).Order()];

    [Fact]
    public void The_files_are_numbered_consecutively_and_each_up_file_has_a_down_file()
    {
        var expected = Enumerable.Range(1, Files.Length / 2).SelectMany(number => new[] { $"{number:0000} down", $"{number:0000} up" });
        Files.Select(file => $"{file[..4]} {file.Split('.')[^2]}").Should().Equal(expected, "two steps must not have the same number");
        Files.Select(file => file[..file.IndexOf('.', StringComparison.Ordinal)]).Distinct().Should().HaveCount(Files.Length / 2, "both files of a step have the same name");
    }

    [Fact]
    public void Each_step_has_the_version_and_the_description_of_its_files()
    {
        Migration.All.Select(step => step.Version.ToString("0000", CultureInfo.InvariantCulture)).Should().Equal(Files.Select(file => file[..4]).Distinct());
        Migration.All.Should().OnlyContain(step => step.Up.StartsWith($"-- {step.Description}\n") && step.Description.Length > 10);
        // These are in the databases of earlier releases.
        Migration.All.Take(5).Select(step => step.Description).Should().Equal(
            "Create the table oauth_tokens, or adopt the one that is there",
            "Add the operator's columns to oauth_tokens",
            "Add the namespaces that an administrator keeps away from an account",
            "Add the leader's term to the claim",
            "Add the table of consents that wait for their browser");
    }

    [Fact]
    public void The_down_files_drop_the_columns_that_the_up_files_add()
    {
        Migration.AddedColumns.Should().StartWith(["namespaces", "generation"]).And.Contain(["seed_fingerprint", "denied_namespaces", "claim_term"]).And.OnlyHaveUniqueItems();
        foreach (var step in Migration.All)
        {
            foreach (var column in Migration.AddedColumns.Where(column => step.Up.Contains($"add column {column} ", StringComparison.Ordinal)))
                step.Down.Should().Contain($"drop column {column}");
        }

        var statements = Migration.All.SelectMany(step => step.Up.Split(';')).Where(sql => sql.Contains("alter table oauth_tokens", StringComparison.Ordinal));
        statements.Sum(sql => sql.Split("add column ").Length - 1).Should().Be(Migration.AddedColumns.Count, "the check for the columns of an application finds each of them");
    }

    [Fact]
    public void A_database_without_the_table_needs_the_table() => Adoption.Plan(Table() with { Kind = null }).Should().Equal("table");

    [Fact]
    public void A_complete_table_needs_nothing() => Adoption.Plan(Table()).Should().BeEmpty();

    [Theory]
    [InlineData("uuid", "id-default-uuid")]
    [InlineData("varchar", "id-default-text")]
    public void A_table_whose_applications_generate_the_id_needs_a_default_and_the_unique_constraint(string type, string part) =>
        Adoption.Plan(Table(new ExistingColumn("id", type, NotNull: true, FillsItself: false)) with { IsUnique = false }).Should().Equal("unique", part);

    [Fact]
    public void All_problems_of_a_table_are_reported_together() =>
        FluentActions.Invoking(() => Adoption.Plan(Table(new("claim_term", "int8", false, false), new("owner", "int4", true, false)) with { Duplicates = ["google/marcus (2 rows)"] }))
            .Should().Throw<SchemaException>().WithMessage("*column claim_term already*column owner is NOT NULL*google/marcus (2 rows)*Nothing was changed*");

    private static ExistingTable Table(params ExistingColumn[] further) => new(
        "public", "r",
        "provider text,account text,token_data jsonb,expires_at timestamptz,created_at timestamptz,updated_at timestamptz".Split(',')
            .Select(column => column.Split(' ')).Select(column => new ExistingColumn(column[0], column[1], NotNull: false, FillsItself: false))
            .Concat(further).ToDictionary(column => column.Name),
        IsUnique: true, []);
}
