using System.Text.Json.Nodes;
using k8s;

namespace TokenOperator.TestBed;

/// <summary>The checkout that this program was built from.</summary>
public static class Repository
{
    /// <summary>The folder with TokenOperator.sln.</summary>
    /// <exception cref="InvalidOperationException">This program is not in a checkout.</exception>
    public static string Root { get; } = FindRoot();

    /// <summary>The full path of a file or folder of the repository.</summary>
    /// <param name="path">Relative to the root, such as <c>config/rbac</c>.</param>
    public static string File(string path) => Path.Combine(Root, path);

    /// <summary>Reads a manifest as an object of the Kubernetes API.</summary>
    /// <param name="path">Relative to the root, such as <c>config/manager/deployment.yaml</c>.</param>
    public static T Manifest<T>(string path) => KubernetesJson.Deserialize<T>(Documents(path).Single().ToJsonString());

    /// <summary>Reads all documents of a YAML file.</summary>
    /// <param name="path">Relative to the root, such as <c>config/rbac/role.yaml</c>.</param>
    public static IReadOnlyList<JsonObject> Documents(string path) => YamlStream.Parse(System.IO.File.ReadAllText(File(path)));

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (System.IO.File.Exists(Path.Combine(folder.FullName, "TokenOperator.sln")))
                return folder.FullName;
        }

        throw new InvalidOperationException($"There is no TokenOperator.sln in {AppContext.BaseDirectory} or above it. Run a build in a checkout of the repository.");
    }
}
