using System.Globalization;

namespace TokenOperator.TestBed.TokenServers;

/// <summary>An answer that <see cref="ScriptedTokenServer"/> gives instead of its own.</summary>
public sealed record ScriptedAnswer
{
    /// <summary>The HTTP status.</summary>
    public int Status { get; init; } = 200;

    /// <summary>The body; null for the server's own answer, a granted token or a refusal.</summary>
    public string? Body { get; init; }

    /// <summary>Content-Type of <see cref="Body"/>.</summary>
    public string ContentType { get; init; } = "application/json; charset=utf-8";

    /// <summary>Further headers.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();

    /// <summary>Delays the answer until this completes. The request is recorded before.</summary>
    public Task? Until { get; init; }

    /// <summary>Sends the headers and half of the body, and then nothing until the client disconnects.</summary>
    public bool StallAfterHeaders { get; init; }

    /// <summary>Cuts the connection without an answer, after the server has processed the request: a rotated token is lost.</summary>
    public bool CutConnection { get; init; }

    /// <summary>The server's own answer, once <paramref name="release"/> completes.</summary>
    public static ScriptedAnswer Held(Task release) => new() { Until = release };

    /// <summary>The server's own answer, lost because the connection is cut.</summary>
    public static ScriptedAnswer Cut { get; } = new() { CutConnection = true };

    /// <summary>Headers and half of a body without an end.</summary>
    public static ScriptedAnswer Stall { get; } = new() { StallAfterHeaders = true };

    /// <summary>An error in the form of RFC 6749 section 5.2 and of Google.</summary>
    public static ScriptedAnswer Error(int status, string error, string? description = null, string? subtype = null) =>
        new() { Status = status, Body = GoogleReplies.Error(error, description, subtype) };

    /// <summary>400 invalid_grant, as for a token that a user revoked.</summary>
    public static ScriptedAnswer InvalidGrant { get; } = Error(400, "invalid_grant", "Token has been expired or revoked.");

    /// <summary>400 invalid_grant because of an organization's session policy.</summary>
    public static ScriptedAnswer InvalidRapt { get; } = Error(400, "invalid_grant", "reauth related error (invalid_rapt)", "invalid_rapt");

    /// <summary>401 invalid_client.</summary>
    public static ScriptedAnswer InvalidClient { get; } = Error(401, "invalid_client", "The OAuth client was not found.");

    /// <summary>429, with Retry-After if <paramref name="retryAfter"/> is given.</summary>
    public static ScriptedAnswer RateLimited(TimeSpan? retryAfter = null) => Error(429, "rate_limit_exceeded", "Too many requests.") with
    {
        Headers = retryAfter is { } wait
            ? new Dictionary<string, string> { ["Retry-After"] = ((int)wait.TotalSeconds).ToString(CultureInfo.InvariantCulture) }
            : new Dictionary<string, string>(),
    };

    /// <summary>503, a failure of the server.</summary>
    public static ScriptedAnswer ServerError(int status = 503) => Error(status, "internal_failure");

    /// <summary>An HTML page.</summary>
    public static ScriptedAnswer Html(int status) =>
        new() { Status = status, ContentType = "text/html; charset=UTF-8", Body = "<!DOCTYPE html><html><title>Error</title><p>That's an error.</html>" };

    /// <summary>A redirect to <paramref name="location"/>.</summary>
    public static ScriptedAnswer Redirect(int status, Uri location) =>
        new() { Status = status, Body = "", Headers = new Dictionary<string, string> { ["Location"] = location.AbsoluteUri } };

    /// <summary><paramref name="body"/> as JSON.</summary>
    public static ScriptedAnswer Json(string body, int status = 200) => new() { Status = status, Body = body };
}
