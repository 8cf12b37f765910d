using System.Text.Json.Nodes;

namespace TokenOperator.Providers.Documents;

/// <summary>What a document does not inherit, although it does not say so itself: what belongs to another server.</summary>
internal static class DocumentInheritance
{
    private const string TokenEndpoint = "tokenEndpoint";
    private const string AuthorizationEndpoint = "authorizationEndpoint";

    /// <summary>
    /// What belongs to the server of the token endpoint. A revocation without an address is none, so its rules go, too, unless the document
    /// has some of its own.
    /// </summary>
    private static readonly string[] OfServer =
    [
        AuthorizationEndpoint, "deviceAuthorizationEndpoint", "discoveryEndpoint", "refresh.endpoint", "revocation", "revocation.endpoint", "expiry.checkEndpoint",
        "workloadIdentity.clientAssertion", "workloadIdentity.exchangeEndpoint", "workloadIdentity.credentialsEndpoint", "identity.issuers", "clientAuthentication.audience",
    ];

    /// <summary>The chain, in which each document takes away from its base what it must not inherit.</summary>
    /// <param name="chain">A document, the one that it builds on, and so on.</param>
    public static IReadOnlyList<SourceDocument> Limit(IReadOnlyList<SourceDocument> chain)
    {
        if (!chain.SkipLast(1).Any(document => document.Json.ContainsKey(TokenEndpoint) || document.Rotates))
            return chain;
        var parameters = ProviderDocumentReader.ParametersOf(ProviderResolver.Merge(chain));
        var limited = chain.ToArray();
        for (var i = chain.Count - 2; i >= 0; i--)
            limited[i] = Limit(chain[i], ProviderResolver.Merge(limited[(i + 1)..]), parameters);
        return limited;
    }

    private static SourceDocument Limit(SourceDocument document, JsonObject inherited, IReadOnlyDictionary<string, string?> parameters)
    {
        var isMoved = IsMoved(document.Json, inherited, parameters);
        var rotates = document.Rotates && inherited["rotation"] is JsonObject rotation && TextOf(rotation["mode"]) == "never";
        if (!isMoved && !rotates)
            return document;
        var json = (JsonObject)document.Json.DeepClone();
        foreach (var field in OfServer.Where(field => isMoved && !(field == AuthorizationEndpoint && document.KeepsAuthorizationEndpoint)))
            Remove(json, inherited, field.Split('.'));
        if (rotates)
            json["rotation"] = new JsonObject { ["mode"] = "sometimes" };
        return document with { Json = json };
    }

    /// <summary>
    /// True if the document has a token endpoint of another server than its base, whose tokens and client secrets must not be sent to the
    /// endpoints of the first. An address with a parameter that has no value belongs to no server, and a document with one cannot be used.
    /// </summary>
    private static bool IsMoved(JsonObject json, JsonObject inherited, IReadOnlyDictionary<string, string?> parameters) =>
        json.ContainsKey(TokenEndpoint) && inherited.ContainsKey(TokenEndpoint) && ServerOf(json, parameters) != ServerOf(inherited, parameters);

    /// <summary>The scheme, the host and the port of the token endpoint, or null.</summary>
    private static string? ServerOf(JsonObject json, IReadOnlyDictionary<string, string?> parameters) =>
        TextOf(json[TokenEndpoint]) is { } template
        && DocumentTemplate.Resolve(template, parameters, out _) is { } text
        && Uri.TryCreate(text, UriKind.Absolute, out var address)
            ? address.GetLeftPart(UriPartial.Authority)
            : null;

    /// <summary>Sets a field that is inherited to null, unless the document says something about it.</summary>
    private static void Remove(JsonObject json, JsonObject inherited, ReadOnlySpan<string> path)
    {
        var name = path[0];
        if (inherited[name] is not { } value)
            return;
        if (!json.ContainsKey(name))
            json[name] = path.Length == 1 ? null : new JsonObject();
        if (path.Length > 1 && value is JsonObject fields && json[name] is JsonObject own)
            Remove(own, fields, path[1..]);
    }

    private static string? TextOf(JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
}
