using System.Text;

namespace KubeRuntime.Client;

/// <summary>One request, in the terms of Kubernetes.</summary>
/// <param name="Verb">The verb of RBAC, for messages.</param>
/// <param name="Method">The HTTP method.</param>
/// <param name="Kind">The kind of object.</param>
/// <param name="Name">Namespace (empty for all or for a cluster-scoped object) and name (empty for a collection).</param>
public sealed record ApiRequest(string Verb, HttpMethod Method, ResourceKind Kind, NamespacedName Name)
{
    private const string PartialMetadata = ";g=meta.k8s.io;v=v1";

    /// <summary>The subresource, such as <c>status</c>; null for the object itself.</summary>
    public string? Subresource { get; init; }

    /// <summary>A path that is not that of a resource, such as <c>version</c>; null for that of <see cref="Kind"/>.</summary>
    public string? Path { get; init; }

    /// <summary>The percent-encoded query string without the question mark; null for none.</summary>
    public string? Query { get; init; }

    /// <summary>The body; null for none.</summary>
    public ReadOnlyMemory<byte>? Body { get; init; }

    /// <summary>The media type of <see cref="Body"/>.</summary>
    public string ContentType { get; init; } = "application/json";

    /// <summary>The Accept header.</summary>
    public string Accept { get; init; } = "application/json";

    /// <summary>The Accept header for a response of type <typeparamref name="T"/>: for <see cref="PartialObjectMetadata"/>, metadata only.</summary>
    public static string AcceptFor<T>(bool list = false) => typeof(T) == typeof(PartialObjectMetadata)
        ? $"application/json;as=PartialObjectMetadata{(list ? "List" : "")}{PartialMetadata}"
        : "application/json";

    /// <summary>The URI relative to the server's address, which can have a path in front of the API.</summary>
    public string RelativeUri()
    {
        if (Path is not null)
            return Path;
        var uri = new StringBuilder(128);
        if (Kind.Group.Length == 0)
            uri.Append("api/").Append(Kind.Version);
        else
            uri.Append("apis/").Append(Kind.Group).Append('/').Append(Kind.Version);
        if (!string.IsNullOrEmpty(Name.Namespace))
            uri.Append("/namespaces/").Append(Uri.EscapeDataString(Name.Namespace));
        uri.Append('/').Append(Kind.Plural);
        if (!string.IsNullOrEmpty(Name.Name))
            uri.Append('/').Append(Uri.EscapeDataString(Name.Name));
        if (Subresource is not null)
            uri.Append('/').Append(Subresource);
        if (!string.IsNullOrEmpty(Query))
            uri.Append('?').Append(Query);
        return uri.ToString();
    }

    /// <summary>Verb, kind and object, for messages.</summary>
    public override string ToString()
    {
        if (Path is not null)
            return $"{Verb} {Path}";
        var resource = Subresource is null ? Kind.ToString() : $"{Kind}/{Subresource}";
        return string.IsNullOrEmpty(Name.Name) ? $"{Verb} {resource}{(Name.Namespace is "" ? "" : $" in {Name.Namespace}")}" : $"{Verb} {resource} {Name}";
    }
}

/// <summary>One operation of a JSON patch (RFC 6902).</summary>
/// <param name="Op"><c>test</c>, <c>add</c>, <c>replace</c> or <c>remove</c>.</param>
/// <param name="Path">A JSON pointer (RFC 6901).</param>
/// <param name="Value">The value to test for or to write.</param>
public sealed record JsonPatchOperation(string Op, string Path, object? Value = null);
