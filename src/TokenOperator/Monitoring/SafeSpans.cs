using System.Diagnostics;
using OpenTelemetry;

namespace TokenOperator.Monitoring;

/// <summary>
/// Keeps out of the traces what does not belong there. Statements come without their parameters and addresses without their
/// query; but an error of Postgres can quote parameters (<c>log_parameter_max_length_on_error</c>), and those hold tokens.
/// </summary>
internal sealed class SafeSpans : BaseProcessor<Activity>
{
    /// <summary>Npgsql's own source, and that of the HTTP client: the provider and the API server.</summary>
    public static readonly string[] Sources = ["Npgsql", "System.Net.Http"];

    private const string ConnectionString = "db.npgsql.data_source";

    private readonly ActivityListener _listener = new()
    {
        ShouldListenTo = source => Sources.Contains(source.Name),
        ExceptionRecorder = static (Activity _, Exception exception, ref TagList tags) =>
        {
            tags.Add("exception.message", "The operator's log has a sentence about it.");
            tags.Add("exception.stacktrace", exception.StackTrace ?? "");
        },
    };

    /// <summary>Takes effect at once.</summary>
    public SafeSpans() => ActivitySource.AddActivityListener(_listener);

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
