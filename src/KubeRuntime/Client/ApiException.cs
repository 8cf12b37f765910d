using System.Net;

namespace KubeRuntime.Client;

/// <summary>The API server refused a request. The message names verb, kind and object, and says what the server said.</summary>
public sealed class ApiException(HttpStatusCode statusCode, string reason, string message, TimeSpan? retryAfter = null) : Exception(message)
{
    /// <summary>The status of the answer.</summary>
    public HttpStatusCode StatusCode { get; } = statusCode;

    /// <summary>The server's word for it, such as <c>Conflict</c> or <c>Expired</c>; empty when it gave none.</summary>
    public string Reason { get; } = reason;

    /// <summary>How long the server asks to wait, if it does.</summary>
    public TimeSpan? RetryAfter { get; } = retryAfter;
}

/// <summary>The API server did not answer, or not in time. Whether the request was carried out is unknown.</summary>
public sealed class ApiUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
