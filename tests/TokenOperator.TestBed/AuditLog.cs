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
    /// <summary>Logs one line per request: when it is answered, or, for a watch, when it starts.</summary>
    internal const string Policy = """
        apiVersion: audit.k8s.io/v1
        kind: Policy
        omitStages: [RequestReceived]
        rules:
        - level: Metadata
        """;

    /// <summary>The log's path.</summary>
    public string File => file;

    /// <summary>All requests of a user so far, in the order of their answers. A watch counts once, when it starts.</summary>
    /// <param name="user">The full user name, such as <c>system:serviceaccount:NAMESPACE:NAME</c>.</param>
    /// <param name="ct">Ends it.</param>
    /// <exception cref="FileNotFoundException">The control plane was started without <see cref="ControlPlaneOptions.Audit"/>.</exception>
    public async Task<IReadOnlyList<AuditedRequest>> RequestsAsync(string user, CancellationToken ct = default)
    {
        var found = new List<AuditedRequest>();
        using var reader = new StreamReader(new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        while (await reader.ReadLineAsync(ct) is { } line)
        {
            // The API server may be in the middle of writing the last line.
            if (!line.EndsWith('}'))
                continue;
            using var document = JsonDocument.Parse(line);
            var entry = document.RootElement;
            var who = Text(entry.GetProperty("user"), "username");
            var verb = Text(entry, "verb");
            // A watch has a second line for its end.
            if (who != user || (verb == "watch" && Text(entry, "stage") != "ResponseStarted"))
                continue;
            var target = entry.TryGetProperty("objectRef", out var reference) ? reference : default;
            var subresource = Text(target, "subresource");
            found.Add(new AuditedRequest(
                who,
                verb,
                Text(target, "apiGroup"),
                subresource.Length > 0 ? $"{Text(target, "resource")}/{subresource}" : Text(target, "resource"),
                Text(target, "namespace"),
                Text(target, "name"),
                entry.TryGetProperty("responseStatus", out var status) && status.TryGetProperty("code", out var code) ? code.GetInt32() : 0));
        }

        return found;
    }

    private static string Text(JsonElement element, string property) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(property, out var value) ? value.GetString() ?? "" : "";
}
