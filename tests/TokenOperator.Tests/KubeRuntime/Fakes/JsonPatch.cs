using System.Text.Json.Nodes;

namespace TokenOperator.Tests.KubeRuntime.Fakes;

/// <summary>The part of RFC 6902 that the runtime uses.</summary>
internal static class JsonPatch
{
    public static void Apply(JsonObject target, JsonArray operations)
    {
        foreach (var operation in operations.Select(o => o!.AsObject()))
        {
            var path = ((string)operation["path"]!).Trim('/').Split('/');
            var parent = path[..^1].Aggregate((JsonNode)target, (node, part) => node[part]!);
            var value = operation["value"];
            switch ((string?)operation["op"])
            {
                case "test" when parent[path[^1]]?.ToJsonString() != value?.ToJsonString():
                    throw new RefusedException(422, "Invalid", $"testing value {operation["path"]} failed");
                case "add" or "replace":
                    parent[path[^1]] = value?.DeepClone();
                    break;
                case "remove":
                    parent.AsObject().Remove(path[^1]);
                    break;
            }
        }
    }
}
