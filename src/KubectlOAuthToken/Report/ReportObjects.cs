using System.Runtime.CompilerServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using KubectlOAuthToken.Kubernetes;
using KubeRuntime;
using KubeRuntime.Client;

namespace KubectlOAuthToken.Report;

/// <summary>Reads objects as the API server has them, and keeps the fields that a report needs.</summary>
/// <param name="cluster">The cluster.</param>
internal sealed class ReportObjects(Cluster cluster)
{
    private const string OwnAnnotations = "tokenoperator.dev/";
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly string[] Metadata = ["name", "namespace", "uid", "generation", "creationTimestamp", "deletionTimestamp", "finalizers", "annotations"];

    /// <summary>The objects of a kind with their spec and status, as JSON.</summary>
    public async Task<string> WholeAsync(ResourceKind kind, string ns, CancellationToken cancellationToken)
    {
        var items = new JsonArray();
        await foreach (var item in ListAsync(kind, ns, "", cancellationToken))
            items.Add((JsonNode)new JsonObject { ["metadata"] = MetadataOf(item), ["spec"] = FreeText.Hide(item["spec"]), ["status"] = item["status"]?.DeepClone() });
        return Text(items);
    }

    /// <summary>Pods without their environment: images and states.</summary>
    public async Task<string> PodsAsync(ResourceKind kind, string ns, string selector, CancellationToken cancellationToken)
    {
        var items = new JsonArray();
        await foreach (var item in ListAsync(kind, ns, $"&labelSelector={Uri.EscapeDataString(selector)}", cancellationToken))
        {
            var containers = (item["spec"]?["containers"] as JsonArray ?? []).Select(container =>
                (JsonNode)new JsonObject { ["name"] = container?["name"]?.DeepClone(), ["image"] = container?["image"]?.DeepClone(), ["resources"] = container?["resources"]?.DeepClone() });
            items.Add((JsonNode)new JsonObject
            {
                ["metadata"] = MetadataOf(item),
                ["nodeName"] = item["spec"]?["nodeName"]?.DeepClone(),
                ["containers"] = new JsonArray([.. containers]),
                ["status"] = item["status"]?.DeepClone(),
            });
        }

        return Text(items);
    }

    /// <summary>Events about objects that are wanted, oldest first, one per line.</summary>
    public async Task<string> EventsAsync(string ns, string fieldSelector, Func<string, bool> isWanted, CancellationToken cancellationToken)
    {
        var lines = new List<string>();
        var kind = new ResourceKind("", "v1", "Event", "events");
        await foreach (var item in ListAsync(kind, ns, fieldSelector.Length == 0 ? "" : $"&fieldSelector={Uri.EscapeDataString(fieldSelector)}", cancellationToken))
        {
            var about = item["involvedObject"] as JsonObject ?? [];
            if (!isWanted(Field(about, "name")))
                continue;
            var series = item["series"] as JsonObject;
            var time = new[] { series is null ? "" : Field(series, "lastObservedTime"), Field(item, "lastTimestamp"), Field(item, "eventTime"), Field(item["metadata"] as JsonObject ?? [], "creationTimestamp") }.First(text => text.Length > 0);
            var count = Field(series ?? item, "count");
            lines.Add($"{time}   {Field(item, "type")}   {Field(item, "reason")}{(count is "" or "1" ? "" : $" x{count}")}   {Field(about, "kind")} {Field(about, "namespace")}/{Field(about, "name")}: {Field(item, "message").ReplaceLineEndings(" ")}");
        }

        return string.Concat(lines.Order(StringComparer.Ordinal).Select(line => line + "\n"));
    }

    /// <summary>The text that the API server answers.</summary>
    public async Task<string> TextAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        using var response = await cluster.Api.OpenAsync(request, cancellationToken);
        return await response.Content.ReadAsStringAsync(cancellationToken);
    }

    private async IAsyncEnumerable<JsonObject> ListAsync(
        ResourceKind kind, string ns, string query, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (string? next = ""; next is not null;)
        {
            var page = JsonNode.Parse(await TextAsync(new ApiRequest("list", HttpMethod.Get, kind, new(ns, "")) { Query = $"limit=250{query}{next}" }, cancellationToken));
            foreach (var item in page?["items"] as JsonArray ?? [])
            {
                if (item is JsonObject fields)
                    yield return fields;
            }

            next = (string?)page?["metadata"]?["continue"] is { Length: > 0 } token ? $"&continue={Uri.EscapeDataString(token)}" : null;
        }
    }

    private static JsonObject MetadataOf(JsonObject item)
    {
        var metadata = item["metadata"] as JsonObject ?? [];
        var kept = new JsonObject(Metadata.Where(metadata.ContainsKey).Select(name => KeyValuePair.Create(name, metadata[name]?.DeepClone())));
        // Others put whole objects and more into annotations.
        if (kept["annotations"] is JsonObject annotations)
            kept["annotations"] = new JsonObject(annotations.Where(entry => entry.Key.StartsWith(OwnAnnotations, StringComparison.Ordinal)).Select(entry => KeyValuePair.Create(entry.Key, entry.Value?.DeepClone())));
        return kept;
    }

    private static string Text(JsonNode node) => node.ToJsonString(Indented) + "\n";

    private static string Field(JsonObject item, string name) => item[name] switch
    {
        JsonValue value => value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : value.ToJsonString(),
        _ => "",
    };
}
