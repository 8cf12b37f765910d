using System.Globalization;

namespace TokenOperator.TestBed.TokenServers;

/// <summary>One answer that <see cref="ScriptedTokenServer"/> gives instead of its own.</summary>
public sealed record ScriptedAnswer
{
    /// <summary>The HTTP status.</summary>
    public int Status { get; init; } = 200;

    /// <summary>The body, whatever it is; null for the one that the server would give by itself (a granted token or a refusal).</summary>
    public string? Body { get; init; }

    /// <summary>Content-Type of <see cref="Body"/>.</summary>
    public string ContentType { get; init; } = "application/json; charset=utf-8";

    /// <summary>Further headers.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();

    /// <summary>The answer waits for this, after the request was received and recorded.</summary>
    public Task? Until { get; init; }

    /// <summary>Sends the headers and half of the body, then nothing until the client goes away.</summary>
    public bool StallAfterHeaders { get; init; }

    /// <summary>Cuts the connection without an answer. The server has done its work by then: a rotated token is lost.</summary>
    public bool CutConnection { get; init; }

    /// <summary>What the server would answer by itself, once <paramref name="release"/> is done.</summary>
    public static ScriptedAnswer Held(Task release) => new() { Until = release };

    /// <summary>What the server would answer by itself, but the connection is cut before.</summary>
    public static ScriptedAnswer Cut { get; } = new() { CutConnection = true };

    /// <summary>Headers and no end.</summary>
    public static ScriptedAnswer Stall { get; } = new() { StallAfterHeaders = true };

    /// <summary>An error as RFC 6749 section 5.2 and Google have it.</summary>
    public static ScriptedAnswer Error(int status, string error, string? description = null, string? subtype = null) =>
        new() { Status = status, Body = GoogleReplies.Error(error, description, subtype) };

    /// <summary>400 invalid_grant, as for a token that a user revoked.</summary>
    public static ScriptedAnswer InvalidGrant { get; } = Error(400, "invalid_grant", "Token has been expired or revoked.");

    /// <summary>400 invalid_grant of an organisation's session policy.</summary>
    public static ScriptedAnswer InvalidRapt { get; } = Error(400, "invalid_grant", "reauth related error (invalid_rapt)", "invalid_rapt");

    /// <summary>401 invalid_client.</summary>
    public static ScriptedAnswer InvalidClient { get; } = Error(401, "invalid_client", "The OAuth client was not found.");

    /// <summary>429, with Retry-After when <paramref name="retryAfter"/> is given.</summary>
    public static ScriptedAnswer RateLimited(TimeSpan? retryAfter = null) => Error(429, "rate_limit_exceeded", "Too many requests.") with
    {
        Headers = retryAfter is { } wait
            ? new Dictionary<string, string> { ["Retry-After"] = ((int)wait.TotalSeconds).ToString(CultureInfo.InvariantCulture) }
            : new Dictionary<string, string>(),
    };

    /// <summary>A server that is at fault.</summary>
    public static ScriptedAnswer ServerError(int status = 503) => Error(status, "internal_failure");

    /// <summary>A page of HTML.</summary>
    public static ScriptedAnswer Html(int status) =>
        new() { Status = status, ContentType = "text/html; charset=UTF-8", Body = "<!DOCTYPE html><html><title>Error</title><p>That's an error.</html>" };

    /// <summary>A redirect to <paramref name="location"/>.</summary>
    public static ScriptedAnswer Redirect(int status, Uri location) =>
        new() { Status = status, Body = "", Headers = new Dictionary<string, string> { ["Location"] = location.AbsoluteUri } };

    /// <summary><paramref name="body"/> as JSON.</summary>
    public static ScriptedAnswer Json(string body, int status = 200) => new() { Status = status, Body = body };
}
