using System.Net;
using k8s.Models;

namespace KubeRuntime.Client;

/// <summary>The API server rejected a request. The message names the verb, kind and object, and contains the server's message.</summary>
public sealed class ApiException(HttpStatusCode statusCode, string reason, string message, TimeSpan? retryAfter = null) : Exception(message)
{
    /// <summary>The status code of the response.</summary>
    public HttpStatusCode StatusCode { get; } = statusCode;

    /// <summary>The reason in the server's status, such as <c>Conflict</c> or <c>Expired</c>; empty when there is none.</summary>
    public string Reason { get; } = reason;

    /// <summary>How long the server asks to wait; null when it does not.</summary>
    public TimeSpan? RetryAfter { get; } = retryAfter;

    /// <summary>The reasons in <c>details.causes</c> of the server's status; empty when there are none.</summary>
    public IReadOnlyList<string> Causes { get; private init; } = [];

    /// <summary>True when the server no longer has the requested resource version (client-go tools/cache/reflector.go, isExpiredError).</summary>
    internal bool IsExpired => StatusCode == HttpStatusCode.Gone || Reason is "Expired" or "Gone";

    /// <summary>
    /// True when the server does not have the requested resource version yet, for example after a restore from a backup (client-go
    /// tools/cache/reflector.go, isTooLargeResourceVersionError).
    /// </summary>
    internal bool IsResourceVersionTooLarge => Causes.Contains("ResourceVersionTooLarge");

    /// <param name="request">Verb, kind and object.</param>
    /// <param name="statusCode">The status code of the response.</param>
    /// <param name="status">The body of the response; null when it is not a status.</param>
    /// <param name="text">The message when the status has none.</param>
    /// <param name="retryAfter">How long the server asks to wait.</param>
    internal static ApiException From(string request, HttpStatusCode statusCode, V1Status? status, string text = "", TimeSpan? retryAfter = null)
    {
        var reason = status?.Reason ?? "";
        var message = $"{request}: {(int)statusCode}{(reason.Length == 0 ? "" : " ")}{reason}: {status?.Message ?? text}";
        return new(statusCode, reason, message, retryAfter)
        {
            Causes = [.. (status?.Details?.Causes ?? []).Select(cause => cause.Reason ?? "")],
        };
    }
}

/// <summary>The API server did not respond, or not in time. Whether it carried out the request is unknown.</summary>
public sealed class ApiUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
