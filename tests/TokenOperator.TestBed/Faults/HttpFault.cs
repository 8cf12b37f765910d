using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace TokenOperator.TestBed.Faults;

/// <summary>A fault that a <see cref="HttpFaultProxy"/> injects into matching requests until <see cref="End"/>.</summary>
public sealed class HttpFault
{
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Func<HttpExchange, bool> _match;
    private readonly Func<HttpContext, Task, CancellationToken, Task>? _answer;
    private int _count;

    private HttpFault(Func<HttpExchange, bool> match, Func<HttpContext, Task, CancellationToken, Task>? answer, Func<string, bool>? drops = null) =>
        (_match, _answer, Drops) = (match, answer, drops);

    /// <summary>The number of requests that it has affected.</summary>
    public int Count => _count;

    /// <summary>Selects the lines that are removed from an answer; null if the answer does not come from the server.</summary>
    internal Func<string, bool>? Drops { get; }

    /// <summary>Ends the fault: further requests pass, and answers that it kept open end.</summary>
    public void End() => _ended.TrySetResult();

    internal bool Hits(HttpExchange exchange)
    {
        if (_ended.Task.IsCompleted || !_match(exchange))
            return false;
        Interlocked.Increment(ref _count);
        return true;
    }

    internal Task AnswerAsync(HttpContext context, CancellationToken gone) => _answer!(context, _ended.Task, gone);

    internal static HttpFault Refusing(Func<HttpExchange, bool> match, int status, TimeSpan? retryAfter) => new(match, async (context, _, gone) =>
    {
        context.Response.StatusCode = status;
        if (retryAfter is { } wait)
            context.Response.Headers.RetryAfter = $"{wait.TotalSeconds:0}";
        var reason = status switch { 409 => "Conflict", 410 => "Expired", 429 => "TooManyRequests", _ => "InternalError" };
        var body = new JsonObject
        {
            ["kind"] = "Status",
            ["apiVersion"] = "v1",
            ["metadata"] = new JsonObject(),
            ["status"] = "Failure",
            ["message"] = "refused by the test",
            ["reason"] = reason,
            ["code"] = status,
        };
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(body.ToJsonString(), gone);
    });

    internal static HttpFault Empty(Func<HttpExchange, bool> match) => new(match, (context, _, gone) => context.Response.StartAsync(gone));

    internal static HttpFault Silent(Func<HttpExchange, bool> match) => new(match, async (context, ended, gone) =>
    {
        await context.Response.StartAsync(gone);
        await ended.WaitAsync(gone);
    });

    internal static HttpFault Dropping(Func<HttpExchange, bool> match, Func<string, bool> drops) => new(match, null, drops);
}
