using System.Text.Json.Nodes;
using k8s.Models;
using KubeRuntime;
using KubeRuntime.Watching;

namespace TokenOperator.Tests.KubeRuntime.Fakes;

[KubernetesEntity(Group = "test.dev", ApiVersion = "v1", Kind = "Gadget", PluralName = "gadgets")]
internal sealed class Gadget : CustomKubernetesEntity<Gadget.EntitySpec, Gadget.EntityStatus>
{
    public static readonly ResourceKind ResourceKind = ResourceKind.Of<Gadget>();

    public static JsonObject Manifest(string name, string size = "small", string ns = "shop", params string[] finalizers)
    {
        var metadata = new JsonObject { ["name"] = name, ["namespace"] = ns };
        if (finalizers.Length > 0)
            metadata["finalizers"] = new JsonArray([.. finalizers.Select(f => (JsonNode)f)]);
        return new JsonObject
        {
            ["apiVersion"] = "test.dev/v1",
            ["kind"] = "Gadget",
            ["metadata"] = metadata,
            ["spec"] = new JsonObject { ["size"] = size },
        };
    }

    /// <summary>A gadget that does not fit its class, as after a change of its CRD.</summary>
    public static JsonObject Misfit(string name)
    {
        var manifest = Manifest(name);
        manifest["spec"]!["size"] = new JsonObject { ["width"] = 3 };
        return manifest;
    }

    internal sealed class EntitySpec
    {
        public string? Size { get; set; }
    }

    internal sealed class EntityStatus
    {
        public string? Phase { get; set; }
    }
}

/// <summary>The projection of a watched Secret.</summary>
internal sealed record Part(NamespacedName Key, string ResourceVersion, string Owner) : ICachedItem
{
    public static Part? From(PartialObjectMetadata secret) =>
        secret.GetLabel("gadget") is { } owner ? new(secret.Key(), secret.Metadata.ResourceVersion, owner) : null;
}
