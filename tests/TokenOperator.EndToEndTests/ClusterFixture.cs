using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>One control plane for all tests of the group; each test works in a namespace of its own.</summary>
public sealed class ClusterFixture : IAsyncLifetime
{
    private ControlPlane? _plane;
    private int _namespaces;

    public ControlPlane Plane => _plane ?? throw new InvalidOperationException("Not started.");

    /// <summary>Makes a namespace that no other test has.</summary>
    public async Task<string> NewNamespaceAsync()
    {
        var name = $"test-{Interlocked.Increment(ref _namespaces)}";
        await Plane.CreateNamespaceAsync(name);
        return name;
    }

    public async Task InitializeAsync() => _plane = await ControlPlane.StartAsync(new ControlPlaneOptions { Audit = true });

    public async Task DisposeAsync()
    {
        if (_plane is not null)
            await _plane.DisposeAsync();
    }
}

[CollectionDefinition(Name)]
public sealed class ClusterGroup : ICollectionFixture<ClusterFixture>
{
    public const string Name = "Cluster";
}
