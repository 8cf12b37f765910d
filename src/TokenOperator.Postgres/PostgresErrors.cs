using System.Data.Common;
using System.Globalization;
using System.Net.Sockets;
using System.Security.Authentication;
using Npgsql;

namespace TokenOperator.Postgres;

/// <summary>
/// Says what a failure of the database means. No exception of Npgsql goes along as an inner one: a server's error can
/// quote parameters (<c>log_parameter_max_length_on_error</c>), and those hold tokens.
/// </summary>
internal static class PostgresErrors
{
    /// <summary>True for what <see cref="Translate"/> understands.</summary>
    public static bool IsOfDatabase(Exception e) => e is DbException or SocketException or IOException or TimeoutException or AuthenticationException;

    /// <summary>An exception with host, database, what happened and what to do; never a password, a parameter or a row's content.</summary>
    public static StoreUnavailableException Translate(Exception e, PostgresSettings settings)
    {
        var (what, advice) = Find<PostgresException>(e) is { } answer ? OfServer(answer, settings) : OfConnection(e, settings);
        return new StoreUnavailableException($"Postgres, {settings}: {what}. {advice}");
    }

    /// <summary>The exception of this kind in the chain, or null: Npgsql and FluentMigrator wrap, several hosts aggregate.</summary>
    public static T? Find<T>(Exception? e)
        where T : Exception => e switch
        {
            null => null,
            T found => found,
            AggregateException several => several.InnerExceptions.Select(Find<T>).FirstOrDefault(found => found is not null),
            _ => Find<T>(e.InnerException),
        };

    private static (string What, string ConditionMessages) OfServer(PostgresException e, PostgresSettings settings) => e.SqlState switch
    {
        PostgresErrorCodes.ReadOnlySqlTransaction =>
            ("it is read-only", $"Point {settings.Setting} at the primary, or wait until it takes writes again."),
        PostgresErrorCodes.DiskFull => ("its disk is full", "Free some space on the database server."),
        PostgresErrorCodes.TooManyConnections =>
            ("it takes no more connections", $"Raise max_connections there, or set a smaller Maximum Pool Size in {settings.Setting}."),
        PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown => ("it is shutting down", "It is tried again."),
        PostgresErrorCodes.CannotConnectNow => ("it is starting or stopping", "It is tried again."),
        PostgresErrorCodes.QueryCanceled => ("it cancelled the statement", "See whether the server is overloaded or has a statement_timeout."),
        PostgresErrorCodes.LockNotAvailable =>
            ("the table oauth_tokens is locked by another session", "It is tried again; pg_stat_activity shows who holds the lock."),
        PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected => ("the statement collided with another", "It is tried again."),
        PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification =>
            ($"it refuses the connection ({e.MessageText})", $"Check user, password and sslmode in {settings.Setting}."),
        PostgresErrorCodes.InvalidCatalogName => ("there is no such database", $"Create it, or name another in {settings.Setting}."),
        PostgresErrorCodes.InsufficientPrivilege =>
            ($"a right is missing ({e.MessageText})", "Grant it, or connect as the owner of the table oauth_tokens."),
        PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn =>
            ($"the tables are not as expected ({e.MessageText})", "Run: token-operator migrate up."),
        // Class 42 speaks of names and rights. Other classes can quote a row, so their text stays with the server.
        ['4', '2', ..] => ($"it answers with the error {e.SqlState} ({e.MessageText})", "The server's log says more."),
        _ => ($"it answers with the error {e.SqlState}", "The server's log says more."),
    };

    private static (string What, string ConditionMessages) OfConnection(Exception e, PostgresSettings settings)
    {
        if (Find<SocketException>(e) is { } socket)
            return ($"it cannot be reached ({socket.SocketErrorCode}: {socket.Message})", $"Check that it runs and that host and port in {settings.Setting} are right.");
        if (Find<TimeoutException>(e) is not null)
        {
            var seconds = settings.CommandTimeout.TotalSeconds.ToString(CultureInfo.InvariantCulture);
            return ($"it does not answer (waited up to {seconds} s)", "See whether the server is overloaded or the network loses packets.");
        }

        if (Find<AuthenticationException>(e) is { } tls)
            return ($"no secure connection ({tls.Message})", $"Check sslmode and sslrootcert in {settings.Setting}.");
        return ($"the connection failed ({e.Message})", "It is tried again.");
    }
}
