using System.Text.Json.Nodes;

namespace KubectlOAuthToken.Report;

/// <summary>
/// The parts of a spec whose names and values its author chooses. Such a value can be a secret that looks like none, such as the key of a
/// partner in a header field. A report shows its name.
/// </summary>
internal static class FreeText
{
    private static readonly HashSet<string> Maps = ["headers", "parameters", "claims", "labels", "annotations"];

    /// <summary>A copy of a spec with all names, and without the values of free text.</summary>
    public static JsonNode? Hide(JsonNode? spec)
    {
        if (spec is not JsonObject fields)
            return spec?.DeepClone();
        // The spec's own parameters are parts of addresses (docs/provider-reference.md), and show which tenant is meant.
        var kept = fields.DeepClone().AsObject();
        foreach (var (name, value) in fields.Where(field => field.Key != "parameters"))
            kept[name] = Hide(name, value);
        return kept;
    }

    private static JsonNode? Hide(string name, JsonNode? value) => value switch
    {
        JsonObject map when Maps.Contains(name) => new JsonObject(map.Select(field => KeyValuePair.Create(field.Key, (JsonNode?)SecretFilter.Hidden))),
        JsonObject fields => new JsonObject(fields.Select(field => KeyValuePair.Create(field.Key, Hide(field.Key, field.Value)))),
        JsonArray list => new JsonArray([.. list.Select(item => Hide("", item))]),
        _ => value?.DeepClone(),
    };
}
