using Microsoft.AspNetCore.WebUtilities;

namespace TokenOperator.TestBed.Faults;

/// <summary>A request to a <see cref="HttpFaultProxy"/>, and its outcome.</summary>
/// <param name="Method">GET, PATCH and so on.</param>
/// <param name="Path">The path, without the query.</param>
/// <param name="Query">The query with its question mark, or empty.</param>
/// <param name="Body">The body as text, or empty.</param>
public sealed record HttpExchange(string Method, string Path, string Query, string Body)
{
    /// <summary>The Accept header.</summary>
    public string Accept { get; init; } = "";

    /// <summary>The Authorization header.</summary>
    public string Authorization { get; init; } = "";

    /// <summary>True once the request was sent to the server.</summary>
    public bool Forwarded { get; internal set; }

    /// <summary>The body of the server's answer, except for a GET. The client may not have received it.</summary>
    public string? Answer { get; internal set; }

    /// <summary>A form field, or null.</summary>
    public string? Field(string name) => new FormReader(Body).ReadForm().TryGetValue(name, out var value) ? value.ToString() : null;
}
