using System.Data.Common;
using System.Globalization;
using System.Net.Sockets;
using System.Security.Authentication;
using Npgsql;

namespace TokenOperator.Postgres;

/// <summary>
/// Explains failures of the database. Npgsql's exception never becomes an inner exception: the server can quote parameters in
/// its errors (<c>log_parameter_max_length_on_error</c>), and parameters contain tokens.
/// </summary>
internal static class PostgresErrors
{
    private const string Retried = "The operator retries automatically.";

    /// <summary>True for the exceptions that <see cref="Translate"/> accepts.</summary>
    public static bool IsOfDatabase(Exception e) => e is DbException or SocketException or IOException or TimeoutException or AuthenticationException;

    /// <summary>
    /// True when the server refuses the password or the user: SQLSTATE class 28, or in pgBouncer before version 1.21 a protocol violation.
    /// No statement has run.
    /// </summary>
    public static bool IsPasswordRefused(Exception e) => Find<PostgresException>(e) is { } answer
        ? answer.SqlState is PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification
            || (answer.SqlState == PostgresErrorCodes.ProtocolViolation && answer.MessageText.Contains("auth", StringComparison.OrdinalIgnoreCase))
        : Find<NpgsqlException>(e) is { } own && own.Message.StartsWith("No password has been provided", StringComparison.Ordinal);

    /// <summary>True when no secure connection could be made, for example because the certificate of the server was refused.</summary>
    public static bool IsTlsRefused(Exception e) => IsOfDatabase(e) && Find<AuthenticationException>(e) is not null;

    /// <summary>An exception with host, database, what happened and what to do; without passwords, parameters and the content of rows.</summary>
    public static StoreUnavailableException Translate(Exception e, PostgresSettings settings)
    {
        var (problem, advice) = Find<PostgresException>(e) is { } answer ? OfServer(answer, settings) : OfConnection(e, settings);
        return new StoreUnavailableException($"Postgres, {settings}: {problem}. {advice}");
    }

    /// <summary>The exception of this type in the chain, or null. Npgsql wraps exceptions, and aggregates those of several hosts.</summary>
    private static T? Find<T>(Exception? e)
        where T : Exception => e switch
        {
            null => null,
            T found => found,
            AggregateException several => several.InnerExceptions.Select(Find<T>).FirstOrDefault(found => found is not null),
            _ => Find<T>(e.InnerException),
        };

    private static (string Problem, string Advice) OfServer(PostgresException e, PostgresSettings settings) => e.SqlState switch
    {
        PostgresErrorCodes.ReadOnlySqlTransaction =>
            ("it is read-only", $"Point {settings.Setting} at the primary, or wait until the database accepts writes again."),
        PostgresErrorCodes.DiskFull => ("its disk is full", "Free some space on the database server."),
        PostgresErrorCodes.TooManyConnections =>
            ("it accepts no more connections", $"Raise max_connections on the server, or set a smaller Maximum Pool Size in {settings.Setting}."),
        PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown => ("it is shutting down", Retried),
        PostgresErrorCodes.CannotConnectNow => ("it is starting or stopping", Retried),
        PostgresErrorCodes.QueryCanceled => ("it cancelled the statement", "Check whether the server is overloaded or has a statement_timeout."),
        PostgresErrorCodes.LockNotAvailable =>
            ("another session has locked the table oauth_tokens", $"{Retried} To find the session, look at pg_stat_activity."),
        PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected => ("the statement conflicted with another one", Retried),
        PostgresErrorCodes.InvalidPassword => ($"it refuses the password ({e.MessageText})", settings.PasswordAdvice),
        PostgresErrorCodes.ProtocolViolation when IsPasswordRefused(e) => ($"it refuses the password ({e.MessageText})", settings.PasswordAdvice),
        PostgresErrorCodes.InvalidAuthorizationSpecification =>
            ($"it refuses the connection ({e.MessageText})", $"Check user, password and sslmode in {settings.Setting}."),
        PostgresErrorCodes.InvalidCatalogName => ("the database does not exist", $"Create it, or use another one in {settings.Setting}."),
        PostgresErrorCodes.InsufficientPrivilege =>
            ($"a privilege is missing ({e.MessageText})", MissingPrivilege.Advice(e.MessageText, settings.User, settings.Database)),
        PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn =>
            ($"the tables are not as expected ({e.MessageText})", "Run: token-operator migrate up."),
        // Errors of class 42 contain names and privileges. Other classes can quote a row, so their text is not repeated.
        ['4', '2', ..] => ($"it reports the error {e.SqlState} ({e.MessageText})", "For details, see the log of the server."),
        _ => ($"it reports the error {e.SqlState}", "For details, see the log of the server."),
    };

    private static (string Problem, string Advice) OfConnection(Exception e, PostgresSettings settings)
    {
        if (Find<SocketException>(e) is { } socket)
            return ($"it cannot be reached ({socket.SocketErrorCode}: {socket.Message})", $"Check that it is running and that host and port in {settings.Setting} are correct.");
        if (Find<TimeoutException>(e) is not null)
        {
            var seconds = settings.CommandTimeout.TotalSeconds.ToString(CultureInfo.InvariantCulture);
            return ($"it does not answer (waited up to {seconds} s)", "Check whether the server is overloaded or the network loses packets.");
        }

        if (Find<AuthenticationException>(e) is { } tls)
        {
            return (
                $"no secure connection ({tls.Message})",
                $"Check sslmode and sslrootcert in {settings.Setting}. To trust another authority, put its certificate in PEM into a file and name the file with sslrootcert.");
        }

        if (IsPasswordRefused(e))
            return ("it asks for a password, and there is none", settings.PasswordAdvice);
        return ($"the connection failed ({e.Message})", Retried);
    }
}
