using System.Text.Json.Nodes;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>Helm, and a cluster that nothing is installed in.</summary>
public sealed class ChartFixture : IAsyncLifetime
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("chart-");
    private ControlPlane? _plane;
    private Helm? _helm;

    public ControlPlane Plane => _plane ?? throw new InvalidOperationException("Not started.");

    public Helm Helm => _helm ?? throw new InvalidOperationException("Not started.");

    public async Task InitializeAsync()
    {
        _plane = await ControlPlane.StartAsync();
        _helm = await Helm.FindAsync(_plane.AdminKubeconfig, _folder.FullName);
    }

    public async Task DisposeAsync()
    {
        _folder.Delete(recursive: true);
        if (_plane is not null)
            await _plane.DisposeAsync();
    }

    /// <summary>An empty folder for one test.</summary>
    public string NewFolder() => _folder.CreateSubdirectory(Path.GetRandomFileName()).FullName;

    /// <summary>The objects that kustomize builds from a folder of config/.</summary>
    public async Task<IReadOnlyList<JsonObject>> BuildAsync(string folder) => YamlStream.Parse(await Plane.Kubectl.RunAsync(["kustomize", Repository.File($"config/{folder}")]));

    /// <summary>The objects of the chart, written by kustomize like those of config/.</summary>
    public async Task<IReadOnlyList<JsonObject>> RenderAsync(params IEnumerable<string> arguments)
    {
        var folder = NewFolder();
        await File.WriteAllTextAsync(Path.Combine(folder, "rendered.yaml"), await Helm.RenderAsync(arguments));
        await File.WriteAllTextAsync(Path.Combine(folder, "kustomization.yaml"), "resources: [rendered.yaml]\n");
        return YamlStream.Parse(await Plane.Kubectl.RunAsync(["kustomize", folder]));
    }
}
