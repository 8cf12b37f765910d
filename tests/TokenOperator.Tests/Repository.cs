using k8s;
using YamlDotNet.Serialization;

namespace TokenOperator.Tests;

/// <summary>The checkout that the tests run in.</summary>
internal static class Repository
{
    /// <summary>Full path of a file that is named from the repository's top.</summary>
    public static string File(string path) => Path.Combine(Top, path);

    /// <summary>Reads a manifest as an object of the Kubernetes API.</summary>
    public static T Manifest<T>(string path)
    {
        var yaml = new DeserializerBuilder().WithAttemptingUnquotedStringTypeDeserialization().Build().Deserialize<object>(System.IO.File.ReadAllText(File(path)));
        return KubernetesJson.Deserialize<T>(new SerializerBuilder().JsonCompatible().Build().Serialize(yaml));
    }

    private static string Top { get; } = FindTop();

    private static string FindTop()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !System.IO.File.Exists(Path.Combine(folder.FullName, "TokenOperator.sln")))
            folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("TokenOperator.sln is in no folder above the tests.");
    }
}
