using System.Diagnostics;
using OpenTelemetry;

namespace TokenOperator.Monitoring;

/// <summary>
/// Removes error texts and the connection string from spans. Statements have no parameters and addresses no query, but an error of
/// Postgres can quote parameters (<c>log_parameter_max_length_on_error</c>), which hold tokens.
/// </summary>
internal sealed class SpanRedactor : BaseProcessor<Activity>
{
    /// <summary>The activity sources of Npgsql and of the HTTP client (the provider and the API server).</summary>
    public static readonly string[] Sources = ["Npgsql", "System.Net.Http"];

    private const string ConnectionString = "db.npgsql.data_source";

    private readonly ActivityListener _listener = new()
    {
        ShouldListenTo = source => Sources.Contains(source.Name),
        ExceptionRecorder = static (Activity _, Exception exception, ref TagList tags) =>
        {
            tags.Add("exception.message", "See the operator's log.");
            tags.Add("exception.stacktrace", exception.StackTrace ?? "");
        },
    };

    /// <summary>Takes effect immediately.</summary>
    public SpanRedactor() => ActivitySource.AddActivityListener(_listener);

    /// <inheritdoc/>
    public override void OnEnd(Activity data) => data.SetTag(ConnectionString, null);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _listener.Dispose();
        base.Dispose(disposing);
    }
}
