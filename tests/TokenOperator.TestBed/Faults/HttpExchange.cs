using Microsoft.AspNetCore.WebUtilities;

namespace TokenOperator.TestBed.Faults;

/// <summary>A request as it came to a <see cref="HttpFaultProxy"/>, and what became of it.</summary>
/// <param name="Method">GET, PATCH and their like.</param>
/// <param name="Path">The path, without the query.</param>
/// <param name="Query">The query with its question mark, or nothing.</param>
/// <param name="Body">The body as text, or nothing.</param>
public sealed record HttpExchange(string Method, string Path, string Query, string Body)
{
    /// <summary>Which form of the answer was asked for.</summary>
    public string Accept { get; init; } = "";

    /// <summary>True once the request went on to the server.</summary>
    public bool Forwarded { get; internal set; }

    /// <summary>The body of the server's answer, but for a GET; whether it reached the client is another matter.</summary>
    public string? Answer { get; internal set; }

    /// <summary>A field of a form; null when there is none.</summary>
    public string? Field(string name) => new FormReader(Body).ReadForm().TryGetValue(name, out var value) ? value.ToString() : null;
}
