using System.Text.Json.Nodes;

namespace TokenOperator.TestBed;

/// <summary>What a kubelet makes of the operator's pod in rendered manifests, without a container: files and variables.</summary>
public static class RenderedPod
{
    private const string Root = "/etc/token-operator";

    /// <summary>
    /// Writes the ConfigMaps that the pod mounts below <paramref name="folder"/>, and returns the variables of its container, with their paths
    /// in that folder. Variables with paths of Secrets are left out, because manifests contain no Secrets.
    /// </summary>
    public static async Task<(string Name, string Value)[]> MountAsync(IReadOnlyList<JsonObject> objects, string folder)
    {
        var pod = objects.Single(one => (string)one["kind"]! == "Deployment")["spec"]!["template"]!["spec"]!;
        var container = pod["containers"]![0]!;
        var volumes = pod["volumes"]!.AsArray().ToDictionary(volume => (string)volume!["name"]!, volume => volume!);
        var secrets = new List<string>();
        foreach (var mount in container["volumeMounts"]!.AsArray())
        {
            var (path, volume) = ((string)mount!["mountPath"]!, volumes[(string)mount["name"]!]);
            if (volume["secret"] is not null)
                secrets.Add(path);
            var name = (string?)volume["configMap"]?["name"];
            var files = objects.SingleOrDefault(one => (string)one["kind"]! == "ConfigMap" && (string)one["metadata"]!["name"]! == name)?["data"]?.AsObject() ?? [];
            Directory.CreateDirectory(folder + path);
            foreach (var (file, content) in files)
                await File.WriteAllTextAsync(Path.Combine(folder + path, file), (string)content!);
        }

        return [.. from variable in container["env"]!.AsArray()
                   let value = (string?)variable["value"]
                   where value is not null && !secrets.Any(secret => value.StartsWith(secret, StringComparison.Ordinal))
                   select ((string)variable["name"]!, value.Replace(Root, folder + Root, StringComparison.Ordinal))];
    }
}
