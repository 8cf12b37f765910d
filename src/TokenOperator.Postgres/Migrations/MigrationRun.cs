using FluentMigrator;
using FluentMigrator.Runner;
using FluentMigrator.Runner.Initialization;
using FluentMigrator.Runner.VersionTableInfo;
using Microsoft.Extensions.DependencyInjection;

namespace TokenOperator.Postgres.Migrations;

/// <summary>One run of FluentMigrator. Each migration is a transaction of its own together with its line in the version table.</summary>
internal static class MigrationRun
{
    /// <summary>A statement that waits for a lock makes all that come after it wait, too: give up soon, try again later.</summary>
    public const string ShortLocks = "set local lock_timeout = '2s'";

    /// <summary>Goes up or down to <paramref name="version"/>. FluentMigrator knows no asynchronous way.</summary>
    /// <param name="connectionString">With the password.</param>
    /// <param name="schema">Where the tables are or shall be.</param>
    /// <param name="parts">See <see cref="CreateOrAdoptTable"/>.</param>
    /// <param name="version">Where to go.</param>
    /// <param name="up">The direction.</param>
    public static void To(string connectionString, string schema, IReadOnlySet<string> parts, long version, bool up)
    {
        using var services = new ServiceCollection()
            .AddFluentMigratorCore()
            .ConfigureRunner(runner => runner
                .AddPostgres10_0()
                .WithGlobalConnectionString(connectionString)
                .WithVersionTable(new VersionTable(schema)))
            .AddSingleton<IFilteringMigrationSource>(new Source([new CreateOrAdoptTable(schema, parts), new AddOperatorColumns(schema), new AddDeniedNamespaces(schema), new AddClaimTerm(schema), new AddPendingConsents(schema)]))
            .BuildServiceProvider();
        using var scope = services.CreateScope();
        var runner = scope.ServiceProvider.GetRequiredService<IMigrationRunner>();
        if (up)
            runner.MigrateUp(version);
        else
            runner.MigrateDown(version);
    }

    private sealed class Source(IReadOnlyList<IMigration> migrations) : IFilteringMigrationSource
    {
        public IEnumerable<IMigration> GetMigrations(Func<Type, bool> predicate) => migrations.Where(m => predicate(m.GetType()));
    }

    private sealed class VersionTable(string schema) : IVersionTableMetaData
    {
        public bool OwnsSchema => false;

        public string SchemaName => schema;

        public string TableName => SchemaVersions.VersionTable;

        public string ColumnName => "version";

        public string DescriptionColumnName => "description";

        public string AppliedOnColumnName => "applied_on";

        public string UniqueIndexName => "token_operator_versions_version";

        public bool CreateWithPrimaryKey => false;
    }
}
