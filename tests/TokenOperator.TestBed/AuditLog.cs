using System.Text.Json;

namespace TokenOperator.TestBed;

/// <summary>One request in the API server's audit log.</summary>
/// <param name="User">The user, such as <c>system:serviceaccount:NAMESPACE:NAME</c>.</param>
/// <param name="Verb">get, list, watch, create, update, patch, delete; or patch for a server-side apply.</param>
/// <param name="Group">The API group; empty for the core group and for a path that is not a resource.</param>
/// <param name="Resource">The plural, with the subresource after a slash: <c>oauthtokens/status</c>; empty for a path such as /readyz.</param>
/// <param name="Namespace">Empty for a cluster-scoped object.</param>
/// <param name="Name">Empty for a list.</param>
/// <param name="Status">The HTTP status; 0 if it is unknown.</param>
public sealed record AuditedRequest(string User, string Verb, string Group, string Resource, string Namespace, string Name, int Status)
{
    /// <summary>True for a request that changes an object.</summary>
    public bool IsWrite => Verb is "create" or "update" or "patch" or "delete" or "deletecollection";
}

/// <summary>The API server's audit log, which counts requests independently of their client.</summary>
/// <param name="file">The log's path.</param>
public sealed class AuditLog(string file)
{
    /// <summary>Logs a line when a request arrives, and another one when it is answered, or, for a watch, when it starts.</summary>
    internal const string Policy = """
        apiVersion: audit.k8s.io/v1
        kind: Policy
        rules:
        - level: Metadata
        """;

    /// <summary>How long an answer can take. A request that is open for longer was cut off, as by a crash of the API server.</summary>
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);

    /// <summary>The log's path.</summary>
    public string File => file;

    /// <summary>
    /// All requests of a user so far, in the order of their answers. A watch counts once, when it starts. The API server logs an answer a moment
    /// after it was sent, so this waits for the answers to all requests that have arrived.
    /// </summary>
    /// <param name="user">The full user name, such as <c>system:serviceaccount:NAMESPACE:NAME</c>.</param>
    /// <param name="ct">Ends it.</param>
    /// <exception cref="FileNotFoundException">The control plane was started without <see cref="ControlPlaneOptions.Audit"/>.</exception>
    public async Task<IReadOnlyList<AuditedRequest>> RequestsAsync(string user, CancellationToken ct = default)
    {
        var arrived = (await ReadAsync(user, ct)).Open;
        try
        {
            return (await Eventually.SeesAsync(() => ReadAsync(user, ct), seen => !seen.Open.Overlaps(arrived), Timeout, ct)).Answered;
        }
        catch (TimeoutException)
        {
            return (await ReadAsync(user, ct)).Answered;
        }
    }

    private async Task<(IReadOnlyList<AuditedRequest> Answered, HashSet<string> Open)> ReadAsync(string user, CancellationToken ct)
    {
        var (answered, open) = (new List<AuditedRequest>(), new HashSet<string>(StringComparer.Ordinal));
        using var reader = new StreamReader(new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        while (await reader.ReadLineAsync(ct) is { } line)
        {
            // The API server may be in the middle of writing the last line.
            if (!line.EndsWith('}') || !line.Contains(user, StringComparison.Ordinal))
                continue;
            using var document = JsonDocument.Parse(line);
            var entry = document.RootElement;
            var who = Text(entry.GetProperty("user"), "username");
            var (id, verb, stage) = (Text(entry, "auditID"), Text(entry, "verb"), Text(entry, "stage"));
            if (who != user)
                continue;
            // The answer to a watch starts with its first event, and has another line for its end.
            if (verb == "watch" ? stage == "ResponseStarted" : stage != "RequestReceived" && open.Remove(id))
                answered.Add(Read(entry, who, verb));
            else if (verb != "watch" && stage == "RequestReceived")
                open.Add(id);
        }

        return (answered, open);
    }

    private static AuditedRequest Read(JsonElement entry, string user, string verb)
    {
        var target = entry.TryGetProperty("objectRef", out var reference) ? reference : default;
        var subresource = Text(target, "subresource");
        return new AuditedRequest(
            user,
            verb,
            Text(target, "apiGroup"),
            subresource.Length > 0 ? $"{Text(target, "resource")}/{subresource}" : Text(target, "resource"),
            Text(target, "namespace"),
            Text(target, "name"),
            entry.TryGetProperty("responseStatus", out var status) && status.TryGetProperty("code", out var code) ? code.GetInt32() : 0);
    }

    private static string Text(JsonElement element, string property) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(property, out var value) ? value.GetString() ?? "" : "";
}
