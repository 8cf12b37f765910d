using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>One control plane and one Postgres for all tests of a group; each test works in a namespace and a database of its own.</summary>
public sealed class ClusterFixture : IAsyncLifetime
{
    /// <summary>Where the operator lives.</summary>
    public const string OperatorNamespace = "token-operator-system";

    /// <summary>Who it is.</summary>
    public const string ServiceAccount = "token-operator";

    private ControlPlane? _plane;
    private PostgresServer? _postgres;
    private OperatorFixture? _shared;
    private Func<ControlPlane, Task<string>> _install = InstallAsync;
    private int _namespaces;

    public ControlPlane Plane => _plane ?? throw new InvalidOperationException("Not started.");

    public PostgresServer Postgres => _postgres ?? throw new InvalidOperationException("Not started.");

    /// <summary>A kubeconfig with the token of the operator's ServiceAccount, which has the rights of config/rbac and no others.</summary>
    public string OperatorKubeconfig { get; private set; } = "";

    /// <summary>Makes a namespace that no other test has.</summary>
    public async Task<string> NewNamespaceAsync()
    {
        var name = $"test-{Interlocked.Increment(ref _namespaces)}";
        await Plane.CreateNamespaceAsync(name);
        return name;
    }

    /// <summary>An operator for the tests that need no more of it than to run; each works with accounts of its own.</summary>
    public async Task<OperatorFixture> SharedFixtureAsync()
    {
        _shared ??= await OperatorFixture.StartAsync(this);
        // It ends when it loses its lease, as in a test that restarts the API server; a kubelet would start it again.
        if (_shared.Operator.HasExited)
            await _shared.StartOperatorAsync();
        return _shared;
    }

    /// <summary>One for a single test, with another install, which gives the operator's kubeconfig.</summary>
    public static async Task<ClusterFixture> StartAsync(Func<ControlPlane, Task<string>> install)
    {
        var cluster = new ClusterFixture { _install = install };
        await cluster.InitializeAsync();
        return cluster;
    }

    /// <summary>Runs a script of <c>hack/</c> as the administrator, or with another kubeconfig.</summary>
    public async Task<CommandResult> RunScriptAsync(string script, IEnumerable<string> arguments, string? kubeconfig = null) => await Command.RunAsync(
        Repository.File($"hack/{script}"),
        arguments,
        environment: new Dictionary<string, string?>
        {
            ["KUBECONFIG"] = kubeconfig ?? Plane.AdminKubeconfig,
            ["PATH"] = $"{Environment.GetEnvironmentVariable("PATH")}:{(await TestAssets.FindAsync()).Folder}",
        });

    public async Task InitializeAsync()
    {
        var postgres = PostgresServer.StartAsync();
        _plane = await ControlPlane.StartAsync(new ControlPlaneOptions
        {
            Audit = true,
            // Some clusters have it: who makes an owner's deletion wait needs a right over the owner.
            ApiServerArguments = ["--enable-admission-plugins=OwnerReferencesPermissionEnforcement"],
        });
        _postgres = await postgres;
        OperatorKubeconfig = await _install(_plane);
    }

    public async Task DisposeAsync()
    {
        if (_shared is not null)
            await _shared.DisposeAsync();
        if (_plane is not null)
            await _plane.DisposeAsync();
        if (_postgres is not null)
            await _postgres.DisposeAsync();
    }

    /// <summary>Installs the CRD and the rights as config/ has them; gives the operator's kubeconfig.</summary>
    public static Task<string> InstallAsync(ControlPlane plane) => Manifests.InstallAsync(plane, OperatorNamespace, ServiceAccount);
}

/// <summary>
/// The tests of most subjects. The groups run beside each other, each with a cluster of its own, because the tests of all of them mostly
/// wait; they take about equally long.
/// </summary>
[CollectionDefinition(Name)]
public sealed class ClusterGroup : ICollectionFixture<ClusterFixture>
{
    public const string Name = "Cluster";
}

/// <summary>A Postgres or a provider that fails, and an API server that restarts.</summary>
[CollectionDefinition(Name)]
public sealed class FaultGroup : ICollectionFixture<ClusterFixture>
{
    public const string Name = "Faults";
}

/// <summary>What a person does: the plugin, consent in a browser, the command line.</summary>
[CollectionDefinition(Name)]
public sealed class PersonGroup : ICollectionFixture<ClusterFixture>
{
    public const string Name = "Person";
}

/// <summary>What monitoring sees while all goes wrong, and operators that are killed at every point of a refresh.</summary>
[CollectionDefinition(Name)]
public sealed class AlertGroup : ICollectionFixture<ClusterFixture>
{
    public const string Name = "Alerts";
}

/// <summary>Leaders that change, an API server that fails, and connections that do.</summary>
[CollectionDefinition(Name)]
public sealed class LinkGroup : ICollectionFixture<ClusterFixture>
{
    public const string Name = "Links";
}
