namespace TokenOperator.Postgres;

/// <summary>
/// Migrates the tables to the version that this program needs, and back. A method throws <see cref="StoreUnavailableException"/>
/// when the database cannot be used now and <see cref="SchemaException"/> when its tables are not as expected. In both cases
/// nothing was changed.
/// </summary>
public interface IMigrator
{
    /// <summary>
    /// Migrates up to the newest version; costs one query when the database has it already. A table <c>oauth_tokens</c> that an
    /// application created is adopted with its rows. Processes that start at the same time wait for each other.
    /// </summary>
    Task UpAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Migrates down to <paramref name="toVersion"/> (0 to the newest version; 0 undoes everything) by dropping what up created: an
    /// adopted table stays with its rows, and a table that up created is dropped with them.
    /// </summary>
    Task DownAsync(long toVersion, CancellationToken cancellationToken);

    /// <summary>Reads the version of the database and changes nothing.</summary>
    Task<MigrationStatus> StatusAsync(CancellationToken cancellationToken);
}

/// <summary>The state of a database.</summary>
/// <param name="Current">The version of the database; 0 when it was never migrated. Above <paramref name="Latest"/> when a newer operator migrated it.</param>
/// <param name="Latest">The version that this program needs.</param>
/// <param name="Steps">All steps that this program has, in ascending order.</param>
public sealed record MigrationStatus(long Current, long Latest, IReadOnlyList<MigrationStep> Steps);

/// <summary>One step.</summary>
/// <param name="Version">The version that the step leads to, counted from 1.</param>
/// <param name="Description">What the step does.</param>
/// <param name="Applied">True when the database has the step.</param>
public sealed record MigrationStep(long Version, string Description, bool Applied);

/// <summary>The tables of the database are not as expected, and someone has to decide what to do.</summary>
/// <param name="message">What was found, what was expected, what to do.</param>
public sealed class SchemaException(string message) : Exception(message);
