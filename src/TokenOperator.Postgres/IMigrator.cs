namespace TokenOperator.Postgres;

/// <summary>
/// Brings the tables to the form that this version needs, and back. A method throws <see cref="StoreUnavailableException"/>
/// when the database cannot be used now and <see cref="SchemaException"/> when its tables do not suit; nothing is changed then.
/// </summary>
public interface IMigrator
{
    /// <summary>
    /// Goes up to the newest version. One query when it is there already. An <c>oauth_tokens</c> that applications made is
    /// adopted with its rows. Processes that start together wait for each other.
    /// </summary>
    Task UpAsync(CancellationToken ct);

    /// <summary>
    /// Goes down to <paramref name="toVersion"/> (0: everything) by dropping what up made: an adopted table stays with its
    /// rows, a table that up made goes with them.
    /// </summary>
    Task DownAsync(long toVersion, CancellationToken ct);

    /// <summary>Says where the database stands, and changes nothing.</summary>
    Task<MigrationStatus> StatusAsync(CancellationToken ct);
}

/// <summary>Where a database stands.</summary>
/// <param name="Current">The database's version; 0 when it has none of ours. Above <paramref name="Latest"/> when a newer operator was here.</param>
/// <param name="Latest">The version that this operator needs.</param>
/// <param name="Steps">All steps known, in their order.</param>
public sealed record MigrationStatus(long Current, long Latest, IReadOnlyList<MigrationStep> Steps);

/// <summary>One step.</summary>
/// <param name="Version">Counted from 1.</param>
/// <param name="Description">What it does.</param>
/// <param name="Applied">True when the database has it.</param>
public sealed record MigrationStep(long Version, string Description, bool Applied);

/// <summary>The database's tables do not suit this version; a human has to choose what to do.</summary>
/// <param name="message">What was found, what was expected, what to do.</param>
public sealed class SchemaException(string message) : Exception(message);
